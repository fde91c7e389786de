"""The metrics that the retraining function writes of each window it judged: how right predictions were.

Their names and what they are of are said here alone: the function is told them, alerts and dashboards select by them. A
window has one word on it, so people are told once of it, however many measures are past their limits.

Source:
    cloud.google.com/monitoring/custom-metrics/creating-metrics: a point is of a resource, and tasks that are none of
    Google's own are `generic_task`.
"""

from __future__ import annotations

from typing import Any

VALUE = "custom.googleapis.com/mlservice/performance"
BREACH = "custom.googleapis.com/mlservice/performance_breach"
RESOURCE = "generic_task"
NAMESPACE = "mlservice"
_TASK = "performance"
"""One per service: tells it from whatever else may be written of one some day."""


def breach_descriptor() -> dict[str, Any]:
    """Describe what alerts look at, as Cloud Monitoring is told of it."""
    return {
        "type": BREACH,
        "metric_kind": "GAUGE",
        "value_type": "INT64",
        "display_name": "Predictions past their limits",
        "description": "1 for a window in which a measure was past its limit by more than chance, 0 for another one.",
    }


def told(project: str, service: str, region: str) -> dict[str, Any]:
    """Give what the function needs to write points: the metrics' names, and the resource they are of.

    Args:
        project: Project id.
        service: Its name.
        region: Where it is.
    """
    place = {"project_id": project, "location": region, "namespace": NAMESPACE, "job": service, "task_id": _TASK}
    return {"value": VALUE, "breach": BREACH, "resource": {"type": RESOURCE, "labels": place}}


def selected(metric: str, service: str, region: str) -> str:
    """Give the filter of a service's points.

    Args:
        metric: `VALUE` or `BREACH`.
        service: Its name.
        region: Where it is.
    """
    terms = (
        f'metric.type = "{metric}"',
        f'resource.type = "{RESOURCE}"',
        f'resource.labels.location = "{region}"',
        f'resource.labels.namespace = "{NAMESPACE}"',
        f'resource.labels.job = "{service}"',
        f'resource.labels.task_id = "{_TASK}"',
    )
    return " AND ".join(terms)
