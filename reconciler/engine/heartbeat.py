"""Tell Cloud Monitoring that a pass has ended: the silence of an operator is what people are told of.

Not to be able to tell it is never a failed pass: what was reconciled is reconciled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from reconciler.core import errors, heartbeat
from reconciler.engine.session import Session
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

_PACKAGE = "google.cloud.monitoring_v3"
_LOOKED_AT = timedelta(hours=24)
"""Longer than any absence is watched for."""


def beat(session: Session, operator: str, region: str, shards: Iterable[int], exit_code: int) -> str:
    """Write what came of a pass.

    Args:
        session: The run's means.
        operator: Name of the operator whose pass it was.
        region: Of its job.
        shards: Numbers of the shards that ended, from 0.
        exit_code: Of the pass.

    Returns:
        Why that could not be told, in a sentence with what to do; empty when it was, or when another pass was told of
        less than five seconds ago.
    """
    now, project = session.clock.now(), session.connection.project
    at = {"seconds": int(now.timestamp()), "nanos": now.microsecond * 1000}
    outcome = heartbeat.outcome_of(exit_code)
    requests = heartbeat.requests(project, operator, region, shards, outcome, at=at)
    return next(filter(None, [_write(session, request) for request in requests]), "")


def _write(session: Session, request: Mapping[str, Any]) -> str:
    try:
        api = session.connection.client(_PACKAGE, "metric_service", "MetricService")
        with calling("write", "the metric of passes"):
            api.create_time_series(request=request, timeout=CALL_TIMEOUT_S)
    except errors.TooOften:
        return ""
    except errors.ReconcilerError as error:
        hint = f"; {error.hint}" if error.hint else ""
        return f"Cloud Monitoring was not told that a pass has ended: {error}{hint}"
    return ""


def begin(session: Session, operator: str, region: str, shards: int) -> str:
    """Write a point for each shard, newer than the policies that were just written: else its absence is not noticed.

    A shard that was heard of says again what it said last: another outcome would end the alert on a pass that failed.

    Args:
        session: The run's means.
        operator: Name of the operator.
        region: Of its job.
        shards: How many it has.

    Returns:
        Why that could not be told; empty when it was.

    Source:
        cloud.google.com/monitoring/alerts/metric-absence: a point is needed that is newer than the policy.
    """
    try:
        heard = _heard(session, operator, region, shards)
    except errors.ReconcilerError:  # one beat too many is better than an absence that nobody notices
        heard = {}
    now, project = session.clock.now(), session.connection.project
    at = {"seconds": int(now.timestamp()), "nanos": now.microsecond * 1000}
    by_outcome: dict[str, list[int]] = {}
    for shard in range(shards):
        by_outcome.setdefault(heard.get(str(shard), heartbeat.OK), []).append(shard)
    many = [
        request
        for outcome, some in by_outcome.items()
        for request in heartbeat.requests(project, operator, region, some, outcome, at=at)
    ]
    return next(filter(None, [_write(session, request) for request in many]), "")


def _heard(session: Session, operator: str, region: str, shards: int) -> dict[str, str]:
    """Give what each shard said last, where there are points of it."""
    now = session.clock.now()
    request = {
        "name": f"projects/{session.connection.project}",
        "filter": heartbeat.selected(operator, region, shards),
        "interval": {"start_time": now - _LOOKED_AT, "end_time": now},
    }
    api = session.connection.client(_PACKAGE, "metric_service", "MetricService")
    with calling("read", "the metric of passes"):
        found = list(api.list_time_series(request=request, timeout=CALL_TIMEOUT_S, retry=READING))
    said = sorted(  # the newest point of each line comes first
        (line.points[0].interval.end_time, line.metric.labels["shard"], line.metric.labels["outcome"])
        for line in found
        if line.points and line.points[0].value.int64_value
    )
    return {shard: outcome for _, shard, outcome in said}
