"""How a version begins: a template is written, a revision becomes ready, or does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.core.rollout.back import taken_back
from reconciler.core.rollout.evidence import Evidence
from reconciler.core.rollout.forecast import clock
from reconciler.core.rollout.freezing import frozen_until
from reconciler.core.rollout.judging import Verdict
from reconciler.core.rollout.orders import heeded, subject
from reconciler.core.rollout.policy import ALL
from reconciler.core.rollout.position import (
    LATEST,
    ON_ITS_WAY,
    Phase,
    Rollout,
    Version,
    attempt_after,
    attempt_of,
    attempted,
    literal,
)
from reconciler.core.rollout.record import Order, Record, Rejection, merged
from reconciler.core.rollout.step import Step, Wait
from reconciler.core.rollout.writing import cleared, moved, word
from schemas.sections.rollout import Supersede

CAPACITY_AGAIN = timedelta(minutes=15)
"""So long after a revision found no capacity another one is tried."""


def superseded(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 4: there is a newer version than the one on its way."""
    on_its_way = subject(rollout)
    if rollout.phase in {Phase.STEADY, Phase.PINNED} or rollout.wanted == on_its_way:
        return None
    going = rollout.phase in ON_ITS_WAY and rollout.record is not None
    if going and rollout.policy.supersede is Supersede.FINISH and not _stands(rollout):
        return None
    if rollout.phase is Phase.BAKE and has_baked(rollout, now) and not evidence.of(Verdict.FAIL):
        return None
    known = rollout.rejection(rollout.wanted)
    if known is not None:
        return _held_back(rollout, known, now)
    return created(rollout, now, _all_to_stable(rollout), f"version {on_its_way} is superseded by {{}}")


def _stands(rollout: Rollout) -> bool:
    """Whether a rollout does not go on by itself, so that nothing is gained by waiting for it."""
    return bool(rollout.record and rollout.record.paused)


def _held_back(rollout: Rollout, known: Rejection, now: datetime) -> Step | None:
    """Give everything to the stable version, where what is wanted instead was rejected."""
    why = f"the spec asks for version {known.version}, which was rejected: {known.why}"
    if rollout.stable is None:
        return _nothing_left(rollout, known, why, now)
    return moved(
        rollout,
        now,
        Phase.ROLLED_BACK,
        why,
        {rollout.stable.revision: ALL},
        tags=("", rollout.stable.revision),
        event="held after rollback",
        candidate=known.version,
        stable=rollout.stable.revision,
    )


def _nothing_left(rollout: Rollout, known: Rejection, why: str, now: datetime) -> Step:
    """Write down which version it is that nobody can go back from, so that `retry` is about that one."""
    record = Record(known.version, "", literal(rollout.live.traffic), now, now, first=True)
    return Step(Phase.FAILED, why, record=record, rejected=rollout.rejected, event="failed")


def begins(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Rows 5 to 8: what is wanted does not serve yet."""
    del evidence
    if rollout.phase is not Phase.STEADY:
        return None
    known, stable = rollout.rejection(rollout.wanted), rollout.stable
    if stable is not None and stable.hash == rollout.wanted:
        return Step(Phase.STEADY, f"version {rollout.wanted} serves")
    if known is not None and (order := heeded(rollout, "retry")) is not None:
        return _again(rollout, order, now)
    if known is not None:
        why = f"version {known.version} was rejected ({known.why}): it waits for `retry`, or another version"
        return Step(Phase.STEADY, why)
    if rollout.waits_for:
        why = f"the rollout in {rollout.waits_for} is to end first"
        return Step(Phase.STEADY, why, Wait.OTHER_REGION_FIRST)
    return created(rollout, now, _all_to_stable(rollout), "version {} is made")


def _all_to_stable(rollout: Rollout) -> dict[str, int]:
    return {rollout.stable.revision: ALL} if rollout.stable else {LATEST: ALL}


def created(
    rollout: Rollout,
    now: datetime,
    percents: Mapping[str, int],
    why: str,
    *,
    attempt: str = "",
    pinned: bool = False,
) -> Step:
    """Write a template, and no traffic for it where somebody serves: the revision is not known by name yet."""
    version = attempted(rollout.base, attempt) if attempt else rollout.wanted
    attempt = attempt or attempt_of(version)
    first = percents == {LATEST: ALL}
    stable = rollout.stable.revision if rollout.stable and not first else ""
    frozen = frozen_until(rollout.policy.freezes, rollout.policy.zone, now)
    said = why.replace("{}", version) + ("" if first or pinned else ", without traffic")
    step = moved(
        rollout,
        now,
        Phase.STARTING,
        f"{said}; frozen until {clock(frozen, now)}" if frozen and not first else said,
        percents,
        tags=(LATEST, stable),
        event="started",
        candidate=version,
        stable=stable,
        first=first,
        attempt=attempt,
        started=now,
    )
    step = replace(step, create=True, attempt=attempt, wait=Wait.FROZEN if frozen and not first else None)
    return replace(step, phase=Phase.PINNED, record=None, wait=None) if pinned else step


def anew(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Write down what was inferred, where the annotations are gone: every hold begins again, and nothing is lost."""
    del evidence
    if rollout.phase not in ON_ITS_WAY or rollout.record is not None or rollout.candidate is None:
        return None
    stable = rollout.stable.revision if rollout.stable else ""
    ours = rollout.copied and not rollout.tag_of_others
    record = Record(rollout.candidate.hash, stable, literal(rollout.live.traffic), now, now, shadow=ours)
    why = f"version {rollout.candidate.hash} has {rollout.percent} % and nothing says since when: from now on"
    return Step(
        rollout.phase, why, number=rollout.number, record=record, rejected=rollout.rejected, event="found on its way"
    )


def starting(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Rows 9 to 11: a revision becomes ready, or does not."""
    record, candidate = rollout.record, rollout.candidate
    if rollout.phase is not Phase.STARTING or record is None:
        return None
    if candidate is not None and candidate.ready:
        return _first_ready(rollout, evidence, candidate, now)
    if candidate is not None and candidate.capacity:
        again = record.since + CAPACITY_AGAIN
        why = f"no capacity: {candidate.failed}"
        if now < again:
            return Step(
                Phase.STARTING, f"{why}; tried again about {clock(again, now)}", Wait.NO_CAPACITY, retry_at=again
            )
        attempt = attempt_after(f"{record.attempt} {record.since.isoformat()}")
        return created(rollout, now, _all_to_stable(rollout), f"{why}; version {{}} is tried again", attempt=attempt)
    until = record.since + timedelta(seconds=rollout.policy.start_s)
    failed = candidate.failed if candidate is not None else ""
    if not failed and now < until:
        return Step(Phase.STARTING, f"version {record.candidate} is starting, until {clock(until, now)} at most")
    why = f"it did not become ready: {failed or 'it took too long'}"
    return taken_back(rollout, why, now) or _failed(rollout, why, now)


def _first_ready(rollout: Rollout, evidence: Evidence, candidate: Version, now: datetime) -> Step:
    """A first version has everything as soon as it is ready; from then on by its own name."""
    bad = bad_check(evidence)
    if bad:
        return Step(Phase.FAILED, f"version {candidate.hash} is the first, and {bad}: there is nothing to go back to")
    bakes = rollout.policy.bake_s > 0
    return moved(
        rollout,
        now,
        Phase.BAKE if bakes else Phase.STEADY,
        f"version {candidate.hash} is the first, and ready: it has everything",
        {candidate.revision: ALL},
        tags=(candidate.revision, "") if bakes else ("", candidate.revision),
        rejected=merged(rollout.rejected, cleared(rollout, candidate.hash, now)),
        event="first version",
        candidate=candidate.hash,
        stable="" if bakes else candidate.revision,
        first=True,
        final=bakes,
        done=not bakes,
    )


def _failed(rollout: Rollout, why: str, now: datetime) -> Step:
    """Say that the first version does not work: there is nothing to go back to."""
    said = f"version {subject(rollout)} is the first, and {why}: there is nothing to go back to"
    known = rollout.rejection(subject(rollout))
    if known is not None or rollout.record is None:
        return Step(Phase.FAILED, said)
    rejected = merged(rollout.rejected, [word(rollout, subject(rollout), why, now)])
    return Step(Phase.FAILED, said, record=rollout.record, rejected=rejected, event="failed")


def stays_rejected(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Rows 20 and 22: what was taken back stays so, until a person or another version."""
    del evidence
    if rollout.phase not in {Phase.ROLLED_BACK, Phase.FAILED}:
        return None
    order = heeded(rollout, "retry")
    if order is None:
        known = rollout.rejection(subject(rollout))
        why = known.why if known else "it failed to start"
        return Step(rollout.phase, f"version {subject(rollout)} was rejected ({why}): `retry`, or another version")
    return _again(rollout, order, now)


def _again(rollout: Rollout, order: Order, now: datetime) -> Step:
    """Make another try of a version: it has a name of its own, so that the one before stays rejected."""
    attempt = attempt_after(f"{order.nonce} {order.at.isoformat()}")
    why = f"tried again by {order.by}: version {{}} is made"
    return created(rollout, now, _all_to_stable(rollout), why, attempt=attempt)


def bad_check(evidence: Evidence) -> str:
    """Say which check before traffic failed, and why; nothing where none did."""
    return next((f"{name}: {check.why}" for name, check in evidence.checks.items() if check.passed is False), "")


def has_baked(rollout: Rollout, now: datetime) -> bool:
    """Tell whether gates looked on for long enough."""
    record = rollout.record
    return record is not None and now >= record.since + timedelta(seconds=rollout.policy.bake_s)
