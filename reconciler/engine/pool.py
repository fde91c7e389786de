"""The one bounded pool of threads. Results meet in the main thread, so nothing below needs locks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import Self, TypeVar

from reconciler.core.errors import ReconcilerError, SeveralErrors

T = TypeVar("T")

WORKERS = 16
"""Waiting is most of the work, so more threads than cores; few enough to stay clear of rate limits."""


class Pool:
    """Runs calls in parallel, each with the caller's context, or logs lose theirs."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="mlservice")

    def __enter__(self) -> Self:
        """Use the pool."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what runs, and drop what waits."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def submit(self, call: Callable[..., T], *args: object) -> Future[T]:
        """Start one call."""
        return self._executor.submit(copy_context().run, call, *args)

    def gather(self, calls: Iterable[Callable[[], T]]) -> list[T]:
        """Make all calls and give their answers in order.

        Raises:
            ReconcilerError: One failed; `SeveralErrors` when several did, so that none is lost.
        """
        futures = [self.submit(call) for call in calls]
        failed: list[ReconcilerError] = []
        done: list[T] = []
        for future in futures:
            try:
                done.append(future.result())
            except ReconcilerError as error:
                failed.append(error)
        if len(failed) == 1:
            raise failed[0]
        if failed:
            unique = {error.message: error for error in failed}
            raise SeveralErrors(list(unique.values()))
        return done
