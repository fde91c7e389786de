"""Points, series and policies as Google's client takes them, and the emulator's clock in nanoseconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud import monitoring_v3 as monitoring

PROJECT = "projects/local"
METRIC = "custom.googleapis.com/shop/orders"
FILTER = f'metric.type = "{METRIC}" AND resource.type = "global"'


def now(emulator) -> datetime:
    """The emulator's time."""
    return datetime.now(UTC) + timedelta(seconds=emulator.control("GET", "clock")["offset_s"])


def series(when: datetime, value: Any, *, start: datetime | None = None, **fields: Any) -> monitoring.TimeSeries:
    """One series with one point; a number is what its type says, everything else is told by name."""
    told = {"double_value": value} if isinstance(value, float) else {"int64_value": value}
    point = {"interval": {"end_time": when}, "value": value if isinstance(value, dict) else told}
    if start is not None:
        point["interval"]["start_time"] = start
    labels, resource = fields.pop("labels", {}), fields.pop("resource", {"type": "global"})
    metric = {"type": fields.pop("metric", METRIC), "labels": labels}
    return monitoring.TimeSeries({"metric": metric, "resource": resource, "points": [point], **fields})


def policy(**fields: Any) -> monitoring.AlertPolicy:
    """A policy with one condition: more than five orders."""
    condition = {"display_name": "many orders", "condition_threshold": threshold()}
    made = {"display_name": "orders", "combiner": "OR", "conditions": [condition]}
    return monitoring.AlertPolicy(made | fields)


def threshold(**fields: Any) -> dict[str, Any]:
    """More than five in a minute."""
    step = {"alignment_period": {"seconds": 60}, "per_series_aligner": "ALIGN_MAX"}
    made = {"filter": FILTER, "comparison": "COMPARISON_GT", "threshold_value": 5, "aggregations": [step]}
    return made | fields


def absence(seconds: int = 600, **fields: Any) -> dict[str, Any]:
    """No point of any series for so long."""
    return {"filter": FILTER, "duration": {"seconds": seconds}} | fields


def step(aligner: str, reducer: str = "REDUCE_NONE", *, period_s: int = 60, groups: tuple[str, ...] = ()) -> Any:
    """One aggregation."""
    return {
        "alignment_period": {"seconds": period_s},
        "per_series_aligner": aligner,
        "cross_series_reducer": reducer,
        "group_by_fields": list(groups),
    }
