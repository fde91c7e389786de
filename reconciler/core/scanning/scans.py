"""What scans say of a service, from all of its images; the same lines hold what attestations say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.core.scanning.findings import Finding, Scanned, Unreadable
from reconciler.core.scanning.judging import Clearance, Judged, judge
from reconciler.core.scanning.places import elsewhere, place_of, short
from reconciler.core.scanning.rule import Rule

_NUMBERED = re.compile(r"CVE-(\d{4})-(\d{4,19})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scans:
    """What scans and attestations say of a service's images, as a plan carries it.

    Args:
        blocked: Why images that the plan would deploy are not deployed, a line each.
        waiting: Those that are still being scanned: only time is missing.
        warnings: What is wrong with images that it would deploy, and does not stop it.
        serving: What is too severe in what serves, and is left serving.
        unsure: What is not known of what serves, or not attested.
        origins: Who built what it would deploy, and what lists its contents.
    """

    blocked: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def joined(self, other: Scans) -> Scans:
        """Give the lines of both, those of the other one last.

        Args:
            other: What else says something of the same images.
        """
        return Scans(**{name: (*getattr(self, name), *getattr(other, name)) for name in self.__dataclass_fields__})

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
