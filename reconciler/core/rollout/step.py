"""One next step: what is written, in one call, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.core.rollout.judging import Judged
from reconciler.core.rollout.position import CANDIDATE, LATEST, SHADOW, STABLE, Live, Phase, Share
from reconciler.core.rollout.record import Order, Record, Rejection, written
from reconciler.core.rollout.series import Check


class Wait(StrEnum):
    """Why traffic stays as it is, for now."""

    HOLD = "Hold"
    NOT_ENOUGH_DATA = "NotEnoughData"
    METRICS_MISSING = "MetricsMissing"
    APPROVAL = "Approval"
    PAUSED = "Paused"
    FROZEN = "Frozen"
    STABLE_FAILING = "StableFailing"
    NO_CAPACITY = "NoCapacity"
    OTHER_REGION_FIRST = "OtherRegionFirst"


@dataclass(frozen=True, slots=True)
class Step:
    """What a pass does of a rollout, and why no more.

    Args:
        phase: Where it is afterwards.
        why: In words, always.
        wait: Why traffic stays; None where it moves, or where there is nothing to wait for.
        number: Of the step that is on afterwards; 0 before the first.
        traffic: Targets to write; None to leave them.
        create: The template is written in the same call, and makes a new revision.
        attempt: Of that revision; empty for its first.
        record: To write beside the traffic; None to leave it.
        rejected: Versions, all of them, to write with it.
        order: That stays for a later pass.
        event: What happened, for people and receivers; empty for nothing.
        retry_at: When to look again at the latest; None for the next pass.
        ends: When everything was moved, as far as that can be told.
        judged: What gates say.
        checks: What came of what is asked before any traffic, by name.
        refused: Why the order is not carried out; empty where it is, or there is none.
        overdue: What it waits for did not come until the deadline, and a person is to see to it.
    """

    phase: Phase
    why: str
    wait: Wait | None = None
    number: int = 0
    traffic: tuple[Share, ...] | None = None
    create: bool = False
    attempt: str = ""
    record: Record | None = None
    rejected: tuple[Rejection, ...] = ()
    order: Order | None = None
    event: str = ""
    retry_at: datetime | None = None
    ends: datetime | None = None
    judged: tuple[Judged, ...] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    refused: str = ""
    overdue: bool = False

    @property
    def told(self) -> str:
        """Say why, also that it is to come: where nothing was written yet, the world is not as the step leaves it."""
        return f"next: {self.why}" if self.writes else self.why

    @property
    def writes(self) -> bool:
        """Whether the service is written: a pass that only waits makes no generation of it."""
        return self.traffic is not None or self.record is not None

    @property
    def annotations(self) -> Mapping[str, str]:
        """Annotations to write with the traffic; empty ones are taken away. None at all where none change."""
        return written(self.record, self.rejected, self.order) if self.record else {}


def targets(
    live: Live, percents: Mapping[str, int], *, candidate: str = "", stable: str = "", shadow: str | None = None
) -> tuple[Share, ...]:
    """Give the traffic to write. Tags of others stay where they are.

    Args:
        live: What is there.
        percents: By revision, or `latest`.
        candidate: What our tag of that name is to lead to; empty for nothing.
        stable: The same of the other one.
        shadow: The same of the one for copies; None where that is not ours.
    """
    ours = {CANDIDATE, STABLE} if shadow is None else {CANDIDATE, STABLE, SHADOW}
    names = {LATEST, *(each.revision for each in live.versions)}
    tags: dict[str, list[str]] = {}
    for share in live.traffic:
        if share.tag and share.tag not in ours and share.revision in names:
            tags.setdefault(share.revision, []).append(share.tag)
    for tag, name in ((CANDIDATE, candidate), (STABLE, stable), (SHADOW, shadow or "")):
        if name:
            tags.setdefault(name, []).append(tag)
    had = {share.revision: share.tag for share in live.traffic if share.percent}
    found = [
        share
        for name in {*percents, *tags}
        for share in _of_one(name, percents.get(name, 0), tags.get(name, []), had.get(name, ""))
    ]
    return tuple(sorted(found))


def _of_one(name: str, percent: int, tags: Sequence[str], had: str) -> list[Share]:
    """Give one revision's targets: Cloud Run takes one with percent, and one more per further tag.

    The percent stays with the tag that has it, and goes to one of ours before any of others: else a change of tags
    alone reads as one of traffic.
    """
    if not tags:
        return [Share(name, percent)] if percent else []
    first, *others = sorted(tags, key=lambda tag: (tag != had, tag not in _OURS, tag))
    return [Share(name, percent, first), *(Share(name, 0, tag) for tag in others)]


_OURS = (CANDIDATE, STABLE)
