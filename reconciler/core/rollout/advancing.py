"""What a version on its way waits for, what makes it fail, and how it gets more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.core.rollout.back import taken_back
from reconciler.core.rollout.beginning import bad_check
from reconciler.core.rollout.evidence import Evidence
from reconciler.core.rollout.forecast import clock, ends, lacking_words, step_ends
from reconciler.core.rollout.freezing import frozen_until
from reconciler.core.rollout.judging import Judged, Verdict
from reconciler.core.rollout.orders import GATE, heeded, subject
from reconciler.core.rollout.policy import ALL
from reconciler.core.rollout.position import (
    ON_ITS_WAY,
    Phase,
    Rollout,
)
from reconciler.core.rollout.record import Order, Record
from reconciler.core.rollout.series import Check
from reconciler.core.rollout.step import Step, Wait
from reconciler.core.rollout.writing import hash_of, moved, noted, settled
from schemas.sections.rollout import GateMode, OnFailure, OnInsufficientData, OnMetricsMissing, WhenStableFails

_APART = timedelta(minutes=5)
"""So far the clocks of two machines may be apart."""
CHECKED, SHADOWED = "checked", "shadowed"
"""What happens when it is written down what came of a check, and when a candidate begins to get copies of requests."""
BEFORE_TRAFFIC = frozenset({CHECKED, SHADOWED})


def preview(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Rows 12 and 13: ready, at its own address only."""
    if rollout.phase is not Phase.PREVIEW:
        return None
    over = _passed_over(rollout) is not None
    bad = "" if over else bad_check(evidence)
    if bad:
        return taken_back(rollout, bad, now)
    step = _stopped(rollout, evidence, now)
    if not over:
        step = step or _checking(rollout, evidence) or _shadowing(rollout, evidence, now)
    step = step or approval(rollout, evidence, now) or advance(rollout, evidence, now)
    return step if step is None or step.writes else _with_news(rollout, evidence, step)


def _checking(rollout: Rollout, evidence: Evidence) -> Step | None:
    """Wait for what is to be known before any traffic."""
    known = {name: evidence.checks.get(name, Check()) for name in rollout.policy.checks}
    running = [f"{name}: {check.why}" if check.why else name for name, check in known.items() if check.passed is None]
    return Step(Phase.PREVIEW, f"waiting for {'; '.join(running)}", Wait.NOT_ENOUGH_DATA) if running else None


def _shadowing(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Let it have copies of what the stable version is asked, until gates have seen enough of them: step 0."""
    candidate, stable, record = rollout.candidate, rollout.stable, rollout.record
    if rollout.policy.shadow_s is None or candidate is None or stable is None or record is None:
        return None
    if rollout.shadowed:
        late = now - record.started >= timedelta(seconds=rollout.policy.deadline_s)
        return (
            _both_fail(rollout, evidence)
            or _unsure(rollout, evidence, now, late=late)
            or _held(rollout, evidence, record, now)
        )
    if rollout.unshadowed:
        return None
    return moved(
        rollout,
        now,
        Phase.PREVIEW,
        f"version {candidate.hash} gets copies of what {stable.revision} is asked, and no traffic",
        {stable.revision: ALL},
        tags=(candidate.revision, stable.revision),
        shadow=candidate.revision,
        event=SHADOWED,
        candidate=candidate.hash,
        stable=stable.revision,
        attempt=record.attempt,
        hurried=record.hurried,
        paused=record.paused,
        checks=settled(rollout, evidence),
    )


def _with_news(rollout: Rollout, evidence: Evidence, step: Step) -> Step:
    """Write down what came of a check, whatever is waited for besides: no pass asks a version twice."""
    record, found = rollout.record, settled(rollout, evidence)
    if record is None or found == record.checks:
        return step
    told = "; ".join(f"{name}: {check.why}" for name, check in found.items() if name not in record.checks)
    return replace(
        step,
        wait=None,
        why=f"{told}; {step.why}",
        record=replace(record, checks=found),
        rejected=rollout.rejected,
        event=CHECKED,
    )


def said_of(gates: Iterable[Judged]) -> str:
    """Say what gates say, each with its name."""
    return "; ".join(f"{each.gate}: {each.why}" for each in gates)


def _passed_over(rollout: Rollout) -> Order | None:
    order = heeded(rollout, "promote")
    return order if order is not None and order.ignore_gates else None


def failing(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 14: a gate fails."""
    failed = evidence.of(Verdict.FAIL)
    record = rollout.record
    if not rollout.compared or not failed or rollout.policy.mode is GateMode.REPORT or _passed_over(rollout):
        return None
    why = said_of(failed)
    hold = rollout.policy.on_failure is OnFailure.HOLD
    back = None if hold else taken_back(rollout, why, now)
    if back is not None:
        return back
    if record is not None and not record.paused:
        name = f"{GATE}{failed[0].gate}"
        said = why if hold else f"{why}; there is nothing to go back to"
        return replace(noted(rollout, said, "paused by a gate", paused=name), wait=Wait.PAUSED)
    return Step(rollout.phase, why, Wait.PAUSED, number=rollout.number)


def stable_fails(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 15: both are beyond a limit. The candidate is not to blame, and nothing is gained by going back."""
    del now
    return _both_fail(rollout, evidence) if rollout.phase is Phase.STEP and not _passed_over(rollout) else None


def _both_fail(rollout: Rollout, evidence: Evidence) -> Step | None:
    both, policy = evidence.of(Verdict.STABLE_FAILS), rollout.policy
    if not both or policy.mode is GateMode.REPORT:
        return None
    if policy.when_stable_fails is WhenStableFails.PROCEED and all(each.alike for each in both):
        return None
    why = said_of(both)
    return Step(
        rollout.phase, f"the stable version is beyond the limit, too: {why}", Wait.STABLE_FAILING, number=rollout.step
    )


def paused(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Carry out `pause` and `resume`."""
    del evidence, now
    if rollout.phase not in ON_ITS_WAY or rollout.record is None:
        return None
    order = heeded(rollout, "pause", "resume")
    if order is None:
        return None
    if order.verb == "pause":
        return replace(noted(rollout, f"paused by {order.by}", "paused", paused=order.by), wait=Wait.PAUSED)
    return noted(rollout, f"resumed by {order.by}", "resumed", paused="")


def _stopped(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 16, what of it is no matter of data: paused, or frozen."""
    del evidence
    record, policy = rollout.record, rollout.policy
    if record is not None and record.paused and not _passed_over(rollout):
        why = f"paused by {record.paused}; it waits for `resume`"
        return Step(rollout.phase, why, Wait.PAUSED, number=rollout.step)
    frozen = frozen_until(policy.freezes, policy.zone, now)
    if frozen is None:
        return None
    why = f"frozen until {clock(frozen, now)}"
    return Step(rollout.phase, why, Wait.FROZEN, number=rollout.step, retry_at=frozen)


def waiting(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 16, the rest: the hold, metrics, and how many requests there were."""
    if rollout.phase is not Phase.STEP or rollout.record is None:
        return None
    stopped = _stopped(rollout, evidence, now)
    if stopped is not None:
        return stopped
    if _passed_over(rollout):
        return None
    late = now - rollout.record.started >= timedelta(seconds=rollout.policy.deadline_s)
    unsure = _unsure(rollout, evidence, now, late=late)
    return unsure or _held(rollout, evidence, rollout.record, now)


def _held(rollout: Rollout, evidence: Evidence, record: Record, now: datetime) -> Step | None:
    """Wait for the time that a step lasts at least."""
    until = record.since + timedelta(seconds=rollout.policy.hold_s(rollout.step))
    if now >= until or _hurried(rollout, evidence):
        return None
    ahead = record.since > now + _APART
    wrong = f": by its record it begins at {clock(record.since, now)} only, which is still to come"
    which = f"step {rollout.step} lasts" if rollout.step else "it gets copies of requests"
    why = f"{which} until {clock(until, now)} at least{wrong if ahead else ''}"
    return Step(rollout.phase, why, Wait.HOLD, number=rollout.step, retry_at=until, ends=ends(rollout, evidence, now))


def _hurried(rollout: Rollout, evidence: Evidence) -> bool:
    """Whether a hold is skipped: a person said so, or the stable version fails and its successor does not."""
    asked = heeded(rollout, "promote") is not None or bool(rollout.record and rollout.record.hurried)
    proceeds = rollout.policy.when_stable_fails is WhenStableFails.PROCEED
    return asked or (proceeds and any(each.alike for each in evidence.gates))


def _unsure(rollout: Rollout, evidence: Evidence, now: datetime, *, late: bool) -> Step | None:
    """Wait for what gates cannot see, or not tell from chance yet."""
    if rollout.policy.mode is GateMode.REPORT:
        return None
    missing = evidence.of(Verdict.MISSING)
    if missing:
        return _blind(rollout, missing, now, late=late)
    return _too_few(rollout, evidence, now, late=late) if evidence.of(Verdict.NOT_ENOUGH_DATA) else None


def _blind(rollout: Rollout, missing: tuple[Judged, ...], now: datetime, *, late: bool) -> Step | None:
    """Metrics are missing. One call that failed says nothing of how long: the series themselves do."""
    why = said_of(missing)
    gone = late or any(each.stale for each in missing)
    if gone and rollout.policy.on_metrics_missing is OnMetricsMissing.ROLLBACK:
        return taken_back(rollout, f"metrics are missing: {why}", now)
    said = f"metrics are missing, which is neither good nor bad: {why}"
    return Step(rollout.phase, said, Wait.METRICS_MISSING, number=rollout.step)


def _too_few(rollout: Rollout, evidence: Evidence, now: datetime, *, late: bool) -> Step | None:
    why, rule = lacking_words(rollout, evidence, now), rollout.policy.on_insufficient_data
    if late and rule is OnInsufficientData.PROCEED:
        return None
    if late and rule is OnInsufficientData.ROLLBACK:
        return taken_back(rollout, f"not enough data until the deadline: {why}", now)
    said = f"{why}; the deadline is over, and it waits for a person" if late else why
    soon, whole = step_ends(rollout, evidence, now), ends(rollout, evidence, now)
    return Step(rollout.phase, said, Wait.NOT_ENOUGH_DATA, number=rollout.step, retry_at=soon, ends=whole, overdue=late)


def approval(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 17: a person lets the next step begin."""
    del evidence, now
    record = rollout.record
    if rollout.phase not in {Phase.PREVIEW, Phase.STEP}:
        return None
    if not rollout.policy.asks(rollout.step) or (record is not None and record.hurried):
        return None
    if heeded(rollout, "promote") is not None:
        return None
    coming = rollout.policy.percent(rollout.step + 1)
    why = f"nothing speaks against {coming} %: it waits for `promote` (version {subject(rollout)}, step {rollout.step})"
    return Step(rollout.phase, why, Wait.APPROVAL, number=rollout.step)


def advance(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Rows 13 and 18: one step up."""
    candidate, stable, record = rollout.candidate, rollout.stable, rollout.record
    if rollout.phase not in {Phase.PREVIEW, Phase.STEP} or candidate is None or record is None:
        return None
    policy, coming = rollout.policy, rollout.step + 1
    final = coming >= policy.final
    percent = max(policy.percent(coming), rollout.percent)  # what a hundred had does not lose one to be compared with
    stays = stable.revision if stable is not None else ""
    percents = {candidate.revision: percent, stays: ALL - percent} if stays else {candidate.revision: ALL}
    order = heeded(rollout, "promote")
    hurried = record.hurried or (order.by if order and order.everything else "")
    by = f", by {order.by}" if order else f", hurried by {hurried}" if hurried else ""
    over = f", over gates: {order.reason}" if order and order.ignore_gates else ""
    ends_it = final and not (policy.bake_s or policy.keep_s)
    first = rollout.phase is Phase.PREVIEW
    checks = settled(rollout, evidence) if first else {}
    alone = f"shadow: {rollout.unshadowed}" if first and policy.shadow_s is not None and rollout.unshadowed else ""
    told = "; ".join(
        [*(f"{name}: {check.why}" for name, check in checks.items()), *filter(None, [alone, said_of(evidence.gates)])]
    )
    return moved(
        rollout,
        now,
        Phase.STEADY if ends_it else Phase.BAKE if final else Phase.STEP,
        f"version {candidate.hash} has {percent} %{by}{over}" + (f" ({told})" if told else ""),
        {name: share for name, share in percents.items() if share},
        tags=("", candidate.revision) if ends_it else (candidate.revision, stays),
        number=coming,
        event="finished" if ends_it else f"step {coming}",
        candidate=candidate.hash,
        stable=candidate.revision if ends_it else stays,
        started=record.started,
        final=final and not ends_it,
        first=record.first,
        done=ends_it,
        before=stays if ends_it else "",
        before_hash=hash_of(rollout, stays) if ends_it else "",
        attempt=record.attempt,
        hurried="" if ends_it else hurried,
        checks=settled(rollout, evidence),
        served=now if first else record.served,
    )


def bake(rollout: Rollout, evidence: Evidence, now: datetime) -> Step | None:
    """Row 19: it has everything, gates look on, and the version before is kept."""
    record, candidate, policy = rollout.record, rollout.candidate, rollout.policy
    if rollout.phase is not Phase.BAKE or record is None or candidate is None:
        return None
    step = _baking(rollout, evidence, record, now)
    if step is None and rollout.percent < ALL:
        step = _stopped(rollout, evidence, now)
    if step is not None:
        return replace(step, number=policy.final)
    return moved(
        rollout,
        now,
        Phase.STEADY,
        f"version {candidate.hash} is stable now",
        {candidate.revision: ALL},
        tags=("", candidate.revision),
        event="finished",
        candidate=candidate.hash,
        stable=candidate.revision,
        started=record.started,
        done=True,
        before=record.stable,
        before_hash=hash_of(rollout, record.stable),
        attempt=record.attempt,
    )


def _baking(rollout: Rollout, evidence: Evidence, record: Record, now: datetime) -> Step | None:
    """Say what a bake waits for. What is replaced anyway waits for its time only."""
    policy, replaced = rollout.policy, rollout.wanted != record.candidate
    until = record.since + timedelta(seconds=policy.bake_s)
    if record.paused and not (replaced and now >= until):
        return Step(Phase.BAKE, f"paused by {record.paused}; it waits for `resume`", Wait.PAUSED)
    if now < until:
        why = f"it has everything, and is looked at until {clock(until, now)}"
        return Step(Phase.BAKE, why, Wait.HOLD, retry_at=until, ends=until)
    if replaced:
        return None
    late = now - record.started >= timedelta(seconds=policy.deadline_s)
    unsure = evidence.of(Verdict.NOT_ENOUGH_DATA, Verdict.MISSING)
    if policy.bake_s and unsure and not late and policy.mode is GateMode.ENFORCE:
        wait = Wait.METRICS_MISSING if evidence.of(Verdict.MISSING) else Wait.NOT_ENOUGH_DATA
        return Step(Phase.BAKE, said_of(unsure), wait)
    kept = until + timedelta(seconds=policy.keep_s)
    if now < kept:
        why = f"the version before keeps its address until {clock(kept, now)}"
        return Step(Phase.BAKE, why, Wait.HOLD, retry_at=kept, ends=kept)
    return None
