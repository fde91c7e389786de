"""Schedules: create, get, list, update, pause, resume, delete.

Source: `google.cloud.aiplatform.v1beta1.ScheduleService`; kinds.md 7.5, model_monitoring.md A.6; recording
vertex_schedule/pipeline-minimal.
"""

import re
from collections.abc import Iterator
from datetime import UTC
from functools import partial
from typing import Any

from google.protobuf.empty_pb2 import Empty

from emulator.apis.aiplatform import filters, lists, names
from emulator.apis.aiplatform.labels import check_display_name
from emulator.apis.aiplatform.monitoring import checks, timing, turns, waiting, windows
from emulator.apis.aiplatform.monitoring.jobs import completed
from emulator.apis.aiplatform.monitoring.messages import ModelMonitoringJob, Schedule, ScheduleState
from emulator.apis.aiplatform.monitoring.stored import API, MONITORS, SCHEDULES, deleted
from emulator.apis.aiplatform.refusals import invalid, refuse
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import apply_mask, field_of, timestamp
from emulator.core.world import World

SERVICE = "google.cloud.aiplatform.v1beta1.ScheduleService/"
OUTPUT = (
    "name", "started_run_count", "state", "create_time", "update_time", "next_run_time", "last_pause_time",
    "last_resume_time", "catch_up", "last_scheduled_run_response",
)  # fmt: skip
"""Only the server writes these."""
MONITORING = "create_model_monitoring_job_request"
REQUESTS = ("create_pipeline_job_request", MONITORING)


def request_named(name: str, schedule: Any) -> str:
    """The name of a schedule's request, where it is that one."""
    return name if schedule.HasField(name) else ""


WINDOWED = "A schedule with a time specification works only for BigQuery and endpoint logs."
"""Source: docs "Set up model monitoring" (model_monitoring.md A.5); the words are ours."""
FIELDS = {
    "display_name": filters.text("display_name", filters.TEXTS),
    "state": filters.Field(lambda each: ScheduleState(each.state).name),
    **{name: filters.time(name) for name in ("create_time", "start_time", "end_time", "next_run_time")},
    **{name: filters.Field(partial(request_named, name), frozenset({":"})) for name in REQUESTS},
    f"{MONITORING}.parent": filters.Field(lambda each: getattr(each, MONITORING).parent),
}


@API.method(SERVICE + "CreateSchedule")
def create_schedule(world: World, request: Any, _: Call) -> Any:
    """A schedule that waits for its first run."""
    parent = names.place(world, request.parent)
    schedule = Schedule()
    apply_mask(schedule, request.schedule, ["*"], keep=OUTPUT)
    now = world.clock.now()
    schedule.create_time.CopyFrom(timestamp(now))
    schedule.update_time.CopyFrom(timestamp(now))
    if not schedule.HasField("start_time"):
        schedule.start_time.CopyFrom(timestamp(now))
    schedule.name = f"{parent}/schedules/{names.new_id()}"
    schedule.state = ScheduleState.ACTIVE
    with world.store.transaction():
        check(world, schedule)
        turns.plan(world, schedule, now)
        SCHEDULES.insert(world, schedule)
    return schedule


def check(world: World, schedule: Any) -> None:
    """Say everything that is wrong with a schedule; the project in its request becomes a number.

    Raises:
        ApiFailure: INVALID_ARGUMENT; NOT_FOUND: its monitor is not there.
    """
    refuse(findings(schedule))
    if schedule.HasField(MONITORING):
        request = getattr(schedule, MONITORING)
        monitor = MONITORS.get(world, MONITORS.key(world, request.parent))
        request.parent = monitor.name
        if names.location(monitor.name) != names.location(schedule.name):
            raise invalid((f"schedule.{MONITORING}.parent", "The model monitor is in another location."))
        job = ModelMonitoringJob(display_name=request.model_monitoring_job.display_name)
        job.model_monitoring_spec.CopyFrom(completed(request.model_monitoring_job.model_monitoring_spec, monitor))
        refuse([*checks.job(job, monitor.model_monitoring_schema), *unwindowed(job)])


def findings(schedule: Any) -> Iterator[checks.Finding]:
    """What is wrong with a schedule by itself."""
    yield from check_display_name(schedule.display_name, "schedule.display_name")
    if text := timing.wrong(schedule.cron):
        yield "schedule.cron", text
    if schedule.max_concurrent_run_count < 1:
        yield "schedule.max_concurrent_run_count", "It is required, and at least 1."
    if schedule.max_run_count < 0:
        yield "schedule.max_run_count", "It must not be negative."
    if schedule.WhichOneof("request") not in REQUESTS:
        yield "schedule.request", "A request to create a pipeline job or a model monitoring job is required."
    wrong = [name for name in ("start_time", "end_time") if not windows.is_time(getattr(schedule, name))]
    yield from ((f"schedule.{name}", "It is no time.") for name in wrong)
    if wrong or not schedule.HasField("end_time"):
        return
    if schedule.end_time.ToDatetime(UTC) <= schedule.start_time.ToDatetime(UTC):
        yield "schedule.end_time", "It must be after the start time."


def unwindowed(job: Any) -> Iterator[checks.Finding]:
    """Files that a schedule would read a window of."""
    for name in ("baseline_dataset", "target_dataset"):
        given = getattr(job.model_monitoring_spec.objective_spec, name)
        if given.WhichOneof("time_spec") and given.columnized_dataset.HasField("gcs_source"):
            yield f"schedule.{MONITORING}.{name}", WINDOWED


@API.method(SERVICE + "GetSchedule")
def get_schedule(world: World, request: Any, _: Call) -> Any:
    """A schedule as it is now."""
    return SCHEDULES.get(world, SCHEDULES.key(world, request.name))


@API.method(SERVICE + "ListSchedules")
def list_schedules(world: World, request: Any, _: Call) -> Any:
    """Schedules of a region, the newest first."""
    found = SCHEDULES.read(SCHEDULES.below(world, names.place(world, request.parent)))
    request.filter = re.sub(
        r"projects/([^/\s\"]+)", lambda hit: f"projects/{world.project_number(hit[1])}", request.filter
    )
    return lists.answer(request, found, FIELDS, ("display_name", "create_time", "start_time", "end_time"))


@API.method(SERVICE + "UpdateSchedule")
def update_schedule(world: World, request: Any, _: Call) -> Any:
    """Change what the mask names; from now on the next runs are planned anew."""
    paths = list(request.update_mask.paths)
    if not paths:
        raise invalid(("update_mask", "It is required."))
    with world.store.transaction():
        schedule = SCHEDULES.get(world, SCHEDULES.key(world, request.schedule.name))
        before = Schedule.FromString(schedule.SerializeToString())
        apply_mask(schedule, request.schedule, paths, keep=OUTPUT)
        refuse(lost(before, schedule, paths))
        check(world, schedule)
        now = world.clock.now()
        schedule.update_time.CopyFrom(timestamp(now))
        if schedule.state == ScheduleState.ACTIVE:
            turns.plan(world, schedule, now)
        SCHEDULES.save(world, schedule)
    return schedule


def lost(before: Any, after: Any, paths: list[str]) -> Iterator[checks.Finding]:
    """What an update must not do (comment of `UpdateScheduleRequest`)."""
    if after.WhichOneof("request") != before.WhichOneof("request"):
        yield "schedule.request", "The request type cannot be changed."
        return
    for path in paths:
        field = field_of(before, path.partition(".")[0])
        if field is not None and field.name not in OUTPUT and is_set(before, field) and not is_set(after, field):
            yield f"schedule.{field.name}", "A field that is set cannot be unset."


def is_set(message: Any, field: Any) -> bool:
    """Whether a field has a value: a message that is there has one, and is true whatever it holds."""
    return bool(message.HasField(field.name) if field.has_presence else getattr(message, field.name))


@API.method(SERVICE + "PauseSchedule")
def pause_schedule(world: World, request: Any, _: Call) -> Any:
    """No more runs until it is resumed."""
    with world.store.transaction():
        schedule = unfinished(world, request.name)
        if schedule.state == ScheduleState.ACTIVE:
            waiting.stop(world, schedule)
            schedule.state = ScheduleState.PAUSED
            schedule.last_pause_time.CopyFrom(timestamp(world.clock.now()))
            SCHEDULES.save(world, schedule)
    return Empty()


@API.method(SERVICE + "ResumeSchedule")
def resume_schedule(world: World, request: Any, _: Call) -> Any:
    """Runs come again; with `catch_up` first those that were missed."""
    with world.store.transaction():
        schedule = unfinished(world, request.name)
        if schedule.state == ScheduleState.PAUSED:
            now = world.clock.now()
            schedule.state = ScheduleState.ACTIVE
            schedule.catch_up = request.catch_up
            schedule.last_resume_time.CopyFrom(timestamp(now))
            turns.plan(world, schedule, schedule.last_pause_time.ToDatetime(UTC) if request.catch_up else now)
            SCHEDULES.save(world, schedule)
    return Empty()


def unfinished(world: World, name: str) -> Any:
    """A schedule that is not over.

    Raises:
        ApiFailure: NOT_FOUND; FAILED_PRECONDITION: it is over for good (comment of `Schedule.State`).
    """
    schedule = SCHEDULES.get(world, SCHEDULES.key(world, name))
    if schedule.state == ScheduleState.COMPLETED:
        raise ApiFailure("FAILED_PRECONDITION", "The Schedule is completed: it cannot be paused or resumed.")
    return schedule


@API.method(SERVICE + "DeleteSchedule")
def delete_schedule(world: World, request: Any, _: Call) -> Any:
    """Gone at once; its jobs and what they found stay (docs "Run monitoring jobs")."""
    with world.store.transaction():
        schedule = SCHEDULES.get(world, SCHEDULES.key(world, request.name))
        waiting.stop(world, schedule)
        SCHEDULES.remove(world, schedule.name)
    return deleted(world, schedule.name)
