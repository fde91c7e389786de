"""What a spec wants to be compared, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.core.address import Address
from reconciler.core.googlesql import identifier, literal
from reconciler.core.naming import mark_text
from reconciler.core.objects import Desired
from reconciler.kinds import vertex_model, vertex_model_monitor
from reconciler.kinds.vertex_model_monitor import wanted as monitors
from reconciler.kinds.vertex_model_monitor.logarithms import logarithmic, selected
from reconciler.kinds.vertex_model_monitor.record import Objective, Rows
from reconciler.kinds.vertex_schedule.record import NAME, MonitoringSchedule, job_of
from reconciler.lookups.model_version import version_of
from schemas.tables import full_table

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService
    from schemas.sections.monitoring import Monitoring

SKEW, DRIFT = "skew", "drift"
TIME_COLUMN = "logging_time"
"""Of the prediction log: its names are those of `runtime.telemetry.prediction_rows`."""
SAME = (TIME_COLUMN, "request_id", "revision", "row_index")
"""Columns in which a row that is delivered again equals itself, and no other row. `request_id` alone is the caller's:
one that sends the same with every request would be one request, and nobody would see what it asks. The time is the
server's, set once per request, in microseconds, and sent again as it is.
"""
_AGAINST_S = 7 * 86_400
"""How far back predictions are compared with where the spec has no `drift`."""
_LATE_H = 24
"""How much later than planned a run may begin and still find its rows."""
_HOUR_S = 3600


def address_of(monitor: Address, which: str) -> Address:
    """Give the address of a schedule. Its name is ours: the server picks another."""
    return Address(NAME, monitor.location, f"{monitor.name}/{which}")


def desired(service: MLService, facts: Facts) -> Iterator[Desired[MonitoringSchedule]]:
    """Want a schedule against the training data, and one against an earlier window."""
    found, which = service.spec.monitoring, _which(service)
    if found is None:
        return
    if SKEW in which:
        yield _schedule(service, facts, SKEW, (monitors.skew(service), monitors.training(service, facts)))
    if DRIFT in which:
        yield _schedule(service, facts, DRIFT, (monitors.drift(service), _earlier(service, found, facts)))


def _which(service: MLService) -> tuple[str, ...]:
    """Give what is compared."""
    found = service.spec.monitoring
    if found is None or not vertex_model.compares(service):
        return ()
    drift = monitors.drift(service)
    skew = found.skew is not None and found.baseline is not None
    return (*((SKEW,) if skew else ()), *((DRIFT,) if drift.features or drift.predictions else ()))


def display_names(service: MLService) -> dict[str, str]:
    """Give the display name of each of a service's schedules, by what it compares: the same for every version."""
    return {which: f"{which} of {service.name}. {mark_text(service.name)}" for which in _which(service)}


def _schedule(
    service: MLService, facts: Facts, which: str, compared: tuple[Objective, Rows | None]
) -> Desired[MonitoringSchedule]:
    found = service.spec.monitoring
    monitor = vertex_model_monitor.address_of(service, facts)
    fields = MonitoringSchedule(
        display_name=display_names(service)[which],
        monitor=monitor.name,
        cron=f"TZ=Etc/UTC {found.schedule}" if found else "",
        at_once=1,
        job=job_of(f"{which} of {service.name}", found.min_samples, *_orders(found, which)) if found else "",
        objective=compared[0],
        baseline=compared[1],
        target=_logged(service, found, facts, 0) if found else None,
        log=True,
        paused=False,
    )
    return Desired(address_of(monitor, which), fields, service.name, needs=frozenset({monitor}))


def _orders(monitoring: Monitoring, which: str) -> tuple[float | None, float | None]:
    """Give the greatest distances of order, of what goes into the model, and of what comes out of it."""
    if which == SKEW:
        return monitoring.skew.order if monitoring.skew else None, None
    return monitoring.drift.order if monitoring.drift else None, monitoring.prediction_order


def _earlier(service: MLService, monitoring: Monitoring, facts: Facts) -> Rows:
    back_s = monitoring.drift.against_s if monitoring.drift else _AGAINST_S
    return replace(_logged(service, monitoring, facts, back_s), offset=_hours(back_s))


def _hours(span_s: float) -> str:
    return f"{int(span_s) // _HOUR_S}h"


def _logged(service: MLService, monitoring: Monitoring, facts: Facts, back_s: float) -> Rows:
    """Give a window of the prediction log that ends so long before a run."""
    reach_h = int(back_s + monitoring.window_s) // _HOUR_S + _LATE_H
    query = log_query(service, facts, reach_h)
    return Rows(query=query, time_column=TIME_COLUMN, window=_hours(monitoring.window_s))


def log_query(service: MLService, facts: Facts, reach_h: int) -> str:
    """Give the query of the rows of the version that serves, each once: Pub/Sub may deliver one twice.

    Args:
        service: Whose.
        facts: What was looked up.
        reach_h: How far back rows are read, in hours: it keeps BigQuery from reading every partition at each run.

    Source:
        A window over the result is no condition on the table: model_monitoring.md A.5, D.4.
    """
    logging = service.spec.monitoring.logging if service.spec.monitoring else None
    columns = (TIME_COLUMN, *monitors.columns(service), *monitors.predictions(service))
    version = logged_version(service, facts)
    only = [f"service = {literal(service.name)}", *([f"model_version = {literal(version)}"] if version else [])]
    table = full_table(logging.table, facts.project) if logging else ""
    return (
        f"SELECT {selected(columns, logarithmic(service))} FROM {identifier(table)}"  # noqa: S608 - BigQuery reads it, every part quoted
        f" WHERE {' AND '.join(only)}"
        f" AND {TIME_COLUMN} >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {reach_h} HOUR)"
        f" QUALIFY ROW_NUMBER() OVER (PARTITION BY {', '.join(SAME)} ORDER BY {TIME_COLUMN}) = 1"
    )


def logged_version(service: MLService, facts: Facts) -> str:
    """Give the version as the server logs it."""
    registered, model = version_of(service, facts), service.spec.model
    return registered.number if registered else str((model.version if model else "") or "")
