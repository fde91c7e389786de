"""What containers of Cloud Run answered, as time series: a point per revision, code and minute in which there was one.

Of `run.googleapis.com/request_count` and `request_latencies`. Only requests that reached a container count.

Source:
    model_monitoring.md E.1. Google samples every 60 s and shows points up to two minutes later; here they are there at
    the end of the minute.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.json_format import ParseDict

from emulator.apis.monitoring.recording import record
from emulator.apis.monitoring.series.keeping import TimeSeries
from emulator.apis.run.journal import resource
from emulator.apis.run.running import Running
from emulator.apis.run.traffic import FINITE, GROWTH, MINUTE_S, SCALE_MS, Answers, Key
from emulator.core.world import World

log = logging.getLogger("emulator")
COUNT, LATENCIES = "run.googleapis.com/request_count", "run.googleapis.com/request_latencies"


def write(world: World, payload: dict[str, Any]) -> None:
    """Write what was counted in a minute. Nothing is left to count where it is done twice."""
    running = world.find(Running)
    counts = running.traffic.taken() if running is not None else {}
    if not counts:
        return
    by_project: dict[str, list[Any]] = {}
    for key, answers in sorted(counts.items(), key=lambda each: each[0]):
        project = "/".join(key[0].split("/")[:2])
        by_project.setdefault(project, []).extend(
            ParseDict(each, TimeSeries()) for each in series(key, answers, payload["end"])
        )
    for project, many in by_project.items():
        if refused := record(world, project, many, period_ns=MINUTE_S * 10**9):
            log.warning("requests were counted in vain", extra={"series": len(refused), "why": refused[0].why})


def series(key: Key, answers: Answers, end: str) -> list[dict[str, Any]]:
    """Give the two series of a minute, in JSON."""
    revision, code = key
    start = (datetime.fromisoformat(end) - timedelta(seconds=MINUTE_S)).isoformat()
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
