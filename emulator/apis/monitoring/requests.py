"""What containers of Cloud Run answered, as time series: a point per revision, code and minute in which there was one.

Of `run.googleapis.com/request_count` and `request_latencies`. Only requests that reached a container count. And what is
billed of instances, `container/billable_instance_time`, where they are billed by request: of others nothing is told.

Source:
    model_monitoring.md E.1. Google samples every 60 s and shows points up to two minutes later; here requests are there
    at the end of the minute, and what is billed two minutes after it.
"""

from datetime import datetime, timedelta
from typing import Any

from emulator.apis.monitoring import instances, revisions
from emulator.apis.run.journal import resource
from emulator.apis.run.running import Running
from emulator.apis.run.stored import REVISIONS
from emulator.apis.run.traffic import FINITE, GROWTH, MINUTE_S, SCALE_MS, Answers, Key
from emulator.core.world import World

COUNT, LATENCIES = "run.googleapis.com/request_count", "run.googleapis.com/request_latencies"
BILLED = "run.googleapis.com/container/billable_instance_time"
DELAY_S = 120
WRITE_BILLED = "emulator.apis.monitoring.requests:write_billed"


def write(world: World, payload: dict[str, Any]) -> None:
    """Write what was counted in a minute. Nothing is left to count where it is done twice."""
    running = world.find(Running)
    counts, busy_s = running.traffic.taken() if running is not None else ({}, {})
    if busy_s:
        later = datetime.fromisoformat(payload["end"]) + timedelta(seconds=DELAY_S)
        world.clock.call_at(later, WRITE_BILLED, {"end": payload["end"], "busy_s": dict(busy_s)})
    revisions.write(
        world,
        [
            (revision, each)
            for (revision, code), answers in sorted(counts.items(), key=lambda each: each[0])
            for each in series((revision, code), answers, payload["end"])
        ],
    )
    instances.begin(world, payload["end"])


def write_billed(world: World, payload: dict[str, Any]) -> None:
    """Write the instance seconds of a minute that are billed by request."""
    busy = [(name, busy_s) for name, busy_s in sorted(payload["busy_s"].items()) if _by_request(world, name)]
    revisions.write(world, [(name, billed(name, busy_s, payload["end"])) for name, busy_s in busy])


def _by_request(world: World, name: str) -> bool:
    revision = REVISIONS.find(world, name)
    return revision is not None and any(each.resources.cpu_idle for each in revision.containers)


def billed(revision: str, busy_s: float, end: str) -> dict[str, Any]:
    """Give the series of what is billed of a revision's instances in a minute, in JSON."""
    return {
        "metric": {"type": BILLED},
        "resource": resource(revision),
        "metricKind": "DELTA",
        "unit": "s",
        "points": [{"interval": {"startTime": start_of(end), "endTime": end}, "value": {"doubleValue": busy_s}}],
    }


def start_of(end: str) -> str:
    """Give when the minute began that ended then."""
    return (datetime.fromisoformat(end) - timedelta(seconds=MINUTE_S)).isoformat()


def series(key: Key, answers: Answers, end: str) -> list[dict[str, Any]]:
    """Give the two series of a minute, in JSON."""
    revision, code = key
    start = start_of(end)
    labels = {"response_code": str(code), "response_code_class": f"{code // 100}xx"}
    spread = {
        "count": str(answers.count),
        "mean": answers.mean_ms,
        "sumOfSquaredDeviation": answers.squares,
        "bucketOptions": {
            "exponentialBuckets": {"scale": SCALE_MS, "growthFactor": GROWTH, "numFiniteBuckets": FINITE}
        },
        "bucketCounts": [str(each) for each in answers.buckets],
    }
    values = {COUNT: ("1", {"int64Value": str(answers.count)}), LATENCIES: ("ms", {"distributionValue": spread})}
    return [
        {
            "metric": {"type": type_, "labels": labels},
            "resource": resource(revision),
            "metricKind": "DELTA",
            "unit": unit,
            "points": [{"interval": {"startTime": start, "endTime": end}, "value": value}],
        }
        for type_, (unit, value) in values.items()
    ]
