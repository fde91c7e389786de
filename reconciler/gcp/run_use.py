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

from reconciler.gcp.cloud_run_series import listed, step

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

COUNT, LATENCIES, BILLED = "request_count", "request_latencies", "container/billable_instance_time"
LATE = timedelta(minutes=3)
"""Points of less than that ago may not be there yet."""
_LABELS = ("resource.labels.location", "resource.labels.service_name")


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
    whole = step((until - since).total_seconds(), "ALIGN_DELTA", "REDUCE_SUM", _LABELS)
    found = listed(connection, metric, since, until, [whole])
    return {
        (each.resource.labels["location"], each.resource.labels["service_name"]): _value(each.points[0].value)
        for each in found
    }


def _value(value: Any) -> Decimal:
    if "distribution_value" in value:
        return Decimal(repr(value.distribution_value.mean))
    return Decimal(value.int64_value) if "int64_value" in value else Decimal(repr(value.double_value))
