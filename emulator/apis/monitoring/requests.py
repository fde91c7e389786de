"""What containers of Cloud Run answered, as time series: a point per revision, code and minute in which there was one.

Of `run.googleapis.com/request_count` and `request_latencies`. Only requests that reached a container count.

Source:
    model_monitoring.md E.1. Google samples every 60 s and shows points up to two minutes later; here requests are there
    at the end of the minute.
"""

from datetime import datetime, timedelta
from typing import Any

from emulator.apis.monitoring import instances, revisions
from emulator.apis.run.journal import resource
from emulator.apis.run.running import Running
from emulator.apis.run.traffic import FINITE, GROWTH, MINUTE_S, SCALE_MS, Answers, Key
from emulator.core.world import World

COUNT, LATENCIES = "run.googleapis.com/request_count", "run.googleapis.com/request_latencies"


def write(world: World, payload: dict[str, Any]) -> None:
    """Write what was counted in a minute. Nothing is left to count where it is done twice."""
    running = world.find(Running)
    counts = running.traffic.taken() if running is not None else {}
    revisions.write(
        world,
        [
            (revision, each)
            for (revision, code), answers in sorted(counts.items(), key=lambda each: each[0])
            for each in series((revision, code), answers, payload["end"])
        ],
    )
    instances.begin(world, payload["end"])


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
