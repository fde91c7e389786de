"""Jobs: create, read, change, delete, run, and their policies.

Source: `google.cloud.run.v2.Jobs`; kinds.md 3.3; recordings run_job/*.
"""

import base64
from datetime import timedelta
from typing import Any

from emulator.apis.run import checks, conditions, programs
from emulator.apis.run.defaults import fill_job
from emulator.apis.run.executions import forget
from emulator.apis.run.messages import Job
from emulator.apis.run.names import check_id, location, missing, parts, short
from emulator.apis.run.running import plane
from emulator.apis.run.stored import JOBS
from emulator.apis.run.writes import API, KEPT_DAYS, OPERATION, OUTPUT, born, check_etag, only_validated, touched
from emulator.apis.standard import held, standard
from emulator.core.api import Call
from emulator.core.resources import apply_mask, part, timestamp
from emulator.core.world import World
from emulator.identity import iam_policy
from emulator.processes.model import Outcome

JOB = "google.cloud.run.v2.Jobs/"
OUTPUT_OF_JOB = (*OUTPUT, "execution_count", "latest_created_execution")
JOB_ID_MOST = 63


@API.method(JOB + "CreateJob")
def create_job(world: World, request: Any, call: Call) -> Any:
    """Store it; a moment later its condition says whether its image is there."""
    check_id(request.job_id, JOB_ID_MOST - len("-xxxxx"))
    return create(world, f"{request.parent}/jobs/{request.job_id}", request, call)


def create(world: World, name: str, request: Any, call: Call) -> Any:
    """Create a job from a request to create it or to update what is not there."""
    part(name, "locations")
    job = Job()
    apply_mask(job, request.job, ["*"], keep=OUTPUT_OF_JOB)
    job.name = name
    complete(world, job)
    if request.validate_only:
        return only_validated(job)
    with world.store.transaction():
        born(world, job, call)
        job.latest_created_execution.SetInParent()
        JOBS.insert(world, job)
        return started(world, job)


def complete(world: World, job: Any) -> None:
    """Fill in what was left out, then check the whole: defaults can break a rule, too."""
    fill_job(world, job, parts(job.name)["projects"])
    checks.check_job(world, job)


def started(world: World, job: Any) -> Any:
    """Begin the operation and remember it: its metadata follow the job (recording run_job/basic)."""
    operation = world.operations.start_task(location(job.name), without_uid(job), finish_write, job.name)
    world.store.put(OPERATION, job.name, operation.name.encode())
    return operation


def without_uid(job: Any) -> Any:
    """Give the job as operations show it (kinds.md 1.2)."""
    shown = Job()
    shown.CopyFrom(job)
    shown.ClearField("uid")
    return shown


def finish_write(world: World, name: str) -> Any:
    """Say whether the job can run; the operation ends well either way (recording run_job/gcloud-crud)."""
    job = JOBS.get(world, name)
    _, outcome = programs.find_sources(world, job.template.template.containers)
    with world.store.transaction():
        job = JOBS.get(world, name)
        settle(world, job, outcome)
        JOBS.save(world, job)
    follow(world, job)
    return job


def settle(world: World, job: Any, outcome: Outcome) -> None:
    """Mark a write as done; a condition that stays keeps its time (recording run_job/basic)."""
    job.reconciling = False
    job.observed_generation = job.generation
    before = job.terminal_condition.last_transition_time
    ready = conditions.ended("Ready", world.clock.now(), outcome)
    if job.terminal_condition.HasField("last_transition_time") and outcome.ready:
        ready.last_transition_time.CopyFrom(before)
    job.terminal_condition.CopyFrom(ready)


def follow(world: World, job: Any) -> None:
    """Show the settled job in its operation's metadata."""
    operation = world.store.get(OPERATION, job.name)
    if operation is not None:
        world.operations.update_metadata(operation.decode(), without_uid(job))


@API.method(JOB + "UpdateJob")
def update_job(world: World, request: Any, call: Call) -> Any:
    """Replace it: a field left out goes back to its default (recording run_job/nfs-volume)."""
    name = request.job.name
    with world.store.transaction():
        job = JOBS.find(world, name)
        if job is not None:
            return change(world, job, request, call)
    if not request.allow_missing:
        raise missing("JOB", name)
    check_id(short(name), JOB_ID_MOST - len("-xxxxx"))
    return create(world, name, request, call)


def change(world: World, job: Any, request: Any, call: Call) -> Any:
    """Change a job that is there. The caller holds the transaction."""
    check_etag(request.job.etag, job)
    apply_mask(job, request.job, ["*"], keep=OUTPUT_OF_JOB)
    complete(world, job)
    if request.validate_only:
        return only_validated(job)
    job.generation += 1
    touched(world, job, call)
    JOBS.save(world, job)
    return started(world, job)


@API.method(JOB + "DeleteJob")
def delete_job(world: World, request: Any, call: Call) -> Any:
    """Gone at once with its executions and its policy (recording run_job/basic)."""
    with world.store.transaction():
        job = JOBS.get(world, request.name)
        check_etag(request.etag, job)
        if request.validate_only:
            return only_validated(job)
        job.generation += 1
        touched(world, job, call)
        job.delete_time.CopyFrom(timestamp(world.clock.now()))
        job.expire_time.CopyFrom(timestamp(world.clock.now() + timedelta(days=KEPT_DAYS)))
        JOBS.remove(world, job.name)
        iam_policy.forget(world, job.name)
        shown = base64.b64encode(job.SerializeToString()).decode()
        operation = world.operations.start_task(location(job.name), without_uid(job), finish_delete, job.name, shown)
        world.store.put(OPERATION, job.name, operation.name.encode())
    forget(world, job.name)
    return operation


def finish_delete(world: World, name: str, shown: str) -> Any:
    """Answer the job as it was."""
    if JOBS.find(world, name) is None:
        plane(world).cancel(f"{name}/executions/")
    job = Job.FromString(base64.b64decode(shown))
    settle(world, job, Outcome())
    follow(world, job)
    if JOBS.find(world, name) is None:
        world.store.delete(OPERATION, name)
    return job


standard(API, JOB, "Job", JOBS, deleted=None, policies=held(JOBS))
