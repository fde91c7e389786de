"""What we manage of a schedule of monitoring jobs, and its JSON.

Source:
    `google.cloud.aiplatform_v1beta1.types.schedule`; model_monitoring.md A.6; kinds.md 7.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from reconciler.core.by_hand import Beyond
from reconciler.kinds.vertex_model_monitor.messages import objective_of, objective_to_json, rows_of, rows_to_json
from reconciler.kinds.vertex_model_monitor.record import Objective, Rows

NAME = "vertex_schedule"
REQUEST = "createModelMonitoringJobRequest"
COMPLETED = "COMPLETED"
_WHEN = ("startTime", "endTime", "maxRunCount", "allowQueueing", "maxConcurrentActiveRunCount")
"""What else says when it runs, none of which we write.

Source:
    Comment of `UpdateScheduleRequest`: a field that is set cannot be unset.
"""
_BEYOND = Beyond()
_JOB_ID = "modelMonitoringJobId"
_SOON = timedelta(minutes=1)
_ORDER = r"(0\.\d{1,3})"
_TOLD = re.compile(rf", from (\d{{1,10}}) values on(?:, order {_ORDER})?(?:, order of predictions {_ORDER})?$")


@dataclass(frozen=True, slots=True)
class MonitoringSchedule:
    """The fields we manage. Every other field of the live schedule is left as found.

    Args:
        display_name: Begins with what is compared, and carries our mark: schedules have no labels.
        monitor: Id of the monitor whose jobs it makes.
        cron: Five fields after a time zone, such as `TZ=Etc/UTC 0 6 * * *`.
        at_once: How many runs may be starting at a time.
        job: Name of its jobs, for people: what is compared, how many values tell something, and the greatest distance
            of order, for which Model Monitoring has no fields.
        objective: What they compare. Always said: a part that is left out is the monitor's, which is one of two.
        baseline: With what.
        target: What is looked at.
        log: Whether the end of a job is an entry in Cloud Logging.
        paused: Whether it runs at all. Methods of its own switch that.
        by_hand: An id for its jobs: they would all have it, and the second would fail.
        fixed_by_hand: What else says when it runs, and that it is over: see `core.by_hand`. Nothing takes that back.
    """

    display_name: str
    monitor: str
    cron: str
    at_once: int
    job: str
    objective: Objective
    baseline: Rows | None
    target: Rows | None
    log: bool
    paused: bool
    by_hand: Mapping[str, str] = field(default_factory=dict)
    fixed_by_hand: Mapping[str, str] = field(default_factory=dict)


def job_of(which: str, least: int, order: float | None, of_predictions: float | None) -> str:
    """Name jobs so that whoever reads what they measured knows what Model Monitoring has no field for.

    Args:
        which: What is compared, for people. With a service's name of 49 characters a name has 128 of them at most.
        least: How many values tell something.
        order: Greatest distance of the order of numbers, with three decimals; None for no limit.
        of_predictions: The same of predictions.
    """
    orders = (("order", order), ("order of predictions", of_predictions))
    return (
        f"{which}, from {least} values on{''.join(f', {name} {most:g}' for name, most in orders if most is not None)}"
    )


def least_of(job: str) -> int | None:
    """Give how many values tell something, by the name of a job of ours.

    Returns:
        None of one whose schedule an older version of this program made.
    """
    found = _TOLD.search(job)
    return int(found[1]) if found else None


def orders_of(job: str) -> tuple[float | None, float | None]:
    """Give the greatest distance of order, of features and of predictions, by the name of a job; None for no limit."""
    found = _TOLD.search(job)
    features, predictions = found.group(2, 3) if found else (None, None)
    return (float(features) if features else None, float(predictions) if predictions else None)


def to_json(fields: MonitoringSchedule, place: str, theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Give a `Schedule`.

    Args:
        fields: What we want.
        place: What the monitor's name begins with, `projects/…/locations/…`.
        theirs: The live one, or nothing: receivers of mail and a folder for results are kept.
    """
    spec = _spec(theirs)
    told = {**spec.get("notificationSpec", {}), "enableCloudLogging": fields.log}
    kept = {name: value for name, value in spec.items() if name == "outputSpec"}
    job = {
        "displayName": fields.job,
        "modelMonitoringSpec": {**kept, "notificationSpec": told, "objectiveSpec": _objective(fields)},
    }
    return {
        "displayName": fields.display_name,
        "cron": fields.cron,
        "maxConcurrentRunCount": str(fields.at_once),
        REQUEST: {"parent": f"{place}/modelMonitors/{fields.monitor}", "modelMonitoringJob": job},
    }


def _objective(fields: MonitoringSchedule) -> dict[str, Any]:
    rows = {"baselineDataset": fields.baseline, "targetDataset": fields.target}
    given = {name: rows_to_json(each) for name, each in rows.items() if each is not None}
    return {"tabularObjective": objective_to_json(fields.objective), **given}


def of_json(live: Mapping[str, Any]) -> MonitoringSchedule:
    """Read a `Schedule`. Of the monitor's name only the id counts: the rest is this project, by its number."""
    request, spec = live.get(REQUEST, {}), _spec(live)
    found = spec.get("objectiveSpec", {})
    return MonitoringSchedule(
        display_name=live.get("displayName", ""),
        monitor=str(request.get("parent", "")).rpartition("/")[2],
        cron=live.get("cron", ""),
        at_once=int(live.get("maxConcurrentRunCount", 0)),
        job=request.get("modelMonitoringJob", {}).get("displayName", ""),
        objective=objective_of(found.get("tabularObjective")),
        baseline=rows_of(found.get("baselineDataset")),
        target=rows_of(found.get("targetDataset")),
        log=bool(spec.get("notificationSpec", {}).get("enableCloudLogging")),
        paused=live.get("state") == "PAUSED",
        by_hand=_BEYOND.of({_JOB_ID: request[_JOB_ID]} if request.get(_JOB_ID) else {}, {}),
        fixed_by_hand=_fixed(live),
    )


def _fixed(live: Mapping[str, Any]) -> Mapping[str, str]:
    """Name what only another schedule in its place can undo."""
    found = {name: live.get(name) for name in _WHEN if name != "startTime" or _later(live)}
    return _BEYOND.of(found | ({"state": COMPLETED} if live.get("state") == COMPLETED else {}), {})


def _later(live: Mapping[str, Any]) -> bool:
    """Tell whether somebody wants no runs for some time: where nobody says, it starts when it was made.

    Source:
        Comment of `Schedule.start_time`; kinds.md 7.5.
    """
    given = (live.get(name) for name in ("startTime", "updateTime"))
    starts, written = (datetime.fromisoformat(str(each)) if each else None for each in given)
    return starts is not None and written is not None and starts > written + _SOON


def _spec(live: Mapping[str, Any]) -> Mapping[str, Any]:
    job = live.get(REQUEST, {}).get("modelMonitoringJob", {})
    found: Mapping[str, Any] = job.get("modelMonitoringSpec", {})
    return found
