"""The alert on how right predictions were, by labels that came later: on what the retraining function writes.

That knows about few labels and about chance, so the alert asks for its word and for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core import measures as metrics
from reconciler.kinds.functions_function.performance import wanted_performance
from reconciler.kinds.monitoring_alert_policy.distances import LATE_S, LOOKED_BACK_S, close_s
from reconciler.kinds.monitoring_alert_policy.record import BREACH_LABEL, REGION_LABEL, Condition, Step
from reconciler.kinds.monitoring_alert_policy.wanted import Alert
from schemas.cron import parse_cron
from schemas.sections.notifications import Event
from schemas.units import duration_text

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

PERFORMANCE = "performance"
"""What is found, as the function calls it."""


def measures(service: MLService, facts: Facts) -> Iterator[Alert]:
    """Tell when a window is a breach; over with the next calm one. Of one with too few labels nothing is told."""
    del facts
    monitoring = service.spec.monitoring
    if monitoring is None or wanted_performance(service) is None:
        return
    region, gap_s = service.spec.region, parse_cron(monitoring.schedule).longest_gap_s
    shape = Condition(
        name="a measure is past its limit",
        filter=metrics.selected(metrics.BREACH, service.name, region),
        comparison="GT",
        threshold=0.0,
        duration_s=0,
        steps=(Step(min(gap_s + LATE_S, LOOKED_BACK_S), "NEXT_OLDER"),),
    )
    yield Alert(
        which=f"{PERFORMANCE}-{region}",
        title="predictions are not as right as they must be",
        event=str(Event.DRIFT_DETECTED),
        severity="WARNING",
        help=_help(service, close_s(gap_s)),
        conditions=(shape,),
        auto_close_s=close_s(gap_s),
        labels={**service.labels, REGION_LABEL: region, BREACH_LABEL: PERFORMANCE},
    )


def _help(service: MLService, closes_s: int) -> str:
    return (
        f"Of `{service.name}` in {service.spec.region}, predictions whose labels are there by now were less right than"
        " `monitoring.performance` in the spec says.\n\n"
        f"`mlservice monitor {service.name}` shows each measure with its limit and how many predictions have a label,"
        f" `mlservice why {service.name}` what was decided about a training. Are the labels right? This is over with"
        f" the next window within its limits, or {duration_text(closes_s * 1000)} after the last one that could be"
        " judged."
    )
