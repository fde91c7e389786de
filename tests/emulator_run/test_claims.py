"""Executions that are cancelled or deleted before the data plane has heard of them, or while a start is prepared."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.cloud.run_v2.types import execution as executions

from emulator import cloud
from emulator.apis.run.executions import finish_run
from emulator.apis.run.running import plane, running, stop
from emulator.apis.run.stored import EXECUTIONS, TASKS
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.faults import Rule
from emulator.images import Images
from emulator.wire.dispatch import perform
from emulator.wire.table import load

JOB = "projects/local/locations/europe-west4/jobs/train"
HELLO = "us-docker.pkg.dev/cloudrun/container/job"
RUN = "google.cloud.run.v2."
TABLE = load()
WITHIN_S = 20


@pytest.fixture
def world(tmp_path):
    """A cloud that nobody serves."""
    made = cloud.build(tmp_path)
    yield made
    made.operations.stop()
    stop(made)
    made.store.close()


def ask(world, method, **fields):
    """Call a method as a client would."""
    method = RUN + method
    return perform(world, Call(method, mutating=True, caller="me"), TABLE[method].request(**fields))


@pytest.fixture
def waiting(world):
    """An execution of two tasks whose operation has not begun."""
    task = {"containers": [{"image": HELLO}]}
    job = {"template": {"task_count": 2, "template": task}}
    ask(world, "Jobs/CreateJob", parent=JOB.rpartition("/jobs/")[0], job_id="train", job=job)
    world.faults.replace([Rule.parse({"method": "*/RunJob", "operation": "stuck"})])
    operation = ask(world, "Jobs/RunJob", name=JOB)
    execution = executions.Execution.pb()()
    operation.metadata.Unpack(execution)
    return execution.name


def cancelled(world, name):
    """What stands in the store of a cancelled execution."""
    execution = EXECUTIONS.get(world, name)
    tasks = TASKS.all(world, f"{name}/tasks/")
    return (
        execution.HasField("completion_time"),
        execution.cancelled_count,
        len([t for t in tasks if not t.reconciling]),
    )


def test_cancelled_before_it_runs_it_never_runs(world, waiting):
    """The cancel ends it; the operation that comes late finds it ended and starts nothing."""
    name = ask(world, "Executions/CancelExecution", name=waiting).name
    assert world.operations.wait(name, WITHIN_S).HasField("response")
    assert cancelled(world, waiting) == (True, 2, 2)

    assert finish_run(world, waiting).cancelled_count == 2
    assert running(world).started is None


def test_deleted_before_it_runs_it_never_runs(world, waiting):
    """There is nothing to run any more."""
    name = ask(world, "Executions/DeleteExecution", name=waiting).name
    assert world.operations.wait(name, WITHIN_S).HasField("response")

    with pytest.raises(ApiFailure, match="does not exist"):
        finish_run(world, waiting)


@pytest.mark.parametrize("image_there", [True, False])
def test_cancelled_while_its_start_is_prepared(world, waiting, image_there):
    """The image is being looked for: the cancel waits for that, then every task ends as cancelled, and none starts."""
    images = world.part(Images)
    find, entered, proceed = images.resolve, threading.Event(), threading.Event()

    def slowly(reference):
        entered.set()
        proceed.wait(WITHIN_S)
        return find(reference) if image_there else None

    images.resolve = slowly
    with ThreadPoolExecutor(1) as pool:
        finishing = pool.submit(finish_run, world, waiting)
        assert entered.wait(WITHIN_S)
        here = plane(world)
        cancelling = asyncio.run_coroutine_threadsafe(here._cancel(waiting), here._loop)
        here._call(asyncio.sleep(0))  # the cancel has taken its first step when this has

        proceed.set()

        cancelling.result(WITHIN_S)
        failed = finishing.exception(WITHIN_S)
    assert here.log(waiting) == []
    if image_there:
        assert failed is None
        assert cancelled(world, waiting) == (True, 2, 2)
    else:
        assert isinstance(failed, ApiFailure)
        assert EXECUTIONS.get(world, waiting).failed_count == 2
