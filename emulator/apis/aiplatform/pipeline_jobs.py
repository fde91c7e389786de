"""Pipeline jobs: create, get, list, cancel, delete; a compiled pipeline is run by KFP's own local runner.

Source: `google.cloud.aiplatform.v1.PipelineService`; kinds.md 7.4; recording vertex_pipeline_job/minimal.
"""

from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from typing import Any

from google.protobuf.empty_pb2 import Empty

from emulator.apis.aiplatform import filters, lists, names, pipeline_checks, pipeline_runs, running, workers
from emulator.apis.aiplatform.messages import PipelineJob, PipelineState
from emulator.apis.aiplatform.stages import Stages
from emulator.apis.aiplatform.stored import API, PIPELINE_JOBS
from emulator.core import settings
from emulator.core.api import Call
from emulator.core.resources import apply_mask, timestamp
from emulator.core.world import World

SERVICE = "google.cloud.aiplatform.v1.PipelineService/"
OUTPUT = (
    "name", "state", "create_time", "start_time", "end_time", "update_time", "error", "job_detail", "template_metadata",
    "schedule_name", "satisfies_pzs", "satisfies_pzi",
)  # fmt: skip
"""Only the server writes these."""
BILLING = "vertex-ai-pipelines-run-billing-id"
OVER = frozenset(
    {
        PipelineState.PIPELINE_STATE_SUCCEEDED,
        PipelineState.PIPELINE_STATE_FAILED,
        PipelineState.PIPELINE_STATE_CANCELLED,
    }
)
STAGES = Stages(PIPELINE_JOBS, OVER)


def pipeline_name(job: Any) -> str:
    """What the compiled pipeline calls itself."""
    return str(pipeline_checks.inside(pipeline_checks.spec_of(job), "pipelineInfo").get("name", ""))


FIELDS = {
    "pipeline_name": filters.Field(pipeline_name),
    "display_name": filters.text("display_name", filters.TEXTS),
    "pipeline_job_user_id": filters.Field(lambda job: job.name.rpartition("/")[2], filters.TEXTS),
    "state": filters.Field(lambda job: PipelineState(job.state).name),
    "create_time": filters.time("create_time"),
    "update_time": filters.time("update_time"),
    "end_time": filters.time("end_time"),
    "labels": filters.LABELS,
    "template_uri": filters.text("template_uri", filters.TEXTS),
}


@API.method(SERVICE + "CreatePipelineJob")
def create_pipeline_job(world: World, request: Any, _: Call) -> Any:
    """A pipeline that is about to run."""
    parent = names.place(world, request.parent)
    job = PipelineJob()
    apply_mask(job, request.pipeline_job, ["*"], keep=OUTPUT)
    job_id = request.pipeline_job_id or f"pipeline-{names.new_id()}"
    job.name = PIPELINE_JOBS.key(world, f"{parent}/pipelineJobs/{job_id}")
    job.state = PipelineState.PIPELINE_STATE_PENDING
    fill(world, job)
    with world.store.transaction():
        if PIPELINE_JOBS.find(world, job.name) is not None:
            raise PIPELINE_JOBS.taken(job.name)
        pipeline_checks.check(world, job)
        PIPELINE_JOBS.save(world, job)
        running.save(world, job.name, running.Unfinished(f"{__name__}:{follow.__qualname__}"))
    running.begin(world, follow, job.name)
    return job


def fill(world: World, job: Any) -> None:
    """What the server fills in (the recording)."""
    project = names.project_id(world, job.name)
    job.service_account = job.service_account or world.default_service_account(project)
    job.labels[BILLING] = names.new_id()
    now = timestamp(world.clock.now())
    job.create_time.CopyFrom(now)
    job.update_time.CopyFrom(now)


@API.method(SERVICE + "GetPipelineJob")
def get_pipeline_job(world: World, request: Any, _: Call) -> Any:
    """A pipeline job with the states of its tasks as they are now."""
    job = PIPELINE_JOBS.get(world, PIPELINE_JOBS.key(world, request.name))
    if job.state not in OVER:
        pipeline_runs.show_tasks(world, job)
    return job


@API.method(SERVICE + "ListPipelineJobs")
def list_pipeline_jobs(world: World, request: Any, _: Call) -> Any:
    """Jobs of a region, the newest first, without their tasks (comment of `PipelineJob.job_detail`)."""
    found = PIPELINE_JOBS.read(PIPELINE_JOBS.below(world, names.place(world, request.parent)))
    for job in found:
        job.ClearField("job_detail")
    return lists.answer(request, found, FIELDS, ("create_time", "update_time", "end_time", "start_time"))


@API.method(SERVICE + "CancelPipelineJob")
def cancel_pipeline_job(world: World, request: Any, _: Call) -> Any:
    """Ask for the end of a job; one that is over stays as it is."""
    job = PIPELINE_JOBS.get(world, PIPELINE_JOBS.key(world, request.name))
    if call_off(world, job.name):
        running.begin(world, workers.stop, job.name)
    return Empty()


@API.method(SERVICE + "DeletePipelineJob")
def delete_pipeline_job(world: World, request: Any, _: Call) -> Any:
    """Gone at once. One that is not over is refused: not seen at Google."""
    operation = STAGES.delete(world, request.name)
    pipeline_runs.clear(world, PIPELINE_JOBS.key(world, request.name))
    return operation


def call_off(world: World, name: str) -> bool:
    """Let a job be cancelled. True: its process has to be stopped for it."""
    with world.store.transaction():
        job, known = PIPELINE_JOBS.find(world, name), running.find(world, name)
        if job is None or known is None or job.state in OVER:
            return False
        if not known.claimed:
            end(world, job, PipelineState.PIPELINE_STATE_CANCELLED)
            return False
        STAGES.move(world, job, PipelineState.PIPELINE_STATE_CANCELLING)
        return True


def end(world: World, job: Any, state: int, code: str = "OK", message: str = "") -> None:
    """Show a job as over, with what became of its tasks."""
    job.state = state
    pipeline_runs.show_tasks(world, job)
    STAGES.end(world, job, state, code, message)


def follow(world: World, name: str) -> None:
    """Let a job run once its time in the queue is over."""
    job, known = PIPELINE_JOBS.find(world, name), running.find(world, name)
    if job is None or known is None:
        return
    due = job.create_time.ToDatetime(UTC) + timedelta(seconds=settings.read(world.store).vertex_queue_s)
    if due > world.clock.now() and not known.claimed:
        world.clock.call_at(due, machine_came, {"job": name})
    else:
        work(world, name)


def machine_came(world: World, payload: dict[str, Any]) -> None:
    """A job's time in the queue is over."""
    running.begin(world, work, payload["job"])


def work(world: World, name: str) -> None:
    """Run a job to its end. After a restart one that had begun is over: its process is gone."""
    workers.announce(world, name)
    job = claim(world, name)
    if job is None:
        workers.withdraw(world, name)
        return
    ended = workers.run(world, name, partial(pipeline_runs.batch, world, job), partial(show_running, world, name))
    conclude(world, name, ended)


def claim(world: World, name: str) -> Any:
    """Take a job up; None where it was cancelled, or had begun before a restart."""
    with world.store.transaction():
        job, known = PIPELINE_JOBS.find(world, name), running.find(world, name)
        if job is None or known is None:
            return None
        if known.claimed:
            text = "The emulator was restarted, which ended the pipeline."
            end(world, job, PipelineState.PIPELINE_STATE_FAILED, "INTERNAL", text)
            return None
        running.save(world, name, replace(known, claimed=True))
        return job


def show_running(world: World, name: str) -> None:
    """It is about to start."""
    with world.store.transaction():
        job = PIPELINE_JOBS.find(world, name)
        if job is not None and job.state == PipelineState.PIPELINE_STATE_PENDING:
            job.start_time.CopyFrom(timestamp(world.clock.now()))
            STAGES.move(world, job, PipelineState.PIPELINE_STATE_RUNNING)


def conclude(world: World, name: str, ended: workers.Ended) -> None:
    """Write down how a pipeline ended."""
    with world.store.transaction():
        job, known = PIPELINE_JOBS.find(world, name), running.find(world, name)
        if job is None or known is None:
            return
        if job.state == PipelineState.PIPELINE_STATE_CANCELLING:
            end(world, job, PipelineState.PIPELINE_STATE_CANCELLED)  # without an error: the recording
        elif ended.exit_code == 0:
            end(world, job, PipelineState.PIPELINE_STATE_SUCCEEDED)
        elif not ended.stopped:  # else the emulator is stopping: the next start says what became of it
            text = ended.message or pipeline_runs.failure(world, name)
            end(world, job, PipelineState.PIPELINE_STATE_FAILED, "FAILED_PRECONDITION", text)
