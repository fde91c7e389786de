"""Series of Cloud Run's services, of a whole project or one region: one list, and the bounds of what they count in.

Source:
    https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run: metrics of `cloud_run_revision`.
    Comments of `google.api.Distribution.BucketOptions`: bucket 0 is what is below the first bound, the last one what is
    not below the last; trailing buckets of none may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PAGE = 10_000
BY_SERVICE = ("resource.labels.location", "resource.labels.service_name")
"""Labels by which series of services stay apart."""
Key = tuple[str, str]
"""Region and name of a service."""


def step(period_s: float, aligner: str, reducer: str, groups: Sequence[str]) -> dict[str, Any]:
    """Give an aggregation.

    Args:
        period_s: Length of a window.
        aligner: Such as `ALIGN_DELTA`.
        reducer: Such as `REDUCE_SUM`.
        groups: Labels by which series stay apart.
    """
    return {
        "alignment_period": {"seconds": int(period_s)},
        "per_series_aligner": aligner,
        "cross_series_reducer": reducer,
        "group_by_fields": list(groups),
    }


def listed(  # noqa: PLR0917 - which series, of when, and how
    connection: Connection,
    metric: str,
    since: datetime,
    until: datetime,
    steps: Sequence[Mapping[str, Any]],
    only: str = "",
) -> list[Any]:
    """List series with points; none of a metric that nothing was ever counted of.

    Args:
        connection: How to reach it. Of a project that monitors others too, Google lists the series of all of them
            (metrics scopes): only its own are asked for.
        metric: Such as `request_count`, without `run.googleapis.com/`.
        since: Not before.
        until: Not after.
        steps: One aggregation, or two, one after the other.
        only: What else a series must be, as a filter.

    Raises:
        ApiError: They cannot be read.
    """
    api = connection.client("google.cloud.monitoring_v3", "metric_service", "MetricService")
    request = {
        "name": f"projects/{connection.project}",
        "filter": f'metric.type = "run.googleapis.com/{metric}" AND resource.type = "cloud_run_revision" '
        f'AND resource.labels.project_id = "{connection.project}"{f" AND {only}" if only else ""}',
        "interval": {"start_time": since, "end_time": until},
        "page_size": _PAGE,
        **dict(zip(("aggregation", "secondary_aggregation"), steps, strict=False)),
    }
    try:
        with calling("read", f"{metric} of Cloud Run"):
            found = list(api.list_time_series(request=request, timeout=CALL_TIMEOUT_S, retry=READING))
    except errors.NotFoundError:
        return []
    return [each for each in found if each.points]


def service_of(series: Any) -> Key:
    """Give which service a series is of."""
    return series.resource.labels["location"], series.resource.labels["service_name"]


def bounds_of(options: Any) -> list[float]:
    """Give the bounds between buckets of a distribution, rising, however they are described; none where none are told.

    Args:
        options: `google.api.Distribution.BucketOptions`.
    """
    if options.explicit_buckets.bounds:
        return list(options.explicit_buckets.bounds)
    linear, growing = options.linear_buckets, options.exponential_buckets
    if linear.num_finite_buckets:
        return [linear.offset + linear.width * index for index in range(linear.num_finite_buckets + 1)]
    count = growing.num_finite_buckets
    return [growing.scale * growing.growth_factor**index for index in range(count + 1)] if count else []
