"""When a step ends, as far as that can be told: what waits says how long it will take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from reconciler.core.rollout.evidence import Evidence
from reconciler.core.rollout.judging import EACH_BIN, Judged, Verdict
from reconciler.core.rollout.policy import ALL, Policy
from reconciler.core.rollout.position import Phase, Rollout

_FARTHEST = timedelta(days=365)
_MINUTE = timedelta(minutes=1)
_HOUR_MINUTES, _TWO_DAYS_HOURS = 60, 48
_BINS = 11
"""Of predictions that are numbers: tenths, and one for what is beyond them. Classes have as many or fewer."""
_VISIBLE = timedelta(minutes=3)
"""So long a request takes to be seen."""


def step_ends(rollout: Rollout, evidence: Evidence, now: datetime) -> datetime | None:
    """Give when a step has what it needs, if requests come as of late and nothing is wrong; None where none come.

    Args:
        rollout: Where it stands.
        evidence: What is known.
        now: The time.
    """
    since = rollout.record.since if rollout.record else now
    held = since + timedelta(seconds=rollout.policy.hold_s(rollout.step))
    lacking = _lacking(evidence)
    if not lacking:
        return max(now, held)
    if _none_logged(evidence):
        return None
    return _after(lacking, _asked_of(rollout), evidence, rollout, (held, now))


def _asked_of(rollout: Rollout) -> int:
    """Give the percent of requests that a candidate gets: its share, or the copies before it has one."""
    return rollout.policy.shadow_percent if rollout.shadowed else rollout.percent


def ends(rollout: Rollout, evidence: Evidence, now: datetime) -> datetime | None:
    """Give when everything was moved, by the same reckoning; approvals and freezes are not known.

    Args:
        rollout: Where it stands, in a step.
        evidence: What is known.
        now: The time.
    """
    moment = step_ends(rollout, evidence, now)
    had = min((each.samples for each in evidence.gates if each.needed), default=0)
    policy = rollout.policy
    for step in range(rollout.step, policy.final - 1):
        if moment is None:
            return None
        limits = _limits(policy)
        had = max(had, max((policy.needed(step, limit) for limit in limits), default=0)) if step else 0
        lacking = max((policy.needed(step + 1, limit) for limit in limits), default=0) - had
        held = moment + timedelta(seconds=policy.hold_s(step + 1))
        moment = _after(max(0, lacking), policy.percent(step + 1), evidence, rollout, (held, moment))
    return moment


def _limits(policy: Policy) -> list[float]:
    """Give the limits of gates that ask for a number of requests."""
    return [limit for limit in (policy.errors, policy.slow_ms and policy.slow_share) if limit]


def _asked_for(policy: Policy, step: int) -> Iterator[int]:
    """Give how many requests each gate asks for: of predictions as many as the bins of numbers take."""
    yield from (policy.needed(step, limit) for limit in _limits(policy))
    if policy.predictions is not None:
        yield EACH_BIN * _BINS


def _lacking(evidence: Evidence) -> int:
    return max((each.needed - each.samples for each in _asking(evidence)), default=0)


def _asking(evidence: Evidence) -> list[Judged]:
    return [each for each in evidence.of(Verdict.NOT_ENOUGH_DATA) if each.samples < each.needed]


def _none_logged(evidence: Evidence) -> bool:
    """Tell whether predictions are waited for and none came: requests do not say when some will."""
    return any(each.gate == "predictions" and not each.samples for each in _asking(evidence))


def _after(
    lacking: float, percent: int, evidence: Evidence, rollout: Rollout, times: tuple[datetime, datetime]
) -> datetime | None:
    """Give when so many requests came, and a hold is over: of when it ends at the earliest, and counting begins."""
    held, now = times
    pace = (evidence.per_minute or 0) * percent / ALL / rollout.policy.requests_per_client
    if lacking <= 0:
        return held
    if pace <= 0 or lacking / pace > _FARTHEST / timedelta(minutes=1):
        return None
    return max(held, now + timedelta(minutes=lacking / pace))


def lacking_words(rollout: Rollout, evidence: Evidence, now: datetime) -> str:
    """Say what is lacking: `212 of 500 requests; at 0.8 req/min step 1 ends about 14:20 UTC`."""
    asking = _asking(evidence)
    if not asking:
        return "; ".join(each.why for each in evidence.of(Verdict.NOT_ENOUGH_DATA))
    worst = max(asking, key=lambda each: each.needed - each.samples)
    pace = (evidence.per_minute or 0) * _asked_of(rollout) / ALL
    moment = step_ends(rollout, evidence, now)
    if moment is None:
        copies = "copies" if rollout.shadowed else "requests"
        what = "predictions are in the log" if _none_logged(evidence) and pace else f"{copies} come"
        why = next((each.why for each in asking if each.gate == "predictions"), worst.why) if pace else worst.why
        return f"{why}; no {what}"
    which = "the bake" if rollout.phase is Phase.BAKE else f"step {rollout.step}" if rollout.step else "the shadow"
    return f"{worst.why}; at {number(pace)} req/min {which} ends about {clock(moment, now)}"


def takes(policy: Policy, per_minute: float) -> timedelta | None:
    """Give how long a good version takes from its first traffic, or copies, until it is stable; None where none come.

    Approvals, freezes, the start of the revision and the time between passes are not in it.

    Args:
        policy: How it goes out.
        per_minute: Requests of both versions in a minute.
    """
    had, took = 0.0, timedelta()
    for step in range(0 if policy.shadow_s is not None else 1, policy.final):
        share = policy.percent(step) if step else policy.shadow_percent
        pace = per_minute * share / ALL / policy.requests_per_client
        lacking = max(_asked_for(policy, step), default=0) - had
        if lacking > 0 and (pace <= 0 or lacking / pace > _FARTHEST / _MINUTE):
            return None
        waits = timedelta(minutes=lacking / pace) + _VISIBLE if lacking > 0 else timedelta()
        lasts = max(timedelta(seconds=policy.hold_s(step)), waits)
        had = had + pace * (lasts / _MINUTE) if step else 0.0
        took += lasts
    return took + timedelta(seconds=policy.bake_s)


def takes_words(policy: Policy, per_minute: float) -> str:
    """Say it: `at 6 requests a minute, last week's mean, it takes about 9 h 50 min, and a person's approval`."""
    took = takes(policy, per_minute)
    if took is None:
        return "nobody asked it in the last week: it would wait for requests until its deadline"
    approvals = sum(policy.asks(step) for step in range(policy.final))
    people = f", and {approvals} approval{'s' if approvals > 1 else ''}" if approvals else ""
    late = ", longer than its deadline" if took > timedelta(seconds=policy.deadline_s) else ""
    return f"at {number(per_minute)} requests a minute, last week's mean, it takes about {span(took)}{late}{people}"


def span(lasts: timedelta) -> str:
    """Write how long something lasts: `45 min`, `9 h 50 min`, `3 days`."""
    minutes = math.ceil(lasts / _MINUTE)
    if minutes < _HOUR_MINUTES:
        return f"{minutes} min"
    hours, rest = divmod(minutes, _HOUR_MINUTES)
    if hours >= _TWO_DAYS_HOURS:
        return f"{round(hours / 24)} days"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def number(value: float) -> str:
    """Write a number with two digits that say something."""
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{digits}f}"


def clock(moment: datetime, now: datetime) -> str:
    """Write a moment as people say it on this day."""
    same = moment.date() == now.astimezone(moment.tzinfo).date()
    return f"{moment:%H:%M} UTC" if same else f"{moment:%Y-%m-%d %H:%M} UTC"
