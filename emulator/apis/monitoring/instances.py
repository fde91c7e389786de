"""What instances of Cloud Run took, as time series: CPU, memory, requests at once, starts, and how many there were.

Google has a point for each minute. Here a quiet time becomes one point of many minutes: the first look is a minute
after something happened, each one after that twice as late as the one before, a day at most. An instance that ended
between two looks is not told of, nor is what starting took of the CPU. A GPU is not there: what is told of one is that
nothing was computed on it.

Source:
    model_monitoring.md E.1 (names, kinds, types and units); https://cloud.google.com/monitoring/api/metrics_gcp_p_z
    #gcp-run. Which buckets Google has is not known: here they are a hundredth wide, and a request.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator.apis.monitoring import billed, revisions
from emulator.apis.run.journal import resource
from emulator.apis.run.running import Running
from emulator.apis.run.traffic import FINITE, GROWTH, MINUTE_S, SCALE_MS
from emulator.core.world import World

if TYPE_CHECKING:
    from emulator.processes.gauge import Looked, Stretch

RUN = "run.googleapis.com/container/"
LOOK = "emulator.apis.monitoring.instances:look"
LONGEST_S = 86_400
SHARES = {"linearBuckets": {"offset": 0.0, "width": 0.01, "numFiniteBuckets": 101}}
REQUESTS = {"linearBuckets": {"offset": -0.5, "width": 1.0, "numFiniteBuckets": 1001}}
TIMES = {"exponentialBuckets": {"scale": SCALE_MS, "growthFactor": GROWTH, "numFiniteBuckets": FINITE}}
FORMS = {
    "cpu/utilizations": ("10^2.%", SHARES),
    "memory/utilizations": ("10^2.%", SHARES),
    "gpu/utilizations": ("10^2.%", SHARES),
    "max_request_concurrencies": ("1", REQUESTS),
    "startup_latencies": ("ms", TIMES),
}
"""Unit and buckets of each distribution."""
Counted = Mapping[float, int]
"""Values, and how often each was there."""


def begin(world: World, end: str) -> None:
    """Look at instances, and again after a minute: something happened."""
    running = world.find(Running)
    if running is not None:
        running.looks_at = end
        look(world, {"end": end, "next_s": MINUTE_S})


def look(world: World, payload: dict[str, Any]) -> None:
    """Write what instances took until now, and look again later; a timer that another one replaced does nothing."""
    running = world.find(Running)
    if running is None or running.started is None or running.looks_at != payload["end"]:
        return
    end = datetime.fromisoformat(payload["end"])
    found = running.started.looked()
    revisions.write(world, [(each.revision, series) for each in found for series in series_of(each, end)])
    billed.write(world, end)
    if any(each.stretches for each in found) or running.started.owing:
        later = (end + timedelta(seconds=payload["next_s"])).isoformat()
        running.looks_at = later
        next_s = min(2 * payload["next_s"], LONGEST_S)
        world.clock.call_at(datetime.fromisoformat(later), LOOK, {"end": later, "next_s": next_s})


def series_of(looked: "Looked", end: datetime) -> Iterator[dict[str, Any]]:
    """Give the series of a revision, in JSON."""
    if looked.starts_s:
        starts = dict.fromkeys((each * 1000 for each in looked.starts_s), 1)
        yield _delta(looked, "startup_latencies", starts, end - timedelta(seconds=MINUTE_S), end)
    whole = [each for each in looked.stretches if each.since < min(end, each.until)]
    if not whole:
        return
    since = min(each.since for each in whole).replace(second=0, microsecond=0)
    there = [each for each in whole if each.until + timedelta(seconds=MINUTE_S) >= end]
    active = sum(bool(each.most) for each in there)
    for state, count in (("active", active), ("idle", len(there) - active)):
        yield _gauge(looked, state, count, end)
    told = {
        "cpu/utilizations": _joined(_steady(each, end, _cpu(each, looked.size.cpu, end)) for each in whole),
        "memory/utilizations": _joined(_steady(each, end, _memory(each, looked.size.memory_gib)) for each in whole),
        "gpu/utilizations": _joined(_steady(each, end, 0.0 if looked.size.gpu else None) for each in whole),
    }
    for name, counted in told.items():
        if counted:
            yield _delta(looked, name, counted, since, end)
    requests = _joined(map(_requests, whole, [_minutes(each, end) for each in whole]))
    yield _delta(looked, "max_request_concurrencies", requests, since, end)


def _minutes(stretch: "Stretch", end: datetime) -> int:
    """Give how many points Google would have."""
    return max(1, round((min(end, stretch.until) - stretch.since).total_seconds() / MINUTE_S))


def _steady(stretch: "Stretch", end: datetime, value: float | None) -> Counted:
    return {} if value is None else {value: _minutes(stretch, end)}


def _requests(stretch: "Stretch", minutes: int) -> Counted:
    """Give the most at once in one minute; in the others there were as many as at the end, or it was looked then."""
    return _joined([{stretch.most: 1}, {stretch.last: minutes - 1}])


def _cpu(stretch: "Stretch", vcpus: float, end: datetime) -> float | None:
    if stretch.cpu_s is None or not vcpus:
        return None
    lasted_s = max(1.0, (min(end, stretch.until) - stretch.since).total_seconds())
    return min(1.0, stretch.cpu_s / lasted_s / vcpus)


def _memory(stretch: "Stretch", gib: float) -> float | None:
    return None if stretch.memory_bytes is None or not gib else min(1.0, stretch.memory_bytes / 2**30 / gib)


def _joined(many: Any) -> Counted:
    found: dict[float, int] = {}
    for counted in many:
        for value, count in counted.items():
            if count:
                found[value] = found.get(value, 0) + count
    return found


def _gauge(looked: "Looked", state: str, count: int, end: datetime) -> dict[str, Any]:
    return {
        "metric": {"type": f"{RUN}instance_count", "labels": {"state": state}},
        "resource": resource(looked.revision),
        "metricKind": "GAUGE",
        "unit": "1",
        "points": [{"interval": {"endTime": end.isoformat()}, "value": {"int64Value": str(count)}}],
    }


def _delta(looked: "Looked", name: str, counted: Counted, since: datetime, end: datetime) -> dict[str, Any]:
    unit, buckets = FORMS[name]
    return {
        "metric": {"type": f"{RUN}{name}"},
        "resource": resource(looked.revision),
        "metricKind": "DELTA",
        "unit": unit,
        "points": [
            {
                "interval": {"startTime": since.isoformat(), "endTime": end.isoformat()},
                "value": {"distributionValue": distribution(counted, buckets)},
            }
        ],
    }


def distribution(counted: Counted, buckets: dict[str, Any]) -> dict[str, Any]:
    """Give values as a distribution, in JSON.

    Args:
        counted: At least one.
        buckets: `linearBuckets` or `exponentialBuckets`, as the API has them.
    """
    bounds = bounds_of(buckets)
    count = sum(counted.values())
    mean = sum(value * many for value, many in counted.items()) / count
    counts = [0] * (len(bounds) + 1)
    for value, many in counted.items():
        counts[bisect_right(bounds, value)] += many
    last = max(index for index, many in enumerate(counts) if many)
    return {
        "count": str(count),
        "mean": mean,
        "sumOfSquaredDeviation": sum(many * (value - mean) ** 2 for value, many in counted.items()),
        "bucketOptions": buckets,
        "bucketCounts": [str(each) for each in counts[: last + 1]],
    }


def bounds_of(buckets: dict[str, Any]) -> Sequence[float]:
    """Give where buckets meet."""
    if "linearBuckets" in buckets:
        told = buckets["linearBuckets"]
        return [told["offset"] + told["width"] * index for index in range(told["numFiniteBuckets"] + 1)]
    told = buckets["exponentialBuckets"]
    return [told["scale"] * told["growthFactor"] ** index for index in range(told["numFiniteBuckets"] + 1)]
