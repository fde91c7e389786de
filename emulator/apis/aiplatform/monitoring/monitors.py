"""Model monitors: create, get, list, update, delete.

Source: `google.cloud.aiplatform.v1beta1.ModelMonitoringService`; model_monitoring.md A.1, A.2.
"""

import base64
import re
from typing import Any

from emulator.apis.aiplatform import filters, lists, names
from emulator.apis.aiplatform.monitoring import checks, waiting
from emulator.apis.aiplatform.monitoring.messages import CreateMetadata, JobState, ModelMonitor, UpdateMetadata
from emulator.apis.aiplatform.monitoring.stored import (
    ALERTS,
    API,
    CHOSEN,
    JOBS,
    MONITORS,
    SCHEDULES,
    STATS,
    deleted,
    forget_below,
    stamped,
)
from emulator.apis.aiplatform.refusals import invalid, missing, refuse
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import apply_mask, field_of, timestamp
from emulator.core.world import World

SERVICE = "google.cloud.aiplatform.v1beta1.ModelMonitoringService/"
OUTPUT = ("name", "create_time", "update_time", "satisfies_pzs", "satisfies_pzi")
FIXED = ("model_monitoring_target", "encryption_spec")
"""The SDK's `update` never sends them: inferred to be immutable."""
MODEL_VERSIONS = "aiplatform.model_version"
FIELDS = {
    "display_name": filters.text("display_name", filters.TEXTS),
    "create_time": filters.time("create_time"),
    "update_time": filters.time("update_time"),
}


@API.method(SERVICE + "CreateModelMonitor")
def create_model_monitor(world: World, request: Any, _: Call) -> Any:
    """A monitor, which is there when the operation is done."""
    parent = names.place(world, request.parent)
    monitor = ModelMonitor()
    apply_mask(monitor, request.model_monitor, ["*"], keep=OUTPUT)
    monitor.name = f"{parent}/modelMonitors/{new_id(request.model_monitor_id, 'model_monitor_id')}"
    refuse(checks.monitor(monitor))
    target = monitor.model_monitoring_target.vertex_model
    target.model = names.by_number(world, target.model)
    if world.store.get(MODEL_VERSIONS, f"{target.model}@{target.model_version_id}") is None:
        raise missing("Model")
    now = timestamp(world.clock.now())
    monitor.create_time.CopyFrom(now)
    monitor.update_time.CopyFrom(now)
    refuse_taken(world, monitor)
    return world.operations.start_task(
        parent, stamped(world, CreateMetadata()), finish_create, monitor.name, written(monitor)
    )


def new_id(chosen: str, field: str) -> str:
    """The id of something new.

    Raises:
        ApiFailure: INVALID_ARGUMENT: the chosen one is none.
    """
    if chosen and not re.fullmatch(CHOSEN, chosen):
        raise invalid((field, f'Invalid ID "{chosen}": it must match {CHOSEN}.'))
    return chosen or names.new_id()


def written(monitor: Any) -> str:
    """A monitor as an operation keeps it."""
    return base64.b64encode(monitor.SerializeToString()).decode()


def refuse_taken(world: World, monitor: Any) -> None:
    """One monitor per id, and one per version of a model.

    Raises:
        ApiFailure: ALREADY_EXISTS, FAILED_PRECONDITION.
    """
    if MONITORS.find(world, monitor.name) is not None:
        raise MONITORS.taken(monitor.name)
    target = monitor.model_monitoring_target.vertex_model
    for other in MONITORS.all(world):
        if other.model_monitoring_target.vertex_model == target:
            text = f"The version {target.model_version_id} of {target.model} is monitored by {other.name} already."
            raise ApiFailure("FAILED_PRECONDITION", text)


def finish_create(world: World, name: str, body: str) -> Any:
    """Keep a monitor; again after a restart, where it finds what it has done.

    Raises:
        ApiFailure: ALREADY_EXISTS, FAILED_PRECONDITION: somebody was faster.
    """
    monitor = ModelMonitor.FromString(base64.b64decode(body))
    with world.store.transaction():
        known = MONITORS.find(world, name)
        if known is None or known.create_time != monitor.create_time:
            refuse_taken(world, monitor)
            MONITORS.save(world, monitor)
    return monitor


@API.method(SERVICE + "GetModelMonitor")
def get_model_monitor(world: World, request: Any, _: Call) -> Any:
    """A monitor as it is now."""
    return MONITORS.get(world, MONITORS.key(world, request.name))


@API.method(SERVICE + "ListModelMonitors")
def list_model_monitors(world: World, request: Any, _: Call) -> Any:
    """Monitors of a region, the newest first."""
    found = MONITORS.read(MONITORS.below(world, names.place(world, request.parent)))
    return lists.answer(request, found, FIELDS, ())


@API.method(SERVICE + "UpdateModelMonitor")
def update_model_monitor(world: World, request: Any, _: Call) -> Any:
    """Change what the mask names, when the operation is done. What a monitor watches cannot change."""
    key = MONITORS.key(world, request.model_monitor.name)
    paths = list(request.update_mask.paths)
    if not paths:
        raise invalid(("update_mask", "It is required."))
    changed = changed_by(MONITORS.get(world, key), request.model_monitor, paths)
    refuse(checks.monitor(changed))
    metadata = stamped(world, UpdateMetadata())
    args = key, written(request.model_monitor), ",".join(paths)
    return world.operations.start_task(names.location(key), metadata, finish_update, *args)


def changed_by(monitor: Any, sent: Any, paths: list[str]) -> Any:
    """A monitor with what the mask names changed.

    Raises:
        ApiFailure: INVALID_ARGUMENT: a path is no field, or one that cannot change.
    """
    before = ModelMonitor.FromString(monitor.SerializeToString())
    apply_mask(monitor, sent, paths, keep=OUTPUT)
    for name in FIXED:
        named = {found.name for path in paths if (found := field_of(monitor, path.partition(".")[0])) is not None}
        if name in named and getattr(before, name) != getattr(monitor, name):
            raise invalid((f"model_monitor.{name}", "It cannot be updated: make another model monitor."))
        if getattr(before, name) != getattr(monitor, name):  # a mask `*`
            monitor.ClearField(name)
            getattr(monitor, name).CopyFrom(getattr(before, name))
    return monitor


def finish_update(world: World, name: str, body: str, paths: str) -> Any:
    """Change a monitor; twice does no harm.

    Raises:
        ApiFailure: NOT_FOUND: it was deleted meanwhile.
    """
    with world.store.transaction():
        sent = ModelMonitor.FromString(base64.b64decode(body))
        monitor = changed_by(MONITORS.get(world, name), sent, paths.split(","))
        monitor.update_time.CopyFrom(timestamp(world.clock.now()))
        MONITORS.save(world, monitor)
    return monitor


@API.method(SERVICE + "DeleteModelMonitor")
def delete_model_monitor(world: World, request: Any, _: Call) -> Any:
    """Gone at once with its jobs and all that they found; with `force`, with its schedules."""
    with world.store.transaction():
        name = MONITORS.get(world, MONITORS.key(world, request.name)).name
        planned = [each for each in SCHEDULES.all(world) if of_monitor(each) == name]
        if planned and not request.force:
            text = f"The ModelMonitor has {len(planned)} schedule(s): delete them, or set force."
            raise ApiFailure("FAILED_PRECONDITION", text)
        if any(job.state in (JobState.JOB_STATE_PENDING, JobState.JOB_STATE_RUNNING) for job in jobs_of(world, name)):
            raise ApiFailure("FAILED_PRECONDITION", "A job of the ModelMonitor is running: wait for its end.")
        for schedule in planned:
            waiting.stop(world, schedule)
            SCHEDULES.remove(world, schedule.name)
        for kind in (JOBS.kind, STATS, ALERTS):
            forget_below(world, kind, name)
        MONITORS.remove(world, name)
    return deleted(world, name)


def of_monitor(schedule: Any) -> str:
    """The monitor that a schedule is for; nothing, where it is for pipelines."""
    return str(schedule.create_model_monitoring_job_request.parent)


def jobs_of(world: World, name: str) -> list[Any]:
    """The jobs of a monitor."""
    return JOBS.all(world, f"{name}/")
