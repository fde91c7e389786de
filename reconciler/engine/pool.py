"""The one bounded pool of threads. Results meet in the main thread, so nothing below needs locks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

from reconciler.core.errors import ReconcilerError, SeveralErrors
from reconciler.engine.signals import held, take

T = TypeVar("T")

WORKERS = 16
"""Waiting is most of the work, so more threads than cores; few enough to stay clear of rate limits."""


@dataclass(eq=False, slots=True)
class Task(Generic[T]):
    """One call of the pool's. A signal may end the wait for it at any moment: it takes no lock that a worker needs.

    Args:
        call: What is called.
        told: Given a None when it has ended, for who waits for the first of many.
        done: Whether it has ended.
    """

    call: Callable[[], T]
    told: SimpleQueue[None] | None = None
    done: bool = False
    _answer: list[T] = field(default_factory=list)
    _error: BaseException | None = None
    _ended: SimpleQueue[None] = field(default_factory=SimpleQueue)

    def run(self) -> None:
        """Make the call."""
        try:
            self._answer.append(self.call())
        except BaseException as error:  # noqa: BLE001 - raised where the answer is wanted
            self._error = error
        self.done = True
        self._ended.put(None)
        if self.told is not None:
            self.told.put(None)

    def result(self) -> T:
        """Wait for the answer and give it. What the call raised is raised here."""
        if not self.done:
            take(self._ended)
        if self._error is not None:
            raise self._error
        return self._answer[0]


class Pool:
    """Runs calls in parallel, each with the caller's context, or logs lose theirs."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._mine = threading.local()
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="mlservice", initializer=self._enter)

    def _enter(self) -> None:
        self._mine.thread = True

    def __enter__(self) -> Self:
        """Use the pool."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what runs, and drop what waits."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def submit(self, call: Callable[..., T], *args: object, told: SimpleQueue[None] | None = None) -> Task[T]:
        """Start one call; of a thread of the pool it is made at once: waiting for others would take them all.

        Args:
            call: What is called.
            args: With what.
            told: Given a None when it has ended.
        """
        task = Task(partial(call, *args), told)
        if getattr(self._mine, "thread", False):
            task.run()
            return task
        with held():  # the executor has locks of its own
            self._executor.submit(copy_context().run, task.run)
        return task

    def gather(self, calls: Iterable[Callable[[], T]]) -> list[T]:
        """Make all calls and give their answers in order.

        Raises:
            ReconcilerError: One failed; `SeveralErrors` when several did, so that none is lost.
        """
        tasks = [self.submit(call) for call in calls]
        failed: list[ReconcilerError] = []
        done: list[T] = []
        for task in tasks:
            try:
                done.append(task.result())
            except ReconcilerError as error:
                failed.append(error)
        if len(failed) == 1:
            raise failed[0]
        if failed:
            unique = {error.message: error for error in failed}
            raise SeveralErrors(list(unique.values()))
        return done
