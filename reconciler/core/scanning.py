"""Whether an image may be deployed, from what Google's scan of it found. Pure.

What is not known is not clean: an image passes when its scan has ended and nothing in it is too severe, and in no other
case. What serves already is judged alike and only told of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from reconciler.core.keeping import Image

_LONGEST_WORD = 200
_MOST = 5
"""Findings of an image, of one sort, that are named one by one, the worst first."""
GOOGLES = frozenset({"goog-analysis", "goog-vulnz"})
"""Projects of Google's own notes: whoever may write occurrences may write one of a note of their own."""
_NUMBERED = re.compile(r"CVE-(\d{4})-(\d{4,19})", re.IGNORECASE)
_BY_GCR = re.compile(r"((us|eu|asia)\.)?gcr\.io")
_GCR = re.compile(
    r"(?P<name>(?:(?:us|eu|asia)\.)?gcr\.io/(?P<project>(?:[^/.:\s]*\.[^/:\s]*/)?[^/.\s]+)/[^@:\s]+)"
    r"(?::[\w.-]+)?(?P<digest>@sha256:[0-9a-f]{64})"
)
_SCHEME = "https://"


class Severity(IntEnum):
    """How bad a finding is, as Google has it: that of the distribution where there is one.

    Source:
        `grafeas.grafeas_v1.Severity`.
    """

    UNSPECIFIED = 0
    MINIMAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class Clearance(StrEnum):
    """What is decided of an image."""

    PASSED = "passed"
    WAITING = "waiting"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Finding:
    """A vulnerability of one package in an image.

    Args:
        cve: Its number.
        package: The package's name.
        installed: Its version.
        fixed: Version to go to; empty where there is none.
        severity: The effective one.
        occurrence: Name of what was written of it.
        note: Name of what dates it: Google's own, or of whoever else found it.
        published: When it became known to everybody; None where nobody says.
    """

    cve: str
    package: str
    installed: str = ""
    fixed: str = ""
    severity: Severity = Severity.UNSPECIFIED
    occurrence: str = ""
    note: str = ""
    published: datetime | None = None

    @property
    def by(self) -> str:
        """Give the project of whoever else than Google found it; empty where it was Google."""
        project = self.note.removeprefix("projects/").partition("/")[0]
        return "" if project in GOOGLES else project


@dataclass(frozen=True, slots=True)
class Scanned:
    """What Google wrote of one image.

    Args:
        status: Of its scan: `PENDING`, `SCANNING`, `FINISHED_SUCCESS`, ...; empty where there was none.
        watched: False where nobody looks any more whether something new is known.
        error: Why the scan failed.
        findings: What was found.
        begun: When Google first knew of the image; None where that is not told.
    """

    status: str = ""
    watched: bool = True
    error: str = ""
    findings: tuple[Finding, ...] = ()
    begun: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why it is not known what was found.

    Args:
        why: In words, with what to do.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """A vulnerability that is lived with.

    Args:
        cve: Its number.
        until: Last day, UTC.
    """

    cve: str
    until: date


@dataclass(frozen=True, slots=True)
class Rule:
    """What a spec allows (`registry.scan`).

    Args:
        fixable: Findings this severe block that have a fix.
        unfixed: Those that have none; None for no such.
        allow: What is lived with.
        grace: How long after it was published a vulnerability only warns.
        where: Where in the spec one more is allowed: file:line:column; nothing: not known.
    """

    fixable: Severity
    unfixed: Severity | None = None
    allow: tuple[Allowance, ...] = ()
    grace: timedelta = timedelta(0)
    where: str = ""

    @classmethod
    def of(cls, scan: Any, where: str = "") -> Rule:
        """Read the section of a spec.

        Args:
            scan: `registry.scan`.
            where: Its place.
        """
        unfixed = scan.fail_on_unfixed
        return cls(
            fixable=Severity[scan.fail_on.upper()],
            unfixed=None if unfixed is None else Severity[unfixed.upper()],
            allow=tuple(Allowance(each.cve, date.fromisoformat(each.until)) for each in scan.allow),
            grace=timedelta(seconds=scan.grace_s),
            where=where,
        )

    def until(self, cve: str) -> date | None:
        """Give the last day on which a vulnerability is lived with; None where it is not."""
        return next((each.until for each in self.allow if each.cve.upper() == cve.upper()), None)

    def severe(self, finding: Finding) -> bool:
        """Tell whether a finding would block, whatever is allowed for a time."""
        least = self.fixable if finding.fixed else self.unfixed
        unknown = finding.severity is Severity.UNSPECIFIED  # not known is not clean
        return least is not None and (unknown or finding.severity >= least)

    def weighs(self, finding: Finding, now: datetime) -> bool:
        """Tell whether a finding is severe and not allowed, so that its age matters."""
        until = self.until(finding.cve)
        return self.severe(finding) and (until is None or now.date() > until)

    def spares(self, finding: Finding, now: datetime) -> bool:
        """Tell whether a finding is new enough to be told of only. Of one that nobody dates that is not known."""
        return bool(self.grace) and finding.published is not None and now < finding.published + self.grace


@dataclass(frozen=True, slots=True)
class Judged:
    """What is decided of an image, and why.

    Args:
        clearance: The decision.
        why: Why it is not deployed, a line each; none for one that passes.
        warnings: What is wrong and stops nothing.
    """

    clearance: Clearance
    why: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


_LONGEST = timedelta(hours=1)
"""A scan takes minutes. What has not ended by then is nothing to wait for."""
_ANOTHER = "push it again, as another digest"
_UNFINISHED = frozenset({"PENDING", "SCANNING"})
_SUCCESS = frozenset({"FINISHED_SUCCESS", "COMPLETE"})
_NOT_SCANNED = (
    "it was not scanned: what is pushed is, while containerscanning.googleapis.com is on in project {project} and the "
    "repository does not refuse it (mlservice doctor); then push the image again"
)


def judge(rule: Rule, found: Scanned | Unreadable, now: datetime, project: str = "") -> Judged:
    """Decide whether an image may be deployed.

    Args:
        rule: What the spec allows.
        found: What Google wrote of the image, or why that is not known.
        now: The time.
        project: Where the image lies, for what to do.
    """
    if isinstance(found, Unreadable):
        return Judged(Clearance.BLOCKED, (found.why,))
    weighing = _worst_first(each for each in found.findings if rule.weighs(each, now))
    blocking = [each for each in weighing if not rule.spares(each, now)]
    warnings = (*_spared(rule, weighing, now), *_lived_with(rule, found.findings, now), *_unfixed(rule, found.findings))
    if blocking:
        return Judged(Clearance.BLOCKED, tuple(_named(rule, blocking, now)), warnings)
    if found.status in _UNFINISHED:
        if found.begun and now - found.begun > _LONGEST:
            late = f"its scan has not ended since {found.begun:%Y-%m-%d %H:%M} UTC ({found.status}); {_ANOTHER}"
            return Judged(Clearance.BLOCKED, (late,), warnings)
        wait = f"it is being scanned ({found.status}): plan again in a few minutes"
        return Judged(Clearance.WAITING, (wait,), warnings)
    if found.status not in _SUCCESS:
        return Judged(Clearance.BLOCKED, (_unfinished(found, project),), warnings)
    stale = () if found.watched else (_STALE,)
    return Judged(Clearance.PASSED, (), (*stale, *warnings))


_STALE = "nobody pulled it for 30 days, and what became known since then is not looked for: pull it once"


def _unfinished(found: Scanned, project: str) -> str:
    """Say what became of a scan that tells nothing."""
    if not found.status:
        return _NOT_SCANNED.format(project=project)
    if found.status == "FINISHED_UNSUPPORTED":
        return "Google does not scan what it is made of (FINISHED_UNSUPPORTED): build it on a base that it does"
    why = f": {_word(found.error)}" if found.error else ""
    return f"its scan failed ({found.status}){why}; {_ANOTHER}"


def _worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(
        findings,
        key=lambda each: (
            -(each.severity or Severity.CRITICAL),
            not each.fixed,
            each.cve,
            each.package,
            each.installed,
        ),
    )


def said(finding: Finding) -> str:
    """Say what was found, and the way out."""
    version = f" {_word(finding.installed)}" if finding.installed else ""
    way = f"go to {_word(finding.fixed)}" if finding.fixed else "no version of it is fixed"
    unknown = finding.severity is Severity.UNSPECIFIED
    severity = "nobody says how severe" if unknown else finding.severity.name.capitalize()
    by = f", as a note of project {_word(finding.by)} says" if finding.by else ""
    return f"{_word(finding.cve)} ({severity}) in {_word(finding.package)}{version}{by}: {way}"


def _word(text: str) -> str:
    """Give what somebody wrote in an occurrence as a part of one line: who may write one draws no lines of a plan."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _LONGEST_WORD else f"{one_line[:_LONGEST_WORD]}…"


def _named(rule: Rule, blocking: Sequence[Finding], now: datetime) -> Iterator[str]:
    place = f" ({rule.where})" if rule.where else ""
    for each in blocking[:_MOST]:
        until = rule.until(each.cve)
        past = f"; it was allowed until {until}, which is past" if until else ""
        line = f"{{cve: {_word(each.cve)}, until: {_next_month(now.date())}, reason: ...}}"
        yield f"{said(each)}{past}; or live with it for a time, registry.scan.allow: [{line}]{place}"
    yield from _more(len(blocking), "as severe")


def _more(many: int, what: str) -> Iterator[str]:
    """Count what is not named one by one."""
    if many > _MOST:
        yield f"and {many - _MOST} more {what}: gcloud artifacts vulnerabilities list IMAGE"


def _next_month(day: date) -> date:
    """Give the last day of the next month: a month at least, and not another one each day, which would be news."""
    after = (day.replace(day=1) + timedelta(days=62)).replace(day=1)
    return after - timedelta(days=1)


def _spared(rule: Rule, weighing: Iterable[Finding], now: datetime) -> Iterator[str]:
    spared = [(each.published + rule.grace, each) for each in weighing if rule.spares(each, now) and each.published]
    soonest = sorted(spared, key=lambda each: each[0])
    for blocks, each in soonest[:_MOST]:
        yield f"{said(each)}; it blocks from {blocks:%Y-%m-%d %H:%M} UTC on"
    yield from _more(len(spared), "that block later")


def _lived_with(rule: Rule, findings: Iterable[Finding], now: datetime) -> Iterator[str]:
    """Name what only a line of the spec lets through, so that nobody forgets it."""
    allowed = _worst_first(each for each in findings if rule.severe(each) and not rule.weighs(each, now))
    for each in allowed[:_MOST]:
        yield f"{said(each)}; allowed until {rule.until(each.cve)}"
    yield from _more(len(allowed), "that are allowed")


def _unfixed(rule: Rule, findings: Iterable[Finding]) -> Iterator[str]:
    """Count what has no fix and would block if it had one."""
    many = [each for each in findings if not each.fixed and each.severity >= rule.fixable and not rule.severe(each)]
    if many:
        least = rule.fixable.name.capitalize()
        yield f"{len(many)} without a fix, of {least} or worse, of which none blocks: {said(_worst_first(many)[0])}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies, as its scan is asked for.

    Args:
        project: Project id.
        uri: `https://…@sha256:…`.
    """

    project: str
    uri: str


def place_of(reference: str) -> Place | None:
    """Give where an image lies that is named by digest in a registry of Google's; None for any other."""
    found = Image.parse(reference)
    if found is not None:
        if not found.digest:
            return None
        bare = Image(found.repository, found.package, found.digest)
        return Place(found.repository.split("/")[1], f"{_SCHEME}{bare.reference}")
    gcr = _GCR.fullmatch(reference)
    return gcr and Place(gcr["project"].replace("/", ":"), f"{_SCHEME}{gcr['name']}{gcr['digest']}")


def elsewhere(reference: str) -> str:
    """Say why nothing can be known of an image that has no place, and what to do about it.

    Source:
        https://cloud.google.com/artifact-registry/docs/pull-cached-dockerhub-images: mirror.gcr.io is no project's.
    """
    if Image.parse(reference) is not None:
        return "it is named by a tag, which may move: image.resolve: Digest, or write its digest"
    written = reference.partition("/")[0]
    host = written.partition(":")[0].lower()
    if host.endswith("-docker.pkg.dev") or _BY_GCR.fullmatch(host):
        if written != host:
            return f"scans know its host as {host}, without a port and in lower case: write that"
        if "@sha256:" not in reference:
            return "it is named by a tag, which may move, and of this registry none is resolved: write its digest"
        return "its name is not as scans have it: write HOST/PROJECT/NAME@sha256: and 64 digits"
    return "it is in no registry of Google's, whose scans are the only ones that are read: push it to Artifact Registry"


@dataclass(frozen=True, slots=True)
class Scans:
    """What scans say of a service, as a plan carries it.

    Args:
        blocked: Why images that the plan would deploy are not deployed, a line each.
        waiting: Those that are still being scanned: only time is missing.
        warnings: What is wrong with images that it would deploy, and does not stop it.
        serving: What is too severe in what serves, and is left serving.
        unsure: What is not known of what serves.
    """

    blocked: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the serialised form."""
        return {name: list(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scans:
        """Read the serialised form."""
        return cls(**{name: tuple(data.get(name, ())) for name in cls.__dataclass_fields__})

    @property
    def only_waits(self) -> bool:
        """Tell whether nothing but time is missing."""
        return bool(self.waiting) and not self.blocked

    @property
    def closed(self) -> tuple[str, ...]:
        """Why the service is left as it is, a line each."""
        return (*self.blocked, *self.waiting)


@dataclass(frozen=True, slots=True)
class Images:
    """The images of a service.

    Args:
        new: What the plan would newly deploy.
        serving: What serves, or runs, now, and goes on.
        replaced: What does now, and no longer after the plan.
        back: What is there, serves nothing now, and does after the plan: nobody is barred from going back to it.
    """

    new: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    back: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[str, ...]:
        """All of them, each once: what would be deployed first, since its age decides."""
        return tuple(dict.fromkeys((*self.new, *self.back, *self.serving, *self.replaced)))


@dataclass(slots=True)
class _Lines:
    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, sort: str, image: str, many: Iterable[str]) -> None:
        if told := [f"image {short(image)}: {each}" for each in many]:
            self.found.setdefault(sort, []).extend(told)


def short(reference: str) -> str:
    """Give a reference with the start of its digest."""
    name, at, digest = reference.partition("@sha256:")
    return f"{name}{at}{digest[:12]}"


def scans_of(rule: Rule, images: Images, known: Mapping[str, Scanned | Unreadable], now: datetime) -> Scans:
    """Say what scans say of a service.

    Args:
        rule: What its spec allows.
        images: Its images.
        known: What Google wrote of each, by reference.
        now: The time.
    """
    lines = _Lines()
    for image in images.new:
        judged = _judged(rule, image, known, now)
        lines.add(judged.clearance, image, judged.why)
        lines.add("warnings", image, judged.warnings)
    for image in images.back:
        lines.add("warnings", image, (f"requests go back to it: {why}" for why in _judged(rule, image, known, now).why))
    closed = Clearance.BLOCKED in lines.found or Clearance.WAITING in lines.found
    for image in dict.fromkeys((*images.serving, *(images.replaced if closed else ()))):
        judged = _judged(rule, image, known, now)
        found = known.get(image)
        too_severe = isinstance(found, Scanned) and any(
            rule.weighs(each, now) and not rule.spares(each, now) for each in found.findings
        )
        lines.add("serving" if too_severe else "unsure", image, judged.why)
    return Scans(
        blocked=tuple(lines.found.get(Clearance.BLOCKED, ())),
        waiting=tuple(lines.found.get(Clearance.WAITING, ())),
        warnings=tuple(lines.found.get("warnings", ())),
        serving=tuple(lines.found.get("serving", ())),
        unsure=tuple(lines.found.get("unsure", ())),
    )


def undated(
    rules: Mapping[str, Rule], images: Mapping[str, Images], known: Mapping[str, Scanned | Unreadable], now: datetime
) -> list[Finding]:
    """Give the findings whose age decides, each note once: of new images first, and of those the newest first.

    Few are asked for, and grace is for what is new: an old vulnerability has none left.

    Args:
        rules: What specs allow, by name of the service; only those with a grace count.
        images: Their images, by name.
        known: What Google wrote of each, by reference.
        now: The time.
    """
    found: dict[str, tuple[bool, Finding]] = {}
    for name, rule in rules.items():
        for reference in images[name].every if rule.grace else ():
            scanned = known.get(reference)
            for each in scanned.findings if isinstance(scanned, Scanned) else ():
                if rule.weighs(each, now):
                    new = reference in images[name].new or found.get(each.note, (False, each))[0]
                    found[each.note] = (new, found.get(each.note, (new, each))[1])
    newest_first = sorted(found.values(), key=lambda each: (_numbers(each[1].cve), each[1].note), reverse=True)
    return [finding for _, finding in sorted(newest_first, key=lambda each: not each[0])]


def _numbers(cve: str) -> tuple[int, ...]:
    """Give year and number of a CVE, to sort by; nothing of what is numbered in another way."""
    found = _NUMBERED.fullmatch(cve)
    return (int(found[1]), int(found[2])) if found else ()


def _judged(rule: Rule, image: str, known: Mapping[str, Scanned | Unreadable], now: datetime) -> Judged:
    place = place_of(image)
    if place is None:
        return judge(rule, Unreadable(elsewhere(image)), now)
    return judge(rule, known.get(image, Scanned()), now, place.project)
