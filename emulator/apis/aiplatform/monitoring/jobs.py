"""Monitoring jobs: create, get, list, delete. What becomes of one is in `runs`.

Source: `google.cloud.aiplatform.v1beta1.ModelMonitoringService`; model_monitoring.md A.3.
"""

from typing import Any

from emulator.apis.aiplatform import filters, lists, names
from emulator.apis.aiplatform.monitoring import checks
from emulator.apis.aiplatform.monitoring.messages import JobState, ModelMonitoringJob, ModelMonitoringSpec
from emulator.apis.aiplatform.monitoring.monitors import SERVICE, new_id
from emulator.apis.aiplatform.monitoring.stored import (
    ALERTS,
    API,
    JOBS,
    MONITORS,
    STATS,
    deleted,
    forget_below,
)
from emulator.apis.aiplatform.refusals import refuse
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World

RUN = "emulator.apis.aiplatform.monitoring.runs:run"
FIELDS = {
    "display_name": filters.text("display_name", filters.TEXTS),
    "state": filters.Field(lambda job: JobState(job.state).name),
    "schedule": filters.text("schedule"),
    "create_time": filters.time("create_time"),
    "update_time": filters.time("update_time"),
}
OVER = frozenset(
    {
        JobState.JOB_STATE_SUCCEEDED,
        JobState.JOB_STATE_FAILED,
        JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
    }
)


@API.method(SERVICE + "CreateModelMonitoringJob")
def create_job(world: World, request: Any, _: Call) -> Any:
    """A job that is about to run."""
    return created(world, request)


def created(world: World, request: Any, schedule: str = "", due: Any = None) -> Any:
    """Make a job, of a schedule where one is given, and have it run.

    Raises:
        ApiFailure: It is refused.
    """
    with world.store.transaction():
        monitor = MONITORS.get(world, MONITORS.key(world, request.parent))
        sent = request.model_monitoring_job
        job = ModelMonitoringJob(display_name=sent.display_name, schedule=schedule)
        job.model_monitoring_spec.CopyFrom(completed(sent.model_monitoring_spec, monitor))
        refuse(checks.job(job, monitor.model_monitoring_schema))
        job_id = new_id(request.model_monitoring_job_id, "model_monitoring_job_id")
        job.name = f"{monitor.name}/modelMonitoringJobs/{job_id}"
        job.state = JobState.JOB_STATE_PENDING
        now = world.clock.now()
        job.create_time.CopyFrom(timestamp(now))
        job.update_time.CopyFrom(timestamp(now))
        if due is not None:
            job.schedule_time.CopyFrom(due)
        place_output(job)
        JOBS.insert(world, job)
        world.clock.call_at(now, RUN, {"job": job.name})
    return job


def completed(given: Any, monitor: Any) -> Any:
    """A specification with what it leaves out taken from the monitor, part by part."""
    spec = ModelMonitoringSpec()
    spec.CopyFrom(given)
    wanted = spec.objective_spec
    for target, field, source, name in (
        (wanted, "tabular_objective", monitor, "tabular_objective"),
        (wanted, "baseline_dataset", monitor, "training_dataset"),
        (spec, "notification_spec", monitor, "notification_spec"),
        (spec, "output_spec", monitor, "output_spec"),
    ):
        if not target.HasField(field) and source.HasField(name):
            getattr(target, field).CopyFrom(getattr(source, name))
    return spec


def place_output(job: Any) -> None:
    """Say where a job's files will be: below the monitor's id, in a bucket of the project's where none is named.

    Both are inferred: the first from a public pipeline that reads such files; the bucket's name is ours.
    """
    directory = job.model_monitoring_spec.output_spec.gcs_base_directory
    given = directory.output_uri_prefix or own_bucket(job.name)
    directory.output_uri_prefix = f"{given.rstrip('/')}/model_monitoring/{job.name.split('/')[5]}"


def own_bucket(name: str) -> str:
    """The bucket of results that nobody named another one for, by the name of a job."""
    _, number, _, location, *_ = name.split("/")
    return f"gs://vertex-ai-model-monitoring-{location}-{number}/"


@API.method(SERVICE + "GetModelMonitoringJob")
def get_job(world: World, request: Any, _: Call) -> Any:
    """A job as it is now."""
    return JOBS.get(world, JOBS.key(world, request.name))


@API.method(SERVICE + "ListModelMonitoringJobs")
def list_jobs(world: World, request: Any, _: Call) -> Any:
    """Jobs of a monitor, the newest first; `-` stands for all monitors of the region."""
    parent = request.parent
    place = parent if parent.endswith("/modelMonitors/-") else ""
    key = f"{names.by_number(world, place)}" if place else MONITORS.get(world, MONITORS.key(world, parent)).name
    return lists.answer(request, JOBS.read(JOBS.below(world, key)), FIELDS, ())


@API.method(SERVICE + "DeleteModelMonitoringJob")
def delete_job(world: World, request: Any, _: Call) -> Any:
    """Gone at once, with what it found. One that is not over is refused: not seen at Google."""
    with world.store.transaction():
        job = JOBS.get(world, JOBS.key(world, request.name))
        if job.state not in OVER:
            raise ApiFailure("FAILED_PRECONDITION", "The ModelMonitoringJob is running: wait for its end.")
        for kind in (STATS, ALERTS):
            forget_below(world, kind, job.name)
        JOBS.remove(world, job.name)
    return deleted(world, job.name)
