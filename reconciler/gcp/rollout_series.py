"""What revisions of Cloud Run services answered, minute by minute: two lists, of all services of a region at once.

Source:
    https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run: `request_count` and `request_latencies`, deltas by
    revision and class of response, sampled every 60 seconds and visible up to 120 later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.gcp.cloud_run_series import bounds_of, listed, step

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

COUNT, LATENCIES = "request_count", "request_latencies"
_MINUTE = timedelta(minutes=1)
_LATE = timedelta(minutes=3)
"""So late are points."""
_LONGEST = timedelta(days=14)
"""What is older says nothing of a rollout that still waits."""
_LABELS = ("resource.labels.service_name", "resource.labels.revision_name", "metric.labels.response_code_class")
_FINE = "2xx"


@dataclass(frozen=True, slots=True)
class Spread:
    """How long answers of a minute took.

    Args:
        bounds: Milliseconds between buckets, rising; the first bucket is below the first of them.
        counts: Of each bucket.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]

    def slower_than(self, limit_ms: float) -> int:
        """Count the answers above the bound that is nearest below a limit; above the first where all are higher."""
        place = max((index for index, bound in enumerate(self.bounds) if bound <= limit_ms), default=0)
        return sum(self.counts[place + 1 :])


@dataclass(slots=True)
class Answers:
    """What the revisions of one service answered.

    Args:
        classes: Answers by class of response, by revision and the minute that they began in.
        spreads: How long those took that were no error, by the same.
        until: Minutes that end by then are visible: where nothing is listed of one, nobody asked.
        error: Why nothing can be read; empty where it can.
    """

    classes: dict[tuple[str, datetime], dict[str, int]] = field(default_factory=dict)
    spreads: dict[tuple[str, datetime], Spread] = field(default_factory=dict)
    until: datetime | None = None
    error: str = ""


def answers_of(
    connection: Connection, region: str, names: Sequence[str], since: datetime, now: datetime
) -> Mapping[str, Answers]:
    """Read what the revisions of some services answered since then; what cannot be read is said in each.

    Args:
        connection: How to reach it.
        region: Of the services.
        names: Of the services.
        since: Not before.
        now: Not after.
    """
    found = {name: Answers(until=now - _LATE) for name in names}
    start = max(since, now - _LONGEST).replace(second=0, microsecond=0)
    end = start + (now - start) // _MINUTE * _MINUTE
    if end <= start:
        return found
    try:
        for each in _listed(connection, COUNT, region, start, end):
            _add(found, each, COUNT)
        for each in _listed(connection, LATENCIES, region, start, end):
            _add(found, each, LATENCIES)
    except errors.ReconcilerError as error:
        for one in found.values():
            one.error = error.message
    return found


def _listed(connection: Connection, metric: str, region: str, start: datetime, end: datetime) -> list[Any]:
    minutes = step(_MINUTE.total_seconds(), "ALIGN_DELTA", "REDUCE_SUM", _LABELS)
    return listed(connection, metric, start, end, [minutes], f'resource.labels.location = "{region}"')


def _add(found: Mapping[str, Answers], each: Any, metric: str) -> None:
    one = found.get(each.resource.labels.get("service_name", ""))
    if one is None:
        return
    revision, sort = each.resource.labels.get("revision_name", ""), each.metric.labels.get("response_code_class", "")
    for point in each.points:
        end = point.interval.end_time.astimezone(UTC).replace(second=0, microsecond=0, tzinfo=UTC)
        minute = datetime.fromtimestamp(end.timestamp(), UTC) - _MINUTE
        if metric == COUNT:
            counts = one.classes.setdefault((revision, minute), {})
            counts[sort] = counts.get(sort, 0) + int(point.value.int64_value)
        elif sort == _FINE:
            one.spreads[revision, minute] = _spread(point.value.distribution_value)


def _spread(value: Any) -> Spread:
    """Read a distribution: buckets at the end that are empty are not listed."""
    bounds, counts = tuple(bounds_of(value.bucket_options)), tuple(int(each) for each in value.bucket_counts)
    return Spread(bounds, counts + (0,) * (len(bounds) + 1 - len(counts)))
