"""A job execution: tasks as processes, so many at once, each retried and timed.

Source: https://cloud.google.com/run/docs/container-contract#jobs-env-vars and `google.cloud.run.v2.TaskTemplate`.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from emulator.processes.instance import in_order
from emulator.processes.logs import Log
from emulator.processes.model import CannotStartError
from emulator.processes.process import GRACE_S, Process

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.processes.model import Container
    from emulator.processes.workshop import Workshop

DEFAULT_PARALLELISM = 100  # "as many as possible", within reason for one machine: a task waits for a free place


def cloud_run_task(index: int, attempt: int, tasks: int) -> dict[str, str]:
    """What Cloud Run tells a task of itself."""
    return {
        "CLOUD_RUN_TASK_INDEX": str(index),
        "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
        "CLOUD_RUN_TASK_COUNT": str(tasks),
    }


def nothing_told(_: int, __: int, ___: int) -> dict[str, str]:
    """What a task is told where it is not Cloud Run that runs it."""
    return {}


@dataclass(frozen=True, slots=True)
class Batch:
    """What an execution runs. The last container in start order is the one whose end ends the task.

    `told` gives a task's own environment: from its index, the number of the try, and how many tasks there are.
    """

    name: str
    containers: tuple[Container, ...]
    tasks: int = 1
    parallelism: int = 0
    max_retries: int = 3
    timeout_s: float = 600.0
    environment: dict[str, str] = field(default_factory=dict)
    told: Callable[[int, int, int], dict[str, str]] = cloud_run_task


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How a try of a task ended. `exit_code` is None where it was stopped."""

    index: int
    attempt: int
    exit_code: int | None
    message: str = ""
    cancelled: bool = False
    last: bool = True

    @property
    def succeeded(self) -> bool:
        """Tell whether the task is done."""
        return self.exit_code == 0


class Watcher(Protocol):
    """Hears of an execution's progress, in a worker thread, one call at a time and in order."""

    def task_started(self, index: int, attempt: int) -> None:
        """A try of a task began."""

    def task_ended(self, end: TaskEnd) -> None:
        """A try of a task ended; `last` tells whether it will be tried again."""

    def execution_ended(self) -> None:
        """All tasks have ended."""


class StoppedError(Exception):
    """The execution was cancelled while one of its containers was being started."""


class Execution:
    """An execution from the moment it is announced. Only the loop's thread touches it.

    It can be cancelled at any moment, also before it begins and between two steps of a start: whatever is awaited, the
    question whether to go on is asked again after it.
    """

    def __init__(self, name: str, workshop: Workshop) -> None:
        self.log = Log(name, workshop.written)
        self.ended = asyncio.Event()
        self._workshop = workshop
        self._stop_asked = asyncio.Event()
        self._running: dict[int, list[Process]] = {}
        self._telling = asyncio.Lock()
        self._work: asyncio.Task[None] | None = None

    def begin(self, batch: Batch, watcher: Watcher) -> None:
        """Start the tasks; of a cancelled execution each ends as cancelled."""
        self._batch = batch
        self._watcher = watcher
        self._places = asyncio.Semaphore(min(batch.parallelism or DEFAULT_PARALLELISM, DEFAULT_PARALLELISM))
        self._work = asyncio.create_task(self._run())

    def withdraw(self) -> None:
        """It will not begin, if it has not."""
        if self._work is None:
            self.ended.set()

    async def cancel(self, grace_s: float = GRACE_S) -> None:
        """Stop running tasks and start no more; wait for the end of what had begun."""
        self._stop_asked.set()
        await asyncio.gather(*(process.stop(grace_s) for group in self._running.values() for process in group))
        if self._work is not None:
            await self.ended.wait()

    async def _run(self) -> None:
        try:
            await asyncio.gather(*(self._task(index) for index in range(self._batch.tasks)))
            await self._tell(self._watcher.execution_ended)
        finally:
            self.ended.set()

    async def _task(self, index: int) -> None:
        async with self._places:
            for attempt in range(self._batch.max_retries + 1):
                end = await self._try(index, attempt)
                await self._tell(partial(self._watcher.task_ended, end))
                if end.last:
                    return

    async def _try(self, index: int, attempt: int) -> TaskEnd:
        if self._stop_asked.is_set():
            return TaskEnd(index, attempt, None, cancelled=True)
        await self._tell(partial(self._watcher.task_started, index, attempt))
        last = attempt >= self._batch.max_retries
        scratch = Path(tempfile.mkdtemp(prefix="emulator-task-"))
        try:
            async with asyncio.timeout(self._batch.timeout_s):
                code = await self._containers(index, attempt, scratch)
        except TimeoutError:
            message = f"Terminating task because it has reached the maximum timeout of {self._batch.timeout_s:g}s."
            self.log.write(message)
            return TaskEnd(index, attempt, None, message, last=last)
        except CannotStartError as error:
            self.log.write(error.outcome.message)
            return TaskEnd(index, attempt, 127, error.outcome.message, last=last)
        except StoppedError:
            return TaskEnd(index, attempt, None, cancelled=True)
        finally:
            await self._stop(index)
            self._over(scratch)
        if self._stop_asked.is_set():
            return TaskEnd(index, attempt, None, cancelled=True)
        message = "" if code == 0 else f"The container exited with an error: exit code {code}."
        return TaskEnd(index, attempt, code, message, last=code == 0 or last)

    async def _containers(self, index: int, attempt: int, scratch: Path) -> int:
        """Run a try of a task and give the exit code of its main container.

        Raises:
            CannotStartError: A container cannot be started.
            StoppedError: The execution was cancelled before all were.
        """
        environment = self._batch.environment | self._batch.told(index, attempt, self._batch.tasks)
        group = self._running[index] = []
        for container in in_order(self._batch.containers):
            program = await self._workshop.program(container, scratch, self.log)
            self._go_on()
            home = {"HOME": str(scratch), "TMPDIR": str(scratch)}
            program = replace(program, environment={**home, **program.environment, **environment})
            for note in program.notes:
                self.log.write(note)
            try:
                group.append(await Process.start(program, self.log, self._workshop.undertaker))
            except OSError as error:
                raise CannotStartError("CONTAINER_MISSING", f"{program.command[0]}: {error.strerror}") from error
            self._go_on()
        return await asyncio.shield(group[-1].ended)

    def _go_on(self) -> None:
        """Ask again after each step of a start: who cancelled meanwhile found no process to stop.

        Raises:
            StoppedError: Somebody did.
        """
        if self._stop_asked.is_set():
            raise StoppedError

    def _over(self, scratch: Path) -> None:
        """Nothing of a try runs any more."""
        for container in self._batch.containers:
            if container.over is not None:
                container.over(scratch)
        shutil.rmtree(scratch, ignore_errors=True)

    async def _stop(self, index: int) -> None:
        await asyncio.gather(*(process.stop() for process in self._running.pop(index, [])))

    async def _tell(self, news: Callable[[], None]) -> None:
        async with self._telling:
            await asyncio.to_thread(news)
