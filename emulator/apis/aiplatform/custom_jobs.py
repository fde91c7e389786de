"""Custom jobs: create, get, list, cancel, delete, and what becomes of one.

Source: `google.cloud.aiplatform.v1.JobService`; kinds.md 7.3; recordings vertex_custom_job/*; for restarts of workers
https://cloud.google.com/vertex-ai/docs/training/understanding-training-service and
https://cloud.google.com/vertex-ai/docs/training/use-spot-vms (preemption: STOCKOUT, up to six restarts).
"""

from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from typing import Any

from google.protobuf.empty_pb2 import Empty

from emulator.apis.aiplatform import filters, job_checks, lists, names, running, workers
from emulator.apis.aiplatform.messages import CustomJob, JobState, Strategy
from emulator.apis.aiplatform.stages import Stages
from emulator.apis.aiplatform.stored import API, CUSTOM_JOBS
from emulator.core import settings
from emulator.core.api import Call
from emulator.core.resources import apply_mask, timestamp
from emulator.core.world import World

SERVICE = "google.cloud.aiplatform.v1.JobService/"
OUTPUT = (
    "name", "state", "create_time", "start_time", "end_time", "update_time", "error", "web_access_uris",
    "satisfies_pzs", "satisfies_pzi",
)  # fmt: skip
"""Only the server writes these."""
OVER = frozenset(
    {
        JobState.JOB_STATE_SUCCEEDED,
        JobState.JOB_STATE_FAILED,
        JobState.JOB_STATE_CANCELLED,
        JobState.JOB_STATE_EXPIRED,
        JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
    }
)
STAGES = Stages(CUSTOM_JOBS, OVER)
SPOT = frozenset({Strategy.SPOT, Strategy.LOW_COST})
TIMEOUT = timedelta(days=7)
TIMEOUT_MOST = timedelta(days=3650)
"""Longer ones would end after the calendar does."""
RESTARTS_MOST = 6
LINES = 20
"""How much of the worker's output a failed job shows: its last lines, as Google shows a trace."""
CANCELED = "CANCELED"
"""Source: recording vertex_custom_job/create-cancel-delete."""
FIELDS = {
    "display_name": filters.text("display_name", filters.TEXTS),
    "state": filters.Field(lambda job: JobState(job.state).name),
    "create_time": filters.time("create_time"),
    "labels": filters.LABELS,
}


@API.method(SERVICE + "CreateCustomJob")
def create_custom_job(world: World, request: Any, _: Call) -> Any:
    """A job that waits for its machine."""
    parent = names.place(world, request.parent)
    job = CustomJob()
    apply_mask(job, request.custom_job, ["*"], keep=OUTPUT)
    job_checks.check(world, job)
    job_checks.fill(job)
    job.name = f"{parent}/customJobs/{names.new_id()}"
    job.state = JobState.JOB_STATE_PENDING
    now = timestamp(world.clock.now())
    job.create_time.CopyFrom(now)
    job.update_time.CopyFrom(now)
    with world.store.transaction():
        CUSTOM_JOBS.insert(world, job)
        running.save(world, job.name, running.Unfinished(f"{__name__}:{follow.__qualname__}"))
    running.begin(world, follow, job.name)
    return job


@API.method(SERVICE + "GetCustomJob")
def get_custom_job(world: World, request: Any, _: Call) -> Any:
    """A job as it is now."""
    return CUSTOM_JOBS.get(world, CUSTOM_JOBS.key(world, request.name))


@API.method(SERVICE + "ListCustomJobs")
def list_custom_jobs(world: World, request: Any, _: Call) -> Any:
    """Jobs of a region, the newest first."""
    found = CUSTOM_JOBS.read(CUSTOM_JOBS.below(world, names.place(world, request.parent)))
    return lists.answer(request, found, FIELDS, ())


@API.method(SERVICE + "CancelCustomJob")
def cancel_custom_job(world: World, request: Any, _: Call) -> Any:
    """Ask for the end of a job; one that is over stays as it is."""
    job = CUSTOM_JOBS.get(world, CUSTOM_JOBS.key(world, request.name))
    if call_off(world, job.name):
        running.begin(world, workers.stop, job.name)
    return Empty()


@API.method(SERVICE + "DeleteCustomJob")
def delete_custom_job(world: World, request: Any, _: Call) -> Any:
    """Gone at once. One that is not over is refused: not seen at Google, where the recordings cancel first."""
    return STAGES.delete(world, request.name)


def call_off(world: World, name: str, why: str = "") -> bool:
    """Let a job be cancelled. True: a worker has to be stopped for it, and its end will end the job."""
    with world.store.transaction():
        job, known = CUSTOM_JOBS.find(world, name), running.find(world, name)
        if job is None or known is None or job.state in OVER:
            return False
        if not known.claimed:
            STAGES.end(world, job, JobState.JOB_STATE_CANCELLED, "CANCELLED", why or CANCELED)
            return False
        running.save(world, name, replace(known, why=why))
        STAGES.move(world, job, JobState.JOB_STATE_CANCELLING)
        return True


def follow(world: World, name: str) -> None:
    """Go on with a job, from wherever it is: called for a new one, and for each that was not over before a restart."""
    with world.store.transaction():
        job, known = CUSTOM_JOBS.find(world, name), running.find(world, name)
        if job is None or known is None:
            return
        if known.claimed and not survives(world, job, known):
            return
        if not job.HasField("start_time"):  # so early, whatever its comment says: the recording
            job.start_time.CopyFrom(timestamp(world.clock.now()))
        STAGES.move(world, job, JobState.JOB_STATE_QUEUED)
    due = job.create_time.ToDatetime(UTC) + timedelta(seconds=settings.read(world.store).vertex_queue_s)
    if due > world.clock.now():
        world.clock.call_at(due, machine_came, {"job": name})
    else:
        work(world, name)


def survives(world: World, job: Any, known: running.Unfinished) -> bool:
    """What becomes of a job whose worker went down with the emulator."""
    if job.state == JobState.JOB_STATE_CANCELLING:
        STAGES.end(world, job, JobState.JOB_STATE_CANCELLED, "CANCELLED", known.why or CANCELED)
        return False
    scheduling = job.job_spec.scheduling
    if not scheduling.restart_job_on_worker_restart or scheduling.disable_retries:
        text = "The emulator was restarted, which ended the job's worker; restartJobOnWorkerRestart is not set."
        STAGES.end(world, job, JobState.JOB_STATE_FAILED, "INTERNAL", text)
        return False
    running.save(world, job.name, replace(known, claimed=False, restarts=known.restarts + 1))
    return True


def machine_came(world: World, payload: dict[str, Any]) -> None:
    """A job's time in the queue is over."""
    running.begin(world, work, payload["job"])


def work(world: World, name: str) -> None:
    """Run a job's worker to its end, again where its machine was taken away."""
    while True:
        workers.announce(world, name)
        job = claim(world, name)
        if job is None:
            workers.withdraw(world, name)
            return
        ended = workers.run(world, name, partial(workers.batch, world, job), partial(show_running, world, name))
        if not concluded(world, name, ended):
            return


def claim(world: World, name: str) -> Any:
    """Take a job out of the queue; None where somebody was faster: it was cancelled, or is worked on already."""
    with world.store.transaction():
        job, known = CUSTOM_JOBS.find(world, name), running.find(world, name)
        if job is None or known is None or known.claimed:
            return None
        running.save(world, name, replace(known, claimed=True))
        STAGES.move(world, job, JobState.JOB_STATE_PENDING)
        return job


def show_running(world: World, name: str) -> None:
    """Its container is about to start: from the first time on its timeout counts."""
    with world.store.transaction():
        job = CUSTOM_JOBS.find(world, name)
        known = running.find(world, name)
        if job is None or known is None or job.state != JobState.JOB_STATE_PENDING:
            return
        if not known.began:
            running.save(world, name, replace(known, began=True))
            world.clock.call_at(world.clock.now() + timeout(job), expire, {"job": name})
        STAGES.move(world, job, JobState.JOB_STATE_RUNNING)


def timeout(job: Any) -> timedelta:
    """How long a job may run: seven days where it does not say (comment of `Scheduling.timeout`)."""
    found: timedelta = job.job_spec.scheduling.timeout.ToTimedelta()
    return min(found or TIMEOUT, TIMEOUT_MOST)


def expire(world: World, payload: dict[str, Any]) -> None:
    """A job's time is over: it is cancelled (tensorflow/tfx issue 6223, after seven days)."""
    job = CUSTOM_JOBS.find(world, payload["job"])
    if job is None:
        return
    text = f"{CANCELED}: the job ran longer than its timeout of {timeout(job).total_seconds():g}s."
    if call_off(world, job.name, text):
        workers.stop(world, job.name)


def take_machine(world: World, name: str) -> str:
    """Preempt a spot job; tells why not, where it cannot be."""
    with world.store.transaction():
        job, known = CUSTOM_JOBS.find(world, name), running.find(world, name)
        if job is None or known is None or job.state != JobState.JOB_STATE_RUNNING:
            return "the job is not running"
        if job.job_spec.scheduling.strategy not in SPOT:
            return "the job does not run on a spot machine"
        running.save(world, name, replace(known, preempted=True))
    workers.stop(world, name)
    return ""


def concluded(world: World, name: str, ended: workers.Ended) -> bool:
    """Write down how a worker ended. True: another one is to be started."""
    with world.store.transaction():
        job, known = CUSTOM_JOBS.find(world, name), running.find(world, name)
        if job is None or known is None:
            return False
        if job.state == JobState.JOB_STATE_CANCELLING:
            STAGES.end(world, job, JobState.JOB_STATE_CANCELLED, "CANCELLED", known.why or CANCELED)
        elif ended.stopped and known.preempted:
            return restarted(world, job, known)
        elif ended.exit_code == 0:
            STAGES.end(world, job, JobState.JOB_STATE_SUCCEEDED)
        elif not ended.stopped:  # else the emulator is stopping: the next start goes on with it
            STAGES.end(world, job, JobState.JOB_STATE_FAILED, "INVALID_ARGUMENT", failure(world, name, ended))
    return False


def restarted(world: World, job: Any, known: running.Unfinished) -> bool:
    """Give a job whose machine was taken away another one, unless that has happened too often."""
    if job.job_spec.scheduling.disable_retries or known.restarts >= RESTARTS_MOST:
        text = f"STOCKOUT: the spot machine was preempted, after {known.restarts} restarts."
        STAGES.end(world, job, JobState.JOB_STATE_FAILED, "RESOURCE_EXHAUSTED", text)
        return False
    fresh = replace(known, claimed=False, preempted=False, restarts=known.restarts + 1)
    running.save(world, job.name, fresh)
    STAGES.move(world, job, JobState.JOB_STATE_PENDING)
    return True


def failure(world: World, name: str, ended: workers.Ended) -> str:
    """Why a worker failed, with its last lines.

    Source: an error quoted in GoogleCloudPlatform/vertex-ai-samples PR 1504.
    """
    if ended.exit_code is None:
        return f"The replica {workers.REPLICA} could not be started: {ended.message}"
    status = ended.exit_code if ended.exit_code >= 0 else 128 - ended.exit_code  # a signal, as a shell tells it
    first = f"The replica {workers.REPLICA} exited with a non-zero status of {status}. Termination reason: Error. "
    return "\n".join([first, *workers.log(world, name)[-LINES:]])
