"""How much Cloud Run services were used: a list of series for each metric, of all services of a project at once.

Source:
    https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run: `request_count` (that reached a container),
    `request_latencies` and `container/billable_instance_time`, all of `cloud_run_revision`, deltas, sampled every 60
    seconds and visible up to 120 later; so are `container/startup_latencies`, and `container/instance_count`, a gauge
    by state. Google keeps points for six weeks.
    https://cloud.google.com/run/pricing: starting, requests and stopping are billed, in steps of 100 ms.
    https://cloud.google.com/run/docs/container-contract: an instance has ten seconds to stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.gcp.cloud_run_series import BY_SERVICE, Key, listed, service_of, step

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

COUNT, LATENCIES, BILLED = "request_count", "request_latencies", "container/billable_instance_time"
COUNTED, STARTS = "container/instance_count", "container/startup_latencies"
LATE = timedelta(minutes=3)
"""Points of less than that ago may not be there yet."""
_SAMPLED_S = 60
_BESIDE_S = {LATENCIES: Decimal("0.1"), STARTS: Decimal("10.1")}
"""What is billed of each beyond what it took, at the most: a step of the bill, and an instance's end."""


def totals(connection: Connection, metric: str, since: datetime, until: datetime) -> Mapping[Key, Any]:
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
    whole = step((until - since).total_seconds(), "ALIGN_DELTA", "REDUCE_SUM", BY_SERVICE)
    found = listed(connection, metric, since, until, [whole])
    return {service_of(each): _value(each.points[0].value) for each in found}


def counted_s(connection: Connection, since: datetime, until: datetime) -> Mapping[Key, Decimal]:
    """Give for how many seconds instances were seen, idle ones too, by region and name: a minute for each time.

    Of those that were there between two samples nothing is told.

    Args:
        connection: How to reach it.
        since: Not before.
        until: Not after.

    Raises:
        ApiError: They cannot be read.
    """
    whole = step((until - since).total_seconds(), "ALIGN_SUM", "REDUCE_SUM", BY_SERVICE)
    found = listed(connection, COUNTED, since, until, [whole])
    return {service_of(each): _value(each.points[0].value) * _SAMPLED_S for each in found}


def taken_s(connection: Connection, metric: str, since: datetime, until: datetime) -> Mapping[Key, Decimal]:
    """Give how long each of some things took, added up in seconds, as they are billed at the most, by region and name.

    No instance was busy for longer than all of them.

    Args:
        connection: How to reach it.
        metric: `LATENCIES` or `STARTS`.
        since: Not before.
        until: Not after.

    Raises:
        ApiError: They cannot be read.
    """
    whole = step((until - since).total_seconds(), "ALIGN_DELTA", "REDUCE_SUM", BY_SERVICE)
    found = listed(connection, metric, since, until, [whole])
    spreads = {service_of(each): each.points[0].value.distribution_value for each in found}
    return {key: each.count * (Decimal(repr(each.mean)) / 1000 + _BESIDE_S[metric]) for key, each in spreads.items()}


def _value(value: Any) -> Decimal:
    if "distribution_value" in value:
        return Decimal(repr(value.distribution_value.mean))
    return Decimal(value.int64_value) if "int64_value" in value else Decimal(repr(value.double_value))
