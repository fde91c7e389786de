"""A queue in virtual time, with a model behind it that doubles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.data.tensors import TensorSpec
from runtime.protocols import Query
from runtime.serving.batching import INLINE_S, Batcher, Cost, Limits
from runtime.serving.work import Work
from runtime.telemetry.metrics import ModelMetrics
from tests.runtime import virtual_time

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from runtime.data.outputs import Outputs

INLINE = Cost(call_s=INLINE_S / 2, row_s=0.0)
IN_THREAD = Cost(call_s=INLINE_S * 2, row_s=0.0)
TABLE = (TensorSpec("x", "FP32", (-1, 2)),)
"""The input of a model that takes two features side by side."""
CALL_S = 0.1
"""What a call takes in another thread."""


@dataclass
class Doubling:
    """A model that doubles its first input, and remembers what it was called with."""

    inputs: tuple[TensorSpec, ...] = (TensorSpec("x", "FP32", (-1, -1)),)
    outputs: tuple[TensorSpec, ...] = (TensorSpec("y", "FP32", (-1, -1)), TensorSpec("z", "FP32", (-1, -1)))
    platform: str = "test"
    batchable: bool = True
    calls_at_once: int = 1
    calls: list[np.ndarray] = field(default_factory=list)
    failure: Exception | None = None

    def predict(self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> dict[str, np.ndarray]:
        self.calls.append(inputs["x"])
        if self.failure is not None:
            raise self.failure
        if (inputs["x"] < 0).any():
            raise ValueError("below zero")
        return dict.fromkeys(outputs, inputs["x"] * 2)

    @property
    def sizes(self) -> list[int]:
        """Rows of each call."""
        return [len(rows) for rows in self.calls]


@dataclass
class Scaling(Doubling):
    """A class of a user's that takes parameters."""

    takes_parameters: bool = True
    told: list[dict[str, Any]] = field(default_factory=list)

    def predict(
        self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str], parameters: dict[str, Any] | None = None
    ) -> dict[str, np.ndarray]:
        self.told.append(parameters or {})
        return super().predict(inputs, outputs)


@dataclass
class OnDevice(Doubling):
    """A model whose device takes the next call while it works on one."""

    calls_at_once: int = 2


class Generous(Doubling):
    """A model that computes every output, whatever was asked for."""

    def predict(self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> dict[str, np.ndarray]:
        del outputs
        return super().predict(inputs, ("y", "z"))


class Elsewhere:
    """A thread in virtual time: what it is given is done after a queue's `call_s`, or never."""

    def __init__(self, loop: asyncio.AbstractEventLoop, queue: Queue) -> None:
        self._loop = loop
        self._queue = queue

    def run(self, what: Callable[[], None]) -> None:
        if self._queue.call_s is not None:
            self._loop.call_later(self._queue.call_s, what)


class Asked(Work):
    """A request that remembers what it was told, and when."""

    __slots__ = ("clock", "heard")

    def __init__(self, clock: Callable[[], float], query: Query, timeout_s: float) -> None:
        super().__init__(query, clock(), clock() + timeout_s)
        self.clock = clock
        self.heard: list[tuple[float, Any]] = []

    def done(self, outcome: Outputs | Exception, start: int, stop: int) -> None:
        found = outcome if isinstance(outcome, Exception) else outcome.rows(self.outputs[0], start, stop).tolist()
        self.heard.append((round(self.clock() - virtual_time.START_S, 4), found))

    @property
    def answer(self) -> Any:
        """What it was told, once."""
        ((_, found),) = self.heard
        return found

    @property
    def at(self) -> float:
        """When it was told, in seconds since the beginning."""
        ((moment, _),) = self.heard
        return moment


class Queue:
    """A queue, the model behind it, and means to ask. A call in another thread takes `call_s`; None is forever."""

    def __init__(
        self,
        loop: virtual_time.VirtualLoop,
        cost: Cost = INLINE,
        model: Doubling | None = None,
        *,
        call_s: float | None = CALL_S,
        **limits: float,
    ) -> None:
        self.model = model or Doubling()
        self.metrics = ModelMetrics("m", "1")
        self.cost = cost
        self.limits = Limits(**{"max_rows": 4, **limits})
        self.threads = 0
        self._loop = loop
        self.call_s = call_s
        self.batcher = Batcher(self.model, self.limits, cost, self.metrics, loop, clock=loop.time, worker=self.worker)

    def worker(self, _name: str) -> Any:
        """Make what stands for a thread."""
        self.threads += 1
        return Elsewhere(self._loop, self)

    def ask(self, *rows: float, width: int = 1, output: str = "y", **query: Any) -> Asked:
        """Send a request of so many rows."""
        inputs = {"x": np.repeat(np.array(rows, np.float32)[:, None], width, axis=1)}
        work = Asked(self._loop.time, Query(inputs, len(rows), (output,), **query), self.limits.timeout_s)
        self.batcher.submit(work)
        return work


def doubled(*rows: float, width: int = 1) -> list[list[float]]:
    """What the model says of rows."""
    return [[2.0 * row] * width for row in rows]
