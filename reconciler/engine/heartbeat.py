"""Tell Cloud Monitoring that a pass has ended: the silence of an operator is what people are told of.

Not to be able to tell it is never a failed pass: what was reconciled is reconciled.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core import errors, heartbeat
from reconciler.engine.session import Session
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling

_PACKAGE = "google.cloud.monitoring_v3"
_JUST_NOW = "more frequently than the maximum sampling period"
"""Google's words for a point that comes less than five seconds after another one: somebody was just heard of."""


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
    try:
        api = session.connection.client(_PACKAGE, "metric_service", "MetricService")
        for request in heartbeat.requests(project, operator, region, shards, outcome, at=at):
            with calling("write", "the metric of passes"):
                api.create_time_series(request=request, timeout=CALL_TIMEOUT_S)
    except errors.ReconcilerError as error:
        if _JUST_NOW in str(error):
            return ""
        hint = f"; {error.hint}" if error.hint else ""
        return f"Cloud Monitoring was not told that a pass has ended: {error}{hint}"
    return ""
