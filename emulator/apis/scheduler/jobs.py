"""The methods of jobs.

Source: `google.cloud.scheduler.v1.CloudScheduler`; kinds.md section 5.
"""

import uuid
from typing import Any

from emulator.apis.scheduler import checks, turns
from emulator.apis.scheduler.model import API, JOBS, OUTPUT, PLACE, SERVICE, Job, State, invalid, key
from emulator.apis.standard import Listing, Update, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, fits, timestamp
from emulator.core.world import World

PAGE_MOST = 500


@API.method(SERVICE + "CreateJob")
def create_job(world: World, request: Any, _: Call) -> Any:
    """A job that waits for its schedule. The first answer does not say when it will run (the recording)."""
    job = Job()
    job.CopyFrom(request.job)
    for field in OUTPUT:
        job.ClearField(field)
    job.name = name_of(world, request.parent, request.job.name)
    job.state = State.ENABLED
    with world.store.transaction():
        if JOBS.find(world, job.name) is not None:
            raise JOBS.taken(job.name)
        settle(world, job)
        JOBS.save(world, job)
    job.ClearField("schedule_time")
    return job


def name_of(world: World, parent: str, name: str) -> str:
    """The name that a caller gave, or a new one."""
    place = by_id(world, parent)
    if not fits(PLACE, place):
        raise invalid(f"Invalid resource name {parent!r}.")
    found = key(world, name or f"{place}/jobs/{uuid.uuid4()}")
    if not found.startswith(f"{place}/jobs/"):
        raise invalid(f'The job name "{name}" must begin with the parent "{parent}".')
    return found


def settle(world: World, job: Any) -> None:
    """Fill in and check a job that is about to be saved, and let it wait for its schedule."""
    checks.fill(job)
    checks.check(world, job)
    job.user_update_time.CopyFrom(timestamp(world.clock.now()))
    turns.plan(world, job)


@API.method(SERVICE + "PauseJob")
def pause_job(world: World, request: Any, _: Call) -> Any:
    """It keeps what it is, and does not run."""
    return switched(world, request.name, "PauseJob", State.ENABLED, State.PAUSED)


@API.method(SERVICE + "ResumeJob")
def resume_job(world: World, request: Any, _: Call) -> Any:
    """It runs at the next time of its schedule; what it missed it has missed."""
    return switched(world, request.name, "ResumeJob", State.PAUSED, State.ENABLED)


def switched(world: World, name: str, method: str, before: int, after: int) -> Any:
    """A job in another state."""
    with world.store.transaction():
        job = JOBS.get(world, key(world, name))
        check_state(job, method, before)
        job.state = after
        turns.plan(world, job)
        JOBS.save(world, job)
    return job


def check_state(job: Any, method: str, wanted: int) -> None:
    """Refuse a method that another state is needed for.

    Source: an answer to `RunJob`, quoted in several repositories.
    """
    if job.state != wanted:
        raise ApiFailure("FAILED_PRECONDITION", f"Job.state must be {State(wanted).name} for {method}.")


@API.method(SERVICE + "RunJob")
def run_job(world: World, request: Any, _: Call) -> Any:
    """It runs now, and again by its schedule. The answer waits a while for the attempt, which Google's does not."""
    job = JOBS.get(world, key(world, request.name))
    check_state(job, "RunJob", State.ENABLED)
    turns.run_now(world, job)
    return JOBS.get(world, job.name)


def forget(world: World, job: Any) -> None:
    """A job that is gone does not run."""
    turns.stop(world, job)


standard(
    API,
    SERVICE,
    "Job",
    JOBS,
    listing=Listing(default=PAGE_MOST, most=PAGE_MOST),
    update=Update(OUTPUT, checks.check_mask, settle),
    deleted=forget,
)
