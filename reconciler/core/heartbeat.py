"""The metric that each pass of an operator writes at its end: its name, its labels, and when its silence is too long.

A pass writes a point for every outcome, 1 for its own and 0 for the others: so an alert on an outcome is over with the
first pass that has another one, and does not wait for points that never come.

Source:
    cloud.google.com/monitoring/alerts/metric-absence: an absence is watched for at most 23.5 hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.core import exits
from schemas.operator import PASS_S, WATCHED_S

TYPE = "custom.googleapis.com/mlservice/operator/passes"
RESOURCE = "generic_task"
NAMESPACE = "mlservice"
LABELS = {
    "operator": "Name of the operator.",
    "shard": "Number of the shard, from 0.",
    "outcome": "How the pass ended.",
}
OK, FAILED, BLOCKED = "ok", "failed", "blocked"
OUTCOMES = (OK, FAILED, BLOCKED)
SILENT = "pass-missing"
"""Name of the alert on its absence."""
_SERIES_MOST = 198
"""Of a request: Google takes 200, and a shard has three."""


def outcome_of(exit_code: int) -> str:
    """Say in a word how a pass ended: blocked is one that would destroy what a spec protects."""
    return OK if exit_code == 0 else BLOCKED if exit_code == exits.BLOCKED else FAILED


def descriptor() -> dict[str, Any]:
    """Describe the metric, as Cloud Monitoring is told of it."""
    return {
        "type": TYPE,
        "metric_kind": "GAUGE",
        "value_type": "INT64",
        "display_name": "Passes of the mlservice operator",
        "description": "1 for the outcome of a pass that ended, 0 for the others.",
        "labels": [{"key": key, "value_type": "STRING", "description": text} for key, text in LABELS.items()],
    }


def selected(operator: str, region: str, shards: int, outcomes: Iterable[str] = ()) -> str:
    """Give the filter of an operator's points.

    Args:
        operator: Its name.
        region: Of its job.
        shards: How many it has: one that is no more is not missed.
        outcomes: Only these; any, if left out.
    """
    terms = [
        f'metric.type = "{TYPE}"',
        f'resource.type = "{RESOURCE}"',
        f'resource.labels.location = "{region}"',
        f'metric.labels.operator = "{operator}"',
        f"metric.labels.shard = {_one_of(map(str, range(shards)))}",
    ]
    return " AND ".join([*terms, *([f"metric.labels.outcome = {_one_of(outcomes)}"] if outcomes else [])])


def _one_of(words: Iterable[str]) -> str:
    quoted = ", ".join(f'"{word}"' for word in words)
    return f"one_of({quoted})"


def silence_s(gap_s: int) -> int | None:
    """Say how long there may be no pass: two are missed, and ten minutes to end; one where Google watches no longer.

    Args:
        gap_s: Longest time from one start to the next.

    Returns:
        Seconds, whole minutes; None where passes are so far apart that no absence can tell that one is missed.
    """
    wanted = 2 * gap_s + PASS_S
    if wanted <= WATCHED_S:
        return wanted
    return WATCHED_S if gap_s + PASS_S <= WATCHED_S else None


def window_s(gap_s: int) -> int:
    """Say how long a pass counts: until the next one has ended, as far as Google looks back."""
    return min(gap_s + PASS_S, WATCHED_S)


def requests(
    project: str, operator: str, region: str, shards: Iterable[int], outcome: str, *, at: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """Give the requests that write what came of a pass, or of several shards of one.

    Args:
        project: Project id.
        operator: Its name.
        region: Of its job.
        shards: Their numbers, from 0.
        outcome: One of `OUTCOMES`.
        at: When it ended: `seconds` since 1970, `nanos`.
    """
    place = {"project_id": project, "location": region, "namespace": NAMESPACE, "job": operator}
    many = [
        {
            "metric": {"type": TYPE, "labels": {"operator": operator, "shard": str(shard), "outcome": each}},
            "resource": {"type": RESOURCE, "labels": {**place, "task_id": str(shard)}},
            "metric_kind": "GAUGE",
            "value_type": "INT64",
            "points": [{"interval": {"end_time": at}, "value": {"int64_value": int(each == outcome)}}],
        }
        for shard in shards
        for each in OUTCOMES
    ]
    for begin in range(0, len(many), _SERIES_MOST):
        yield {"name": f"projects/{project}", "time_series": many[begin : begin + _SERIES_MOST]}
