"""What is stopped while it is being started: between any two steps, and nothing of it is left.

Each step is held open by the test itself, so that the stop comes exactly there; no test waits for a moment to pass.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulator.processes import undertaker as undertaking
from emulator.processes.execution import Batch, Execution
from emulator.processes.instance import Instance
from emulator.processes.logs import Log
from emulator.processes.model import CannotStartError, Container, Probe, Program, Revision
from emulator.processes.pool import Pool, UnavailableError
from emulator.processes.process import Process
from emulator.processes.undertaker import kill_group
from emulator.processes.workshop import Workshop
from tests.emulator_run.conftest import WHO

FOREVER = (sys.executable, "-S", "-I", "-c", "import time; time.sleep(600)")
WITHIN_S = 20


class Undertaker:
    """Stands for the process that cleans up; calls the test between the start of a process and the next step."""

    def __init__(self, on_watch=lambda: None):
        self.started, self.gone = [], threading.Event()
        self._on_watch = on_watch

    def watch(self, pid):
        self.started.append(pid)
        self._on_watch()

    def forget(self, _pid):
        self.gone.set()


class Metadata:
    """Stands for the metadata server; calls the test before anything is started."""

    def __init__(self, on_host=lambda: None):
        self._on_host = on_host

    async def host(self, _identity):
        self._on_host()
        await asyncio.sleep(0)  # lets what the test has begun take its first step
        return "127.0.0.1:1"


class Watcher:
    """Remembers how tasks ended."""

    def __init__(self):
        self.ends = []

    def task_started(self, index, attempt):
        pass

    def task_ended(self, end):
        self.ends.append(end)

    def execution_ended(self):
        pass


def workshop(*, undertaker=None, metadata=None):
    return Workshop(undertaker or Undertaker(), metadata or Metadata(), lambda: datetime.now(UTC))


def container(**of):
    def program(_place):
        return Program(FOREVER, Path("/"), dict(os.environ))

    return Container("main", WHO, program, **of)


@pytest.fixture
def no_process_left():
    """Whatever a failing test leaves behind is killed."""
    seen = []
    yield seen
    for undertaker in seen:
        for pid in undertaker.started:
            kill_group(pid)


class Later:
    """Begins something once, from inside a step, and lets the test wait for it."""

    def __init__(self):
        self.make = None
        self.task = None

    def __call__(self):
        if self.make is not None and self.task is None:
            self.task = asyncio.ensure_future(self.make())


async def execution_cancelled_at(**parts):
    """Run an execution that is cancelled when `parts` says; how its tasks ended."""
    (later,) = parts.pop("later")
    execution, watcher = Execution("e", workshop(**parts)), Watcher()
    later.make = execution.cancel
    execution.begin(Batch("e", (container(),), tasks=2, parallelism=1), watcher)
    async with asyncio.timeout(WITHIN_S):
        await execution.ended.wait()
        await later.task
    return watcher.ends


def test_an_execution_is_cancelled_before_its_process_starts(no_process_left):
    """After "started" was told and before there is a process: none is started any more."""
    later, undertaker = Later(), Undertaker()
    no_process_left.append(undertaker)

    ends = asyncio.run(execution_cancelled_at(undertaker=undertaker, metadata=Metadata(later), later=[later]))

    assert [end.cancelled for end in ends] == [True, True]
    assert undertaker.started == []


def test_an_execution_is_cancelled_while_its_process_starts(no_process_left):
    """The process is there, but nobody who cancels can know of it yet: it is stopped all the same."""
    later = Later()
    undertaker = Undertaker(later)
    no_process_left.append(undertaker)

    ends = asyncio.run(execution_cancelled_at(undertaker=undertaker, later=[later]))

    assert [end.cancelled for end in ends] == [True, True]
    assert len(undertaker.started) == 1
    assert undertaker.gone.wait(WITHIN_S)


def test_an_execution_is_cancelled_before_it_begins():
    """Announced, cancelled, begun: every task ends as cancelled."""

    async def run():
        execution, watcher = Execution("e", workshop()), Watcher()
        await execution.cancel()
        execution.begin(Batch("e", (container(),), tasks=3), watcher)
        async with asyncio.timeout(WITHIN_S):
            await execution.ended.wait()
        return watcher.ends

    assert [end.cancelled for end in asyncio.run(run())] == [True] * 3


def test_a_withdrawn_execution_is_over_for_who_cancels_it(bench):
    """Nobody waits for what will not begin."""
    bench.plane.announce("e")
    cancelling = threading.Thread(target=bench.plane.cancel, args=("e",))
    cancelling.start()

    bench.plane.withdraw("e")

    cancelling.join(WITHIN_S)
    assert not cancelling.is_alive()


def test_what_was_not_announced_cannot_run(bench):
    """After everything was stopped, a latecomer starts nothing."""
    with pytest.raises(CannotStartError):
        bench.plane.execute(Batch("e", (container(),)), Watcher())


def test_a_start_that_is_given_up_kills_its_process(no_process_left):
    """A timeout between the process and the pipe of its output."""

    async def run():
        undertaker = Undertaker(lambda: starting.cancel())  # noqa: PLW0108 - it is made only in the next line but one
        no_process_left.append(undertaker)
        program = Program(FOREVER, Path("/"), dict(os.environ))
        starting = asyncio.ensure_future(Process.start(program, Log(), undertaker))
        with pytest.raises(asyncio.CancelledError):
            await starting
        return undertaker

    assert asyncio.run(run()).gone.wait(WITHIN_S)


async def instance_stopped_at(later, **parts):
    """Start an instance that is stopped when `later` is called; how its start ended."""
    never = Probe("tcp", 8080, period_s=600, timeout_s=600)
    revision = Revision("r", (container(port=8080, startup=never),))
    instance = Instance(revision, workshop(**parts), Log())
    later.make = instance.stop
    async with asyncio.timeout(WITHIN_S):
        outcome = await instance.start()
        await later.task
        await instance.ended
    return instance, outcome


def test_an_instance_is_stopped_before_its_process_starts(no_process_left):
    """No process is started, and the startup probe's ten minutes are not waited for."""
    later, undertaker = Later(), Undertaker()
    no_process_left.append(undertaker)

    instance, outcome = asyncio.run(instance_stopped_at(later, undertaker=undertaker, metadata=Metadata(later)))

    assert not outcome.ready
    assert not instance.free
    assert undertaker.started == []


def test_an_instance_is_stopped_while_its_process_starts(no_process_left):
    """The process that the stop could not see is killed."""
    later = Later()
    undertaker = Undertaker(later)
    no_process_left.append(undertaker)

    instance, outcome = asyncio.run(instance_stopped_at(later, undertaker=undertaker))

    assert not outcome.ready
    assert not instance.free
    assert undertaker.gone.wait(WITHIN_S)


def test_a_pool_is_closed_while_its_revision_is_read(no_process_left):
    """An instance that comes after the close would never be stopped: there is none."""
    undertaker = Undertaker()
    no_process_left.append(undertaker)

    async def run():
        closing, loop = [], asyncio.get_running_loop()

        def load(_name):
            closing.append(asyncio.run_coroutine_threadsafe(pool.close(), loop))
            closing[0].result(WITHIN_S)
            return Revision("r", (container(),))

        pool = Pool("r", load, workshop(undertaker=undertaker))
        async with asyncio.timeout(WITHIN_S):
            return await pool.prove(), pool.instances

    outcome, instances = asyncio.run(run())

    assert not outcome.ready
    assert instances == 0
    assert undertaker.started == []


def ready_pool():
    """A pool of a revision that runs one instance, which takes one request at a time."""
    return Pool("r", lambda _name: Revision("r", (container(),), concurrency=1, max_instances=1), workshop())


def test_who_waits_for_a_closed_pool_is_told():
    """An answer of the front end, not a broken connection."""

    async def run():
        pool = ready_pool()
        assert (await pool.prove()).ready
        busy = pool.take()
        waiting = asyncio.ensure_future(pool.wait())
        await asyncio.sleep(0)  # it takes its place in the queue
        busy.in_flight -= 1  # so that the close need not wait for it
        await pool.close()
        with pytest.raises(UnavailableError):
            await waiting

    asyncio.run(run())


def test_a_slot_that_nobody_takes_goes_to_the_next_one():
    """A caller goes away in the very moment in which its turn comes."""

    async def run():
        pool = ready_pool()
        assert (await pool.prove()).ready
        busy = pool.take()
        waiting = asyncio.ensure_future(pool.wait())
        await asyncio.sleep(0)  # it takes its place in the queue
        pool.give_back(busy)  # hands the slot out ...
        waiting.cancel()  # ... to somebody who is gone
        with pytest.raises(asyncio.CancelledError):
            await waiting
        free = pool.take()
        pool.give_back(busy)
        await pool.close()
        return free is busy

    assert asyncio.run(run())


def test_what_is_still_watched_ends_where_who_watches_goes_on():
    """A data plane is stopped, and its successor has the same undertaker: nothing of the first one is left."""
    undertaker = undertaking.Undertaker()
    left, over = (subprocess.Popen(FOREVER, start_new_session=True) for _ in range(2))
    try:
        for each in (left, over):
            undertaker.watch(each.pid)
        undertaker.forget(over.pid)

        undertaker.bury()

        assert left.wait(WITHIN_S) == -signal.SIGKILL
        assert over.poll() is None, "its number is somebody else's by now"
        assert not undertaker._watched, "what is buried is killed once"
    finally:
        over.kill()
        over.wait()
        undertaker.close()
