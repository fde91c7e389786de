"""Requests joined into batches, without a timer that a lone request would wait for.

A batch is what had arrived when the model became free: on a loop tick for a model that is cheap (run inline, as a
thread hop costs more than the model), at the end of the batch before for one that is not (run in a worker thread, so
that health checks go on). Only when callers were seen coming back together is a batch held for them, and then for no
longer than half of what the batch before took.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from dataclasses import dataclass, field
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from runtime.answers import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runtime.tensors import Array, Model

log = logging.getLogger("runtime")

Outcome = "dict[str, Array] | Exception"

# Dearer than this and the model leaves the loop: other connections would notice.
INLINE_S = 0.002


@dataclass(slots=True)
class Work:
    """One request's rows, waiting for the model.

    `done` is called exactly once, on the event loop, with the outputs or with what went wrong.
    """

    inputs: Mapping[str, Array]
    rows: int
    outputs: tuple[str, ...]
    done: Callable[[dict[str, Array] | Exception], None]
    deadline: float
    arrived: float = field(default_factory=perf_counter)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken on: rows per call, requests waiting, seconds a request may take, seconds to wait for more."""

    max_rows: int = 32
    max_waiting: int = 512
    timeout_s: float = 300.0
    max_delay_s: float = 0.002


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a call takes, as measured at start-up: a fixed part and one per row."""

    call_s: float
    row_s: float

    def of(self, rows: int) -> float:
        """Estimate a call."""
        return self.call_s + self.row_s * rows


class Batcher:
    """The queue in front of one model. All methods run on the event loop."""

    def __init__(self, model: Model, limits: Limits, cost: Cost, loop: asyncio.AbstractEventLoop) -> None:
        self._model = model
        self._limits = limits
        self._cost = cost
        self._loop = loop
        self._waiting: deque[Work] = deque()
        self._scheduled = False
        self._worker: Worker | None = None
        self._running: list[Work] = []
        self._started = 0.0
        self._hold: asyncio.TimerHandle | None = None
        self._hold_for = 0
        self._sweep: asyncio.TimerHandle | None = None

    def submit(self, work: Work) -> None:
        """Queue a request.

        Raises:
            Refused: 429 when as many are waiting as may wait.
        """
        if len(self._waiting) >= self._limits.max_waiting:
            raise Refused(429, "too many requests are waiting for this model", retry_after_s=1)
        self._waiting.append(work)
        if not self._scheduled and not self._running and (self._hold is None or len(self._waiting) >= self._hold_for):
            self._scheduled = True
            self._loop.call_soon(self._tick)

    @property
    def stuck_s(self) -> float:
        """Seconds the running call is past the time any request may take; 0 when none is."""
        late = perf_counter() - self._started - self._limits.timeout_s if self._running else 0.0
        return max(late, 0.0)

    def _tick(self) -> None:
        self._scheduled = False
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        while self._waiting and not self._running:
            batch = self._take()
            if self._cost.of(sum(work.rows for work in batch)) <= INLINE_S:
                deliver(batch, call(self._model, batch))
            else:
                self._start(batch)

    def _take(self) -> list[Work]:
        """Take the longest prefix of the queue that fits one call. A request larger than a batch goes alone."""
        waiting = self._waiting
        first = waiting.popleft()
        batch, rows = [first], first.rows
        while self._model.batchable and waiting and rows + waiting[0].rows <= self._limits.max_rows:
            if not _alike(first, waiting[0]):
                break
            rows += waiting[0].rows
            batch.append(waiting.popleft())
        return batch

    def _start(self, batch: list[Work]) -> None:
        if self._worker is None:
            self._worker = Worker("predict")
        self._running, self._started = batch, perf_counter()
        self._worker.run(lambda: self._in_thread(batch))
        if self._sweep is None:
            self._sweep_later()

    def _in_thread(self, batch: list[Work]) -> None:
        outcome = call(self._model, batch)
        self._loop.call_soon_threadsafe(self._finish, batch, outcome)

    def _finish(self, batch: list[Work], outcome: dict[str, Array] | Exception) -> None:
        took = perf_counter() - self._started
        self._running = []
        deliver(batch, outcome)
        expected = min(len(batch) + len(self._waiting), self._limits.max_rows)
        if not self._waiting:
            return
        if len(batch) == 1 or len(self._waiting) >= expected:
            self._tick()
            return
        self._hold_for = expected
        self._hold = self._loop.call_later(min(self._limits.max_delay_s, took / 2), self._tick)

    def _sweep_later(self) -> None:
        self._sweep = self._loop.call_later(0.05, self._expire)

    def _expire(self) -> None:
        """Answer what is past its deadline, also while the model does not come back."""
        now = perf_counter()
        late = [work for work in (*self._running, *self._waiting) if work.deadline < now]
        for work in late:
            work.done(TimeoutError())
            work.done = _nothing
        self._waiting = deque(work for work in self._waiting if work.deadline >= now)
        self._sweep = None
        if self._running or self._waiting:
            self._sweep_later()


class Worker:
    """One daemon thread: a call that never returns must not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def run(self, what: Callable[[], None]) -> None:
        """Run it after what was given before."""
        self._calls.put(what)

    def _serve(self) -> None:
        while True:
            self._calls.get()()


def call(model: Model, batch: list[Work]) -> dict[str, Array] | Exception:
    """Run the model on the joined rows of a batch. Never raises."""
    first = batch[0]
    inputs = first.inputs if len(batch) == 1 else _joined(batch)
    try:
        return model.predict(inputs, first.outputs)
    except Exception as error:  # a model may raise anything; its callers get a 500, the log gets the traceback
        log.exception("predict failed", extra={"rows": sum(work.rows for work in batch)})
        return error


def deliver(batch: list[Work], outcome: dict[str, Array] | Exception) -> None:
    """Give every request of a batch its rows."""
    if isinstance(outcome, Exception) or len(batch) == 1:
        for work in batch:
            work.done(outcome)
        return
    start = 0
    for work in batch:
        end = start + work.rows
        work.done({name: array[start:end] for name, array in outcome.items()})
        start = end


def _joined(batch: list[Work]) -> dict[str, Array]:
    return {name: np.concatenate([work.inputs[name] for work in batch]) for name in batch[0].inputs}


def _alike(one: Work, other: Work) -> bool:
    """Whether two requests can share a call: same outputs, same shapes behind the batch dimension."""
    if one.outputs != other.outputs:
        return False
    return all(array.shape[1:] == other.inputs[name].shape[1:] for name, array in one.inputs.items())


def _nothing(_outcome: object) -> None:
    """Stand in for `done` once a request was answered."""
