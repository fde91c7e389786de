"""Alerts on what callers are promised: told when the share that may fail is used up far too fast.

Two speeds, and two windows each: the long one says that it matters, the short one that it goes on, so an alert is over
soon after the last failure.

Source:
    https://cloud.google.com/stackdriver/docs/solutions/slo-monitoring/api/create-policy-api (a burn rate is compared
    without aggregations); the speeds are those that site reliability engineers use for a budget of 30 days: a fiftieth
    of it in an hour, a twentieth in six (model_monitoring.md E.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.kinds import monitoring_slo
from reconciler.kinds.monitoring_alert_policy.record import BREACH_LABEL, REGION_LABEL, Condition
from reconciler.kinds.monitoring_alert_policy.wanted import Alert
from schemas.sections.notifications import Event
from schemas.units import duration_text

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

SLO = "slo"
"""What is found, as triggers call it."""
NEARLY_ALL = 0.9
"""Share of the fastest there is: with a goal of 0.9 all that fails burns ten times as fast, and no faster."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast is too fast.

    Args:
        name: Tells it from the other.
        rate: Times the speed that uses the budget up in exactly its period.
        windows_s: The long and the short one.
        severity: Of its policy.
    """

    name: str
    rate: float
    windows_s: tuple[int, int]
    severity: str


SPEEDS = (Speed("fast", 14.4, (3600, 300), "CRITICAL"), Speed("slow", 6.0, (21_600, 1800), "ERROR"))


def promises(service: MLService, facts: Facts) -> Iterator[Alert]:
    """Tell when a promise is being broken: a policy per objective and speed."""
    for which, goal in monitoring_slo.goals(service).items():
        for speed in SPEEDS:
            yield _alert(service, facts, which, goal, speed)


def rate_of(speed: Speed, goal: float) -> float:
    """Give the rate from which on people are told: one that can be reached, whatever the goal."""
    return round(min(speed.rate, NEARLY_ALL / (1 - goal)), 4)


def _alert(service: MLService, facts: Facts, which: str, goal: float, speed: Speed) -> Alert:
    objective = monitoring_slo.address_of(service, which)
    rate, name = rate_of(speed, goal), monitoring_slo.full_name(objective, facts.project)
    conditions = tuple(
        Condition(
            name=f"{rate:g} times too fast over {duration_text(window_s * 1000)}",
            filter=f'select_slo_burn_rate("{name}", "{window_s}s")',
            comparison="GT",
            threshold=rate,
            duration_s=0,
        )
        for window_s in speed.windows_s
    )
    region, share = service.spec.region, min(rate * (1 - goal), 1.0)
    text = (
        f"`{service.name}` in {region} breaks its promise of {which}: more than {share * 100:.3g}% of requests were not"
        f" good, over {duration_text(speed.windows_s[0] * 1000)} and over {duration_text(speed.windows_s[1] * 1000)};"
        f" {(1 - goal) * 100:.3g}% may be.\n\nLook at the newest revision and at what it logs; `mlservice rollback"
        f" {service.name}` gives the traffic back to the one before."
    )
    return Alert(
        which=f"{SLO}-{which}-{speed.name}-{region}",
        title=f"{which} burns its budget {rate:g} times too fast",
        event=str(Event.SLO_BREACHED),
        severity=speed.severity,
        help=text,
        conditions=conditions,
        combiner="AND",
        # Without requests nobody knows; a window later nothing is known of what was.
        auto_close_s=speed.windows_s[0],
        labels={**service.labels, REGION_LABEL: region, BREACH_LABEL: SLO},
        needs=frozenset({objective}),
    )
