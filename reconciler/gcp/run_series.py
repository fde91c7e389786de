"""What instances of Cloud Run services took: a list of series for each metric, of all services of a project at once.

Source:
    https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run: `container/memory/utilizations`,
    `cpu/utilizations`, `gpu/utilizations`, `max_request_concurrencies` and `startup_latencies` are deltas of
    distributions, a value for each instance and minute (of starts, for each); `instance_count` is a gauge by state,
    `active` or `idle`; `request_count` is a delta by class of the code. Sampled every 60 seconds, visible up to 120
    later, kept for six weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.cost.advice import Bucket, Spread
from reconciler.gcp.cloud_run_series import BY_SERVICE, Key, bounds_of, listed, service_of, step

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

MEMORY, CPU, GPU = "container/memory/utilizations", "container/cpu/utilizations", "container/gpu/utilizations"
REQUESTS, STARTS = "container/max_request_concurrencies", "container/startup_latencies"
DISTRIBUTIONS = (MEMORY, CPU, GPU, REQUESTS, STARTS)
_INSTANCES, _COUNT = "container/instance_count", "request_count"
_PERIOD_S = 60
_REVISION, _CLASS = "resource.labels.revision_name", "metric.labels.response_code_class"


@dataclass(frozen=True, slots=True)
class Series:
    """Lists series of one project, over one time.

    Args:
        connection: How to reach it.
        since: Not before.
        until: Not after; whole minutes.
    """

    connection: Connection
    since: datetime
    until: datetime

    def distributions(self, metric: str) -> Mapping[tuple[str, str, str], Spread]:
        """Add a distribution up, by region, service and revision.

        Args:
            metric: One of `DISTRIBUTIONS`.

        Raises:
            ApiError: It cannot be read.
        """
        found = self._list(metric, [self._whole("ALIGN_DELTA", "REDUCE_SUM", _REVISION)])
        return {
            (*service_of(each), each.resource.labels["revision_name"]): spread_of(
                each.points[0].value.distribution_value
            )
            for each in found
        }

    def instances(self, *, busy: bool) -> Mapping[Key, int]:
        """Give how many instances a service had at once, of all its revisions: minute by minute, and of those the most.

        Args:
            busy: Only those that had requests.

        Raises:
            ApiError: It cannot be read.
        """
        minutes = step(_PERIOD_S, "ALIGN_MAX", "REDUCE_SUM", BY_SERVICE)
        over = self._whole("ALIGN_MAX", "REDUCE_SUM")
        only = 'metric.labels.state = "active"' if busy else ""
        found = self._list(_INSTANCES, [minutes, over], only)
        return {service_of(each): int(_number(each.points[0].value)) for each in found}

    def requests(self) -> Mapping[Key, Mapping[str, int]]:
        """Count requests that reached a container, by class of the code, such as `5xx`.

        Raises:
            ApiError: They cannot be read.
        """
        found: dict[Key, dict[str, int]] = {}
        for each in self._list(_COUNT, [self._whole("ALIGN_DELTA", "REDUCE_SUM", _CLASS)]):
            found.setdefault(service_of(each), {})[each.metric.labels["response_code_class"]] = int(
                _number(each.points[0].value)
            )
        return found

    def _whole(self, aligner: str, reducer: str, *more: str) -> dict[str, Any]:
        return step((self.until - self.since).total_seconds(), aligner, reducer, (*BY_SERVICE, *more))

    def _list(self, metric: str, steps: Sequence[Mapping[str, Any]], only: str = "") -> list[Any]:
        """List series with one point, over all of the time."""
        return listed(self.connection, metric, self.since, self.until, steps, only)


def spread_of(message: Any) -> Spread:
    """Give a distribution with the edges of its buckets, however Google describes them.

    Args:
        message: `google.api.Distribution`.
    """
    bounds = list(map(_decimal, bounds_of(message.bucket_options)))
    buckets = []
    for index, count in enumerate(message.bucket_counts if bounds else ()):
        low = bounds[index - 1] if index else min(Decimal(0), bounds[0])
        buckets.append(Bucket(low, bounds[index] if index < len(bounds) else None, int(count)))
    return Spread.of(buckets, _decimal(message.mean))


def _number(value: Any) -> Decimal:
    return Decimal(value.int64_value) if "int64_value" in value else _decimal(value.double_value)


def _decimal(number: float) -> Decimal:
    """Give the number that is meant: 0.29 and not what a sum of hundredths comes to."""
    return Decimal(f"{number:.12g}")
