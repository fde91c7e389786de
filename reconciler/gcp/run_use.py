"""How much Cloud Run services were used: a list of series for each metric, of all services of a project at once.

Source:
    https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run: `request_count` (that reached a container),
    `request_latencies` and `container/billable_instance_time`, all of `cloud_run_revision`, deltas, sampled every 60
    seconds and visible up to 120 later. Google keeps points for six weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

COUNT, LATENCIES, BILLED = "request_count", "request_latencies", "container/billable_instance_time"
LATE = timedelta(minutes=3)
"""Points of less than that ago may not be there yet."""
_LABELS = ("location", "service_name")


def totals(connection: Connection, metric: str, since: datetime, until: datetime) -> Mapping[tuple[str, str], Any]:
    """Add one metric up over a time, of the project's own services, by region and name: one list.

    Args:
        connection: How to reach it.
        metric: One of Cloud Run's, of those above.
        since: Not before.
        until: Not after.

    Returns:
        Numbers as decimals; of latencies the mean in milliseconds, weighted by requests.

    Raises:
        ApiError: They cannot be read.
    """
    api = connection.client("google.cloud.monitoring_v3", "metric_service", "MetricService")
    request = {
        "name": f"projects/{connection.project}",
        # Of a project that monitors others too, Google lists the series of all of them (metrics scopes).
        "filter": f'metric.type = "run.googleapis.com/{metric}" AND resource.type = "cloud_run_revision" '
        f'AND resource.labels.project_id = "{connection.project}"',
        "interval": {"start_time": since, "end_time": until},
        "aggregation": {
            "alignment_period": until - since,
            "per_series_aligner": "ALIGN_DELTA",
            "cross_series_reducer": "REDUCE_SUM",
            "group_by_fields": [f"resource.labels.{name}" for name in _LABELS],
        },
        "page_size": 10_000,
    }
    try:
        with calling("read", f"{metric} of Cloud Run"):
            found = list(api.list_time_series(request=request, timeout=CALL_TIMEOUT_S, retry=READING))
    except errors.NotFoundError:  # of a metric that nothing was ever counted of
        return {}
    return {
        (each.resource.labels["location"], each.resource.labels["service_name"]): _value(each.points[0].value)
        for each in found
        if each.points
    }


def _value(value: Any) -> Decimal:
    if "distribution_value" in value:
        return Decimal(repr(value.distribution_value.mean))
    return Decimal(value.int64_value) if "int64_value" in value else Decimal(repr(value.double_value))
