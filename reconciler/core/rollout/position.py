"""Where a rollout stands: read off the live traffic, with the annotations beside it to say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.core.naming import fingerprint
from reconciler.core.rollout.policy import ALL, Policy
from reconciler.core.rollout.record import Order, Record, Rejection, merged, read
from schemas.sections.rollout import Strategy

LATEST = "latest"
CANDIDATE, STABLE = "candidate", "stable"
"""Tags of ours: addresses of the two versions. Those of others stay as they are."""
SHADOW = "shadow"
"""Tag of a candidate that gets copies of requests: servers look who has it. Ours where we gave it."""


class Phase(StrEnum):
    """Where a rollout is."""

    STEADY = "Steady"
    STARTING = "Starting"
    PREVIEW = "Preview"
    STEP = "Step"
    BAKE = "Bake"
    ROLLED_BACK = "RolledBack"
    PINNED = "Pinned"
    FAILED = "Failed"


ON_ITS_WAY = frozenset({Phase.STARTING, Phase.PREVIEW, Phase.STEP, Phase.BAKE})


class Hand(StrEnum):
    """What somebody did who moved traffic elsewhere."""

    NONE = "none"
    DONE = "done"
    ABORTED = "aborted"
    SHARES = "shares"
    OTHERS = "others"


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """One revision's share.

    Args:
        revision: Its name, or `latest`.
        percent: Of requests.
        tag: Name of an address of its own; empty for none.
    """

    revision: str
    percent: int
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A revision, and which version of the service it runs.

    Args:
        revision: Its name.
        hash: Of the version: image digest, model version and template.
        ready: Whether it can serve.
        failed: Why it will not become ready, in Google's words; empty where it may.
        capacity: It failed since there was no quota or capacity, which is not the version's fault.
        created: When, aware.
        copies: Its servers copy requests to whoever has the tag for that.
    """

    revision: str
    hash: str
    ready: bool
    failed: str = ""
    capacity: bool = False
    created: datetime | None = None
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Live:
    """A service as it is.

    Args:
        versions: Its revisions, newest first.
        traffic: Its targets, as they are written.
        annotations: Its own.
    """

    versions: Sequence[Version] = ()
    traffic: Sequence[Share] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a spec asks for.

    Args:
        version: Hash of the version.
        policy: How it goes out.
        split: Shares, by revision and sorted, `Manual` only.
        content: What is the same of versions that have the same image and model.
    """

    version: str
    policy: Policy
    split: tuple[Share, ...] = ()
    content: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What else is known.

    Args:
        rejected: Versions that the inventory knows to be rejected. It only adds.
        waits_for: Region whose rollout is to end before this one begins; empty for none.
    """

    rejected: tuple[Rejection, ...] = ()
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Where it stands.

    Args:
        wanted: Hash of the version that is to serve, tries of it told apart.
        base: The same, as the spec alone says it.
        policy: How it goes out.
        split: Shares that the spec wants, `Manual` only.
        phase: Where it is.
        step: Number of the step that the percent is of; 0 before the first.
        percent: Of the candidate.
        stable: The version that has the rest; None where none ever served.
        candidate: The version that is on its way, or was refused; None for none.
        serving: Percent by revision, as it is.
        live: All that is there.
        record: Beside the traffic; None where there is none.
        rejected: Versions, of all stores.
        order: Of a person.
        hand: What somebody did who moved traffic elsewhere.
        waits_for: Region that comes first.
        notes: What could not be read.
        content: What is the same of versions that have the image and the model of the one that is wanted.
        left: Record of a split that the spec no longer asks for: it stands beside the traffic, and says no more of it
            than which tags were ours.
    """

    wanted: str
    base: str
    policy: Policy
    split: tuple[Share, ...]
    phase: Phase
    step: int
    percent: int
    stable: Version | None
    candidate: Version | None
    serving: Mapping[str, int]
    live: Live
    record: Record | None
    rejected: tuple[Rejection, ...]
    order: Order | None
    hand: Hand
    waits_for: str = ""
    notes: tuple[str, ...] = ()
    content: str = ""
    left: Record | None = None

    def rejection(self, version: str) -> Rejection | None:
        """Give why a version gets no traffic; None where it may."""
        return next((each for each in self.rejected if each.version == version and not each.cleared), None)

    @property
    def number(self) -> int:
        """Number of the step that is on, the last one where everything was moved."""
        return self.policy.final if self.phase is Phase.BAKE else self.step

    @property
    def shadowed(self) -> bool:
        """Whether a candidate without traffic gets copies of what the stable version is asked."""
        return self.phase is Phase.PREVIEW and self.record is not None and self.record.shadow and self.copied

    @property
    def copied(self) -> bool:
        """Whether the candidate has the tag for copies."""
        return self.candidate is not None and self.candidate == _tagged(self.live, SHADOW)

    @property
    def unshadowed(self) -> str:
        """Say why a candidate gets no copies, although the spec asks for some; nothing where it may."""
        if self.stable is None or not self.stable.copies:
            return "the stable version copies nothing yet: from this version on its successors get copies"
        if self.tag_of_others:
            return f"the tag `{SHADOW}` is somebody else's"
        return ""

    @property
    def tag_of_others(self) -> bool:
        """Whether somebody gave the tag for copies to a revision for reasons of their own."""
        found, record = _tagged(self.live, SHADOW), self.record or self.left
        if record is not None:
            return found is not None and not record.shadow
        return found is not None and found != self.candidate  # nothing says any more who gave it

    @property
    def compared(self) -> bool:
        """Whether two versions, or one that is looked at, answer requests."""
        return (
            self.shadowed
            or self.phase in {Phase.STEP, Phase.BAKE}
            or (self.phase is Phase.PINNED and self.hand is Hand.SHARES)
        )


def attempted(version: str, attempt: str) -> str:
    """Give the hash of a version that is tried again."""
    return f"{version}-{attempt}" if attempt else version


def untried(version: str) -> str:
    """Give the hash of a version without the mark of its try; the other way of `attempted`."""
    return version.partition("-")[0]


def attempt_of(version: str) -> str:
    """Give the mark of a version's try; empty for its first."""
    return version.partition("-")[2]


def attempt_after(word: str) -> str:
    """Give the mark of a try, of whatever makes it another one than the one before."""
    return fingerprint(word, length=6)


def locate(spec: Wanted, live: Live, known: Known) -> Rollout:
    """Tell where a rollout stands.

    Args:
        spec: What is asked for.
        live: What is there.
        known: What else is known.
    """
    beside = read(live.annotations)
    record = beside.record
    rejected = merged(beside.rejected, known.rejected)
    serving = serving_of(live)
    wanted = _try_of(spec.version, record, live, serving, rejected)
    hand = _hand(spec, live, record, serving, wanted)
    left = None
    if record is not None and record.split and spec.policy.strategy is not Strategy.MANUAL and hand is Hand.NONE:
        left, record = record, None  # whoever of the split is wanted goes on from there
    candidate = _candidate(live, record, wanted, serving)
    stable = _stable(live, record, candidate, serving)
    percent = serving.get(candidate.revision, 0) if candidate else 0
    refused = {each.version for each in rejected if not each.cleared}
    phase = _standing(spec, live, record, hand) or _phase(spec.policy, record, candidate, serving, refused)
    if phase is Phase.ROLLED_BACK and stable is None:
        phase = Phase.FAILED
    return Rollout(
        wanted,
        spec.version,
        spec.policy,
        spec.split,
        phase,
        spec.policy.step_at(percent),
        percent,
        stable,
        candidate,
        serving,
        live,
        record,
        rejected,
        beside.order,
        hand,
        known.waits_for,
        beside.unreadable,
        spec.content,
        left,
    )


def _try_of(
    version: str, record: Record | None, live: Live, serving: Mapping[str, int], rejected: Sequence[Rejection]
) -> str:
    """Give the hash of a version as it was tried last, which is what a spec means that asks for it.

    It is the one on its way, or that ended so; else the one that serves; else the one that was refused. Whoever took
    none of them for it would make the version once more: also what serves, and what was taken back.
    """
    if record is not None and untried(record.candidate) == version:
        return record.candidate
    tries = {each.revision: each.hash for each in live.versions if untried(each.hash) == version}
    if there := [(percent, name) for name, percent in serving.items() if name in tries]:
        return tries[max(there)[1]]
    refused = [each for each in rejected if not each.cleared and untried(each.version) == version]
    return max(refused, key=lambda each: each.at).version if refused else version


def literal(shares: Sequence[Share]) -> dict[str, int]:
    """Give the percents as they are written, without tags: what of traffic is whose to move."""
    found: dict[str, int] = {}
    for share in shares:
        if share.percent:
            found[share.revision] = found.get(share.revision, 0) + share.percent
    return found


def serving_of(live: Live) -> dict[str, int]:
    """Give the percents as they are, by revision: `latest` is the newest that can serve."""
    newest = next((each.revision for each in live.versions if each.ready), "")
    found: dict[str, int] = {}
    for name, percent in literal(live.traffic).items():
        real = newest if name == LATEST else name
        if real:
            found[real] = found.get(real, 0) + percent
    return found


def _named(live: Live, name: str) -> Version | None:
    return next((each for each in live.versions if each.revision == name), None)


def _tagged(live: Live, tag: str) -> Version | None:
    for share in live.traffic:
        if share.tag == tag:
            if share.revision == LATEST:
                return live.versions[0] if live.versions else None
            return _named(live, share.revision)
    return None


def _candidate(live: Live, record: Record | None, wanted: str, serving: Mapping[str, int]) -> Version | None:
    """Give the version on its way: the newest revision that runs it, of those that serve if some do."""
    if record is not None and not record.done:
        return _serving_first(live, record.candidate, serving, but=record.stable)
    if record is not None:
        return None
    found = _serving_first(live, wanted, serving)
    if found is None:
        return None
    running = {each.revision for each in live.versions if each.hash == wanted}
    alone = bool(serving) and serving.keys() <= running
    on_its_way = found.revision in serving or found == _tagged(live, CANDIDATE) or found == live.versions[0]
    return found if on_its_way and not alone else None


def _serving_first(live: Live, version: str, serving: Mapping[str, int], *, but: str = "") -> Version | None:
    known = [each for each in live.versions if each.hash == version and each.revision != but]
    return next((each for each in known if each.revision in serving), known[0] if known else None)


def _stable(live: Live, record: Record | None, candidate: Version | None, serving: Mapping[str, int]) -> Version | None:
    """Give the version that has what the candidate has not: the one we wrote down, else the one that serves most."""
    if record is not None and record.stable and (known := _named(live, record.stable)):
        return known
    others = {name: share for name, share in serving.items() if candidate is None or name != candidate.revision}
    name = max(others, key=lambda each: (others[each], each), default="")
    return _named(live, name)


def _hand(spec: Wanted, live: Live, record: Record | None, serving: Mapping[str, int], wanted: str) -> Hand:
    """Tell what somebody did who moved traffic elsewhere, if anybody did."""
    if record is None:
        return _unrecorded(spec, live, serving, wanted)
    if literal(live.traffic) == record.traffic or not serving:
        return Hand.NONE
    whole = next((name for name, percent in serving.items() if percent == ALL), "")
    version = _named(live, whole)
    if version is not None:
        return Hand.DONE if version.hash == wanted else Hand.ABORTED
    known = {record.stable, *(each.revision for each in live.versions if each.hash == record.candidate)}
    return Hand.SHARES if serving.keys() <= known else Hand.OTHERS


def _unrecorded(spec: Wanted, live: Live, serving: Mapping[str, int], wanted: str) -> Hand:
    """Tell the same of a service whose traffic we never wrote, or whose annotations are gone."""
    if spec.policy.strategy is Strategy.MANUAL or not serving:
        return Hand.NONE
    hashes = {each.revision: each.hash for each in live.versions}
    if len(serving) == 1:
        newest = live.versions[0]
        back = newest.hash == wanted and newest.ready and wanted not in {hashes.get(name) for name in serving}
        return Hand.ABORTED if back and newest != _tagged(live, CANDIDATE) else Hand.NONE
    two = len(serving) == 2 and wanted in {hashes.get(name) for name in serving}  # noqa: PLR2004 - a pair
    return Hand.NONE if two and spec.policy.strategy is Strategy.CANARY else Hand.OTHERS


def _standing(spec: Wanted, live: Live, record: Record | None, hand: Hand) -> Phase | None:
    """Give the phase of what is not on its way; None where something is."""
    if spec.policy.strategy is Strategy.MANUAL and (record is None or record.split):
        here = literal(live.traffic)
        theirs = record is not None and here not in (record.traffic, literal(spec.split))
        return Phase.PINNED if theirs and record and record.split == spec.policy.split else Phase.STEADY
    if hand in {Hand.SHARES, Hand.OTHERS}:
        return Phase.PINNED
    return Phase.STEADY if record is not None and record.done else None


def _phase(
    policy: Policy, record: Record | None, candidate: Version | None, serving: Mapping[str, int], refused: set[str]
) -> Phase:
    on_its_way = record.candidate if record else candidate.hash if candidate else ""
    share = serving.get(candidate.revision, 0) if candidate else 0
    if on_its_way in refused and not share:
        return Phase.ROLLED_BACK
    if candidate is None:
        return Phase.STEADY if record is None else Phase.STARTING
    first = record is not None and record.first and not record.final
    if first and candidate.failed and not candidate.capacity:
        return Phase.FAILED
    if first or not candidate.ready:
        return Phase.STARTING
    if not share:
        return Phase.PREVIEW
    whole = share == ALL and all(step.percent < ALL for step in policy.steps)
    return Phase.BAKE if record is not None and (record.final or whole) else Phase.STEP
