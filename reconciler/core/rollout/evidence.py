"""What is known of a candidate, gate by gate. It reads what was measured, and writes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from reconciler.core.rollout.judging import (
    CHANCE,
    REACHED,
    Judged,
    Verdict,
    excused,
    judge_predictions,
    judge_rate,
    judge_share,
)
from reconciler.core.rollout.policy import ALL
from reconciler.core.rollout.position import Phase, Rollout
from reconciler.core.rollout.series import Bins, Check, Count, Seen, Series

_MINUTE = timedelta(minutes=1)
_PACE = 60
"""Minutes that the pace of requests is taken of."""
M = TypeVar("M", Count, Bins)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a pass knows.

    Args:
        gates: What each says, in a fixed order.
        checks: What came of what is checked before any traffic, by name.
        per_minute: Requests of both versions in a minute, of late; None where nothing is visible.
    """

    gates: tuple[Judged, ...] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    per_minute: float | None = None

    def of(self, *verdicts: Verdict) -> tuple[Judged, ...]:
        """Give the gates that say one of these."""
        return tuple(each for each in self.gates if each.verdict in verdicts)


def evidence(rollout: Rollout, series: Series, now: datetime) -> Evidence:
    """Judge what was measured.

    Args:
        rollout: Where it stands.
        series: All that was measured since it began.
        now: The time.
    """
    record = rollout.record
    pace = _pace(series.answers, copies=rollout.shadowed)
    checks = {**series.checks, **(record.checks if record is not None else {})}
    if record is None or not rollout.compared:
        return Evidence((), checks, pace)
    alone = rollout.phase is Phase.BAKE and not rollout.policy.keep_percent
    since = record.since if alone or rollout.shadowed else record.counts
    return Evidence(tuple(_gates(rollout, series, since, now, alone=alone)), checks, pace)


def bar_of(gates: int) -> float:
    """Give the evidence from which on it is proof, where so many gates share what chance may do, the share's aside."""
    return math.log(max(1, gates) / (CHANCE * (1 - REACHED)))


def share_bar() -> float:
    """Give the same of the gate that looks whether a candidate is reached: who is not has no request at all."""
    return -math.log(CHANCE * REACHED)


def _gates(rollout: Rollout, series: Series, since: datetime, now: datetime, *, alone: bool) -> Iterator[Judged]:
    policy, step = rollout.policy, rollout.number
    shared = [limit for limit in (policy.errors, policy.slow_ms, policy.predictions) if limit is not None]
    common = {"bar": bar_of(len(shared)), "weight": 1 / policy.requests_per_client}
    copies = rollout.shadowed
    if policy.errors is not None:
        minutes = _whole(series.answers, series.answers_seen, since)
        judged = judge_rate(
            "errors", minutes, policy.errors, policy.needed(step, policy.errors), copies=copies, **common
        )
        yield _or_missing(judged, series.answers_seen, rollout, now)
    if policy.slow_ms is not None:
        minutes = excused(_whole(series.slow, series.slow_seen, since), policy.concurrency)
        needed = policy.needed(step, policy.slow_share)
        judged = judge_rate("latency", minutes, policy.slow_share, needed, copies=copies, **common)
        yield _or_missing(judged, series.slow_seen, rollout, now)
    if policy.predictions is not None and not alone:  # alone there is nobody whose predictions they may be apart from
        bins = _whole(series.predictions, series.predictions_seen, since)
        yield _or_missing(judge_predictions(bins, policy.predictions, **common), series.predictions_seen, rollout, now)
    yield from _share(rollout, series, {**common, "bar": share_bar()})


def _share(rollout: Rollout, series: Series, common: Mapping[str, float]) -> Iterator[Judged]:
    """Judge who is reached, while a step is on: only then is its percent known of every minute."""
    record, policy = rollout.record, rollout.policy
    if record is None or rollout.phase is not Phase.STEP or not 0 < rollout.percent < ALL:
        return
    minutes = _whole(series.answers, series.answers_seen, record.since + _MINUTE)
    if policy.requests_per_client > 1 and any(each.candidate for each in minutes):
        return  # clients that came before stay with the version that they know
    yield judge_share(minutes, rollout.percent, **common)


def _whole(minutes: Sequence[M], seen: Seen, since: datetime) -> list[M]:
    """Give the minutes that are complete."""
    return [each for each in minutes if since <= each.at and (seen.until is None or each.at + _MINUTE <= seen.until)]


def _or_missing(judged: Judged, seen: Seen, rollout: Rollout, now: datetime) -> Judged:
    """Say so where nothing can be seen: that is neither good nor bad. What was seen to be bad stays bad."""
    why = seen.missing(rollout.record.since if rollout.record else None, now)
    if not why or judged.verdict is Verdict.FAIL:
        return judged
    return replace(judged, verdict=Verdict.MISSING, why=why, alike=False, stale=not seen.error)


def _pace(minutes: Iterable[Count], *, copies: bool) -> float | None:
    """Give requests per minute of late, without copies of them. A minute without a point had none: time counts."""
    late = list(minutes)[-_PACE:]
    if not late:
        return None
    lasted = (late[-1].at - late[0].at) / _MINUTE + 1
    return sum(each.stable + (0 if copies else each.candidate) for each in late) / lasted
