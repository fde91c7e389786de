"""What a spec asks of a rollout, as decisions read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo

from reconciler.core.due import zone_of
from reconciler.core.rollout.freezing import Closed
from schemas.checks.rollout import days_of, minute_of
from schemas.sections.rollout import (
    GateMode,
    OnFailure,
    OnInsufficientData,
    OnMetricsMissing,
    Rollout,
    Strategy,
    Supersede,
    WhenStableFails,
)

ALL = 100
SMOKE, REPLAY = "smoke", "replay"
"""Names of what must pass before any traffic, as a spec has them."""
_BAD_TO_SEE = 7.5
"""Bad answers that are expected at the limit by the time a version gets everything: of one that is twice as bad one in
a hundred has no more than there may be."""
_SCALE = 1.5
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Target:
    """One step of a canary.

    Args:
        percent: Of requests.
        hold_s: Seconds it lasts at least.
        approval: A person lets the next one begin.
    """

    percent: int
    hold_s: int = 0
    approval: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """How a version goes out.

    Args:
        strategy: By which plan.
        steps: Of a canary, rising; others have none.
        errors: Greatest share of 5xx answers; None for no such gate.
        slow_ms: Latency that a share of answers may exceed; None for no such gate.
        slow_share: That share: 0.05 of a limit for the 95th percentile.
        predictions: Greatest Jensen-Shannon divergence in bits; None for no such gate.
        min_requests: Of the candidate before it gets everything; None to derive it.
        on_failure: When a gate fails.
        on_insufficient_data: When the deadline passes with too few requests.
        on_metrics_missing: When nothing can be seen.
        when_stable_fails: While the stable version is beyond a limit.
        mode: Whether gates act.
        supersede: When there is a newer version.
        approval: A person lets a version that is ready get traffic at all: `BlueGreen`.
        deadline_s: Seconds from the start after which waiting for requests ends.
        start_s: Seconds a revision has to become ready.
        bake_s: Seconds that gates look on after everything was moved.
        keep_s: Seconds that the version before keeps its tag afterwards.
        keep_percent: Of requests that the version before keeps meanwhile: whom to compare with.
        checks: Names of what must pass before any traffic.
        shadow_s: Seconds that it gets copies of requests before any traffic, at least; None for no copies.
        shadow_percent: Of what the stable version is asked, so much is copied.
        known: Only callers that are known reach it: what it refuses is then its own fault.
        freezes: When no version gets more traffic.
        zone: Of `freezes`.
        requests_per_client: Requests of one client that stays with one version, which count as one: 1 without
            session affinity.
        concurrency: Requests of an instance that just started, which may be slow.
        split: The spec's own words of its split, `Manual` only.
    """

    strategy: Strategy = Strategy.ALL_AT_ONCE
    steps: tuple[Target, ...] = ()
    errors: float | None = None
    slow_ms: int | None = None
    slow_share: float = 0.05
    predictions: float | None = None
    min_requests: int | None = None
    on_failure: OnFailure = OnFailure.ROLLBACK
    on_insufficient_data: OnInsufficientData = OnInsufficientData.HOLD
    on_metrics_missing: OnMetricsMissing = OnMetricsMissing.HOLD
    when_stable_fails: WhenStableFails = WhenStableFails.HOLD
    mode: GateMode = GateMode.ENFORCE
    supersede: Supersede = Supersede.NEWEST
    approval: bool = False
    deadline_s: int = 7 * 86_400
    start_s: int = 900
    bake_s: int = 0
    keep_s: int = 0
    keep_percent: int = 0
    checks: tuple[str, ...] = ()
    shadow_s: int | None = None
    shadow_percent: int = 0
    known: bool = True
    freezes: Sequence[Closed] = ()
    zone: tzinfo = field(default=UTC)
    requests_per_client: float = 1.0
    concurrency: int = 1
    split: str = ""

    @property
    def gated(self) -> bool:
        """Whether anything is judged beside whether it is reached."""
        return any(limit is not None for limit in (self.errors, self.slow_ms, self.predictions))

    @property
    def final(self) -> int:
        """Number of the step in which a version has all that it gets."""
        return len(self.steps) + 1

    @property
    def most(self) -> int:
        """Percent that a version gets in the end, until it is stable."""
        return ALL - self.keep_percent if self.bake_s or self.keep_s else ALL

    def percent(self, step: int) -> int:
        """Give the percent of a step; 0 before the first."""
        if step < 1:
            return 0
        return self.steps[step - 1].percent if step <= len(self.steps) else self.most

    def step_at(self, percent: int) -> int:
        """Give the number of the step that a percent is of: the last that has no more.

        Whoever moved a share by hand, or wrote other steps, skips none: the next one is the first that has more.
        """
        if not self.steps:
            return 1 if percent > 0 else 0
        return sum(step.percent <= percent for step in self.steps)

    def hold_s(self, step: int) -> int:
        """Give how many seconds a step lasts at least: 0 is the one before any traffic."""
        if step < 1:
            return self.shadow_s or 0
        return self.steps[step - 1].hold_s if 1 <= step <= len(self.steps) else 0

    def asks(self, step: int) -> bool:
        """Tell whether a person is asked before the step after this one."""
        return self.steps[step - 1].approval if 1 <= step <= len(self.steps) else self.approval and step == 0

    def needed(self, step: int, limit: float) -> int:
        """Give how many requests of the candidate, since the start, the step after this one needs.

        What a wrong step costs grows with the share, and so does what is asked before it: by the share's power of 1.5.

        Args:
            step: The one that is on.
            limit: Of the gate that asks: a share of answers.
        """
        whole = self.min_requests if self.min_requests is not None else math.ceil(_BAD_TO_SEE / limit)
        share = self.percent(step + 1) / ALL
        return math.ceil(whole * math.pow(share, _SCALE) - _ROUNDING)


def policy_of(
    rollout: Rollout, *, requests_per_client: float = 1.0, concurrency: int = 1, known: bool = True
) -> Policy:
    """Give what the words of a rollout ask for.

    Args:
        rollout: Valid.
        requests_per_client: Of one client that stays with one version: 1 without session affinity.
        concurrency: Requests of an instance that just started, which may be slow.
        known: Only callers that are known reach it.

    Raises:
        UsageError: This machine does not know its time zone.
    """
    canary, gates = rollout.strategy is Strategy.CANARY, rollout.gates
    found = Policy(
        rollout.strategy,
        tuple(Target(each.traffic_percent, each.hold_s, each.approval) for each in rollout.steps) if canary else (),
        on_failure=rollout.on_failure,
        supersede=rollout.supersede,
        approval=rollout.approval,
        deadline_s=rollout.deadline_s,
        bake_s=rollout.bake_s,
        keep_s=rollout.keep_stable_s,
        keep_percent=rollout.keep_percent,
        checks=tuple(name for name in (SMOKE, REPLAY) if getattr(rollout, name) is not None),
        shadow_s=rollout.shadow.lasts_s if rollout.shadow is not None else None,
        shadow_percent=rollout.shadow.percent if rollout.shadow is not None else 0,
        known=known,
        freezes=tuple(closed(each.begins or "", each.ends or "", each.dates or "") for each in rollout.freeze),
        zone=zone_of(rollout.time_zone),
        requests_per_client=requests_per_client,
        concurrency=concurrency,
    )
    if gates is None:
        return found
    return replace(
        found,
        errors=gates.error_rate,
        slow_ms=gates.latency_p95_ms,
        predictions=gates.prediction_drift,
        min_requests=gates.min_requests,
        on_insufficient_data=gates.on_insufficient_data,
        on_metrics_missing=gates.on_metrics_missing,
        when_stable_fails=gates.when_stable_fails,
        mode=gates.mode,
    )


def closed(begins: str, ends: str, dates: str) -> Closed:
    """Give a freeze of its words, which were checked: `Fri 16:00` and `Mon 08:00`, or days."""
    days = days_of(dates) if dates else None
    if days is not None:
        return Closed(first=days[0], last=days[1])
    return Closed(minute_of(begins) or 0, minute_of(ends) or 0)
