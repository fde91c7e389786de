"""What the function is told of how right predictions must be, and what it reads to judge that; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconciler.core import measures
from reconciler.kinds import vertex_schedule
from schemas.cron import parse_cron
from schemas.tables import full_table

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService
    from schemas.sections.monitoring import Labels, Monitoring, Performance


def wanted_performance(service: MLService) -> Performance | None:
    """Give what a spec wants of its predictions; None for nothing, and where there is no function to judge it."""
    monitoring = service.spec.monitoring
    if monitoring is None or monitoring.logging is None or service.spec.retraining is None:
        return None
    return monitoring.performance


def tables(service: MLService, facts: Facts) -> Iterator[tuple[str, str]]:
    """Give the tables that are read, with their projects, by what they are: `log`, `labels`."""
    found, monitoring = wanted_performance(service), service.spec.monitoring
    if found is not None and monitoring is not None and monitoring.logging is not None:
        for title, table in (("log", monitoring.logging.table), ("labels", found.labels.table)):
            yield title, full_table(table, facts.project)


def told(service: MLService, facts: Facts) -> dict[str, Any]:
    """Give the settings, as plain data: times are in seconds."""
    found, monitoring, model = wanted_performance(service), service.spec.monitoring, service.spec.model
    if found is None or monitoring is None or model is None or model.prediction is None:
        return {}
    limits = found.least or found.most
    question = {
        **dict(tables(service, facts)),
        **_columns(found.labels),
        "column": model.prediction.name,
        "kind": str(model.prediction.type),
        "version": vertex_schedule.logged_version(service, facts),
        "positive": found.positive or "",
        **({} if found.threshold is None else {"threshold": found.threshold}),
    }
    return {
        "performance": {
            "question": {name: value for name, value in question.items() if value != ""},
            "limits": limits.model_dump(exclude_none=True) if limits else {},
            "least": monitoring.min_samples,
            "after": found.after_s,
            "window": monitoring.window_s,
            "times": _times(monitoring),
            "points": measures.told(facts.project, service.name, service.spec.region),
        }
    }


def _columns(labels: Labels) -> dict[str, str]:
    return {
        "request_id": labels.request_id,
        "value": labels.value,
        "row_index": labels.row_index or "",
        "time": labels.time or "",
    }


def _times(monitoring: Monitoring) -> dict[str, Any]:
    """Give the minutes of the schedule: the function does not read cron."""
    cron = parse_cron(monitoring.schedule)
    return {
        "minutes": sorted(cron.minutes),
        "hours": sorted(cron.hours),
        "days": None if cron.days is None else sorted(cron.days),
        "months": sorted(cron.months),
        "weekdays": None if cron.weekdays is None else sorted(cron.weekdays),
        "either": cron.either,
    }
