"""What a step that writes is made of: traffic, and the record beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.core.rollout.evidence import Evidence
from reconciler.core.rollout.position import Phase, Rollout, untried
from reconciler.core.rollout.record import Record, Rejection
from reconciler.core.rollout.series import Check
from reconciler.core.rollout.step import Step, targets


def hash_of(rollout: Rollout, revision: str) -> str:
    """Give the version that a revision runs; nothing where there is none."""
    return next((each.hash for each in rollout.live.versions if each.revision == revision), "")


def moved(
    rollout: Rollout,
    now: datetime,
    phase: Phase,
    why: str,
    percents: Mapping[str, int],
    *,
    candidate: str,
    stable: str,
    event: str,
    tags: tuple[str, str] = ("", ""),
    number: int = 0,
    rejected: tuple[Rejection, ...] | None = None,
    started: datetime | None = None,
    shadow: str = "",
    **more: bool | str | datetime | Mapping[str, Check] | None,
) -> Step:
    """Give a step that moves traffic, and writes beside it why."""
    old = rollout.record
    before = {} if old is None or "before" in more else {"before": old.before, "before_hash": old.before_hash}
    record = Record(
        candidate,
        stable,
        dict(percents),
        now,
        started or (old.started if old else now),
        shadow=bool(shadow),
        **{**before, **more},  # type: ignore[arg-type]  # each is of the type that its field has
    )
    return Step(
        phase,
        why,
        number=number,
        traffic=targets(
            rollout.live,
            percents,
            candidate=tags[0],
            stable=tags[1],
            shadow=shadow if shadow or _tag_is_ours(rollout) else None,
        ),
        record=record,
        rejected=rollout.rejected if rejected is None else rejected,
        event=event,
    )


def _tag_is_ours(rollout: Rollout) -> bool:
    """Tell whether we gave the tag for copies, also where nothing says so any more."""
    record, asks = rollout.record, rollout.policy.shadow_s is not None
    return record.shadow if record is not None and record.shadow else asks and not rollout.tag_of_others


def settled(rollout: Rollout, evidence: Evidence) -> dict[str, Check]:
    """Give what came of the checks before any traffic, of those that came to an end."""
    ended = {name: check for name, check in evidence.checks.items() if check.passed and name in rollout.policy.checks}
    return {**(rollout.record.checks if rollout.record else {}), **ended}


def noted(rollout: Rollout, why: str, event: str, **changes: object) -> Step:
    """Give a step that writes annotations alone."""
    record = replace(rollout.record, **changes) if rollout.record else None  # type: ignore[arg-type]  # names of fields, each with its type
    return Step(rollout.phase, why, number=rollout.number, record=record, rejected=rollout.rejected, event=event)


def word(rollout: Rollout, version: str, why: str, now: datetime, *, cleared: bool = False) -> Rejection:
    """Give the newest word about a version: newer than all that is known, however clocks went."""
    known = [each for each in rollout.rejected if each.version == version]
    last = max((each.at for each in known), default=None)
    content = rollout.content if untried(version) == rollout.base else next((each.content for each in known), "")
    return Rejection(version, why, now if last is None or now > last else last + _NEWER, cleared, content)


def cleared(rollout: Rollout, version: str, now: datetime) -> list[Rejection]:
    """Give the words that take back that a version was rejected: it serves by a person's hand, or as the first."""
    known = [each for each in rollout.rejected if each.version == version and not each.cleared]
    return [word(rollout, version, each.why, now, cleared=True) for each in known]


_NEWER = timedelta(seconds=1)
