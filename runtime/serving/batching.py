"""Requests joined into batches, without a timer that a lone request would wait for.

A batch is what had arrived when the model became free: on a loop tick for a model that is cheap (run inline, as a
thread hop costs more than the model), at the end of the batch before for one that is not (run in a worker thread, so
that health checks go on). Only when callers were seen coming back together is a batch held for them, and then for no
longer than half of what the batch before took.

A device works while we do something else, so a model on one (`calls_at_once`) gets a full batch while it still has
another, and large requests in pieces of a batch, by turns with what else waits. Callers who all fit into one batch are
shared out between two calls, so that the one is answered while the device works on the other, where halves are large
enough for a device to be nearly as fast with them. See docs/decisions/036-two-calls-on-a-gpu.md.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from runtime.data.answers import Refused
from runtime.data.outputs import Outputs, of_rows
from runtime.data.tensors import joined, row_shape
from runtime.frameworks import cpus
from runtime.serving.failures import DeviceLost, device_lost
from runtime.serving.lone import LoneCaller
from runtime.serving.work import Cut, Late, Work
from runtime.serving.worker import Worker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from runtime.data.tensors import Model
    from runtime.telemetry.metrics import ModelMetrics

log = logging.getLogger("runtime")

# Dearer than this and the model leaves the loop: other connections would notice.
INLINE_S = 0.002
# So it does on a device before that: while the loop waits for one, nobody is answered.
INLINE_ON_DEVICE_S = 0.001
# Cheaper than this, and a turn of the loop is worth saving.
QUICK_S = 0.0002
SWEEP_S = 0.05
# A crowd is forgotten by this part of those that were not seen, call by call.
LEAVE = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken on: rows per call, requests waiting, seconds a request may take, seconds to wait for more.

    On a device, fewer than `max_rows` are called beside another call where there are `beside_rows` at least.
    """

    max_rows: int = 32
    max_waiting: int = 512
    timeout_s: float = 300.0
    max_delay_s: float = 0.002
    beside_rows: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a call takes, as measured at start-up: a fixed part and one per row."""

    call_s: float
    row_s: float

    def of(self, rows: int) -> float:
        """Estimate the seconds of a call with so many rows."""
        return self.call_s + self.row_s * rows


@dataclass(slots=True, eq=False)
class Running:
    """A call in a worker thread."""

    batch: list[Work]
    rows: int
    began: float
    worker: Worker


class Batcher:
    """The queue in front of one model. All methods run on the event loop.

    Args:
        model: Called with the joined rows of a batch.
        limits: How much is taken on.
        cost: Of a call; it settles whether a batch is run inline.
        metrics: What is counted.
        loop: Whose timers are used. Its own time is too coarse to measure by: uvloop's is of whole milliseconds.
        clock: Seconds that only go forward; what `Work` is stamped with.
        worker: Makes a thread by its name.
        workers: Threads that know the model already: those that warmed it up.
    """

    def __init__(
        self,
        model: Model,
        limits: Limits,
        cost: Cost,
        metrics: ModelMetrics,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Callable[[], float] = perf_counter,
        worker: Callable[[str], Worker] = Worker,
        workers: tuple[Worker, ...] = (),
    ) -> None:
        self._model = model
        self._predict: Any = model.predict
        self._takes_parameters = getattr(model, "takes_parameters", False)  # a class of the user's may
        self._limits = limits
        self._cost = cost
        self._metrics = metrics
        self._loop = loop
        self.clock = clock
        self._worker = worker
        self._waiting: deque[Work] = deque()
        self._waiting_rows = 0
        # Requests that go in pieces, and whether the next call is one of them.
        self._large: deque[Cut] = deque()
        self._turn_of_large = False
        self._scheduled = False
        self._running: list[Running] = []
        self._idle: list[Worker] = list(workers)
        # Models that batch have one call at a time: what arrives meanwhile is the next batch. On a device, another one
        # stands behind it when it is full.
        at_once = model.calls_at_once if model.batchable else cpus()
        self._calls_at_once = at_once
        self._on_device = model.batchable and at_once > 1
        self._inline_s = INLINE_ON_DEVICE_S if self._on_device else INLINE_S
        # What is called on the loop is over before anything else can be.
        beside = self._on_device and cost.of(limits.beside_rows) > self._inline_s
        self._beside_rows = limits.beside_rows if beside else limits.max_rows
        # Rows of callers who seem to take part: those that wait, that are in calls, and that were answered last and are
        # on their way back.
        self._crowd = 0
        self._away = 0
        self._hold: asyncio.TimerHandle | None = None
        self._hold_for = 0
        self._lone = LoneCaller(loop, clock) if cost.of(1) <= QUICK_S else None
        self._dtypes = {spec.name: spec.dtype for spec in model.inputs}
        self._sweep: asyncio.TimerHandle | None = None
        # Set once a call lost the device: from then on no call is made.
        self.lost = False
        self._culprit_heard = False

    def submit(self, work: Work) -> None:
        """Queue a request.

        Raises:
            Refused: 429 when as many are waiting as may wait.
        """
        waiting = self._waiting
        if len(waiting) + len(self._large) >= self._limits.max_waiting:
            raise Refused(429, "too many requests are waiting for this model", retry_after_s=1)
        if self._on_device and work.rows > self._limits.max_rows:
            self._large.append(Cut(work, self._limits.max_rows))
        else:
            waiting.append(work)
            self._waiting_rows += work.rows
        self._away = max(self._away - work.rows, 0)
        if self._scheduled or (self._running and not self._takes_another()):
            return
        if self._hold is not None and len(waiting) < self._hold_for and not self._is_enough():
            return
        if len(waiting) == 1 and self._joins_nobody(work):
            self._tick()
        else:
            self._scheduled = True
            self._loop.call_soon(self._tick)

    def _joins_nobody(self, work: Work) -> bool:
        return work.rows >= self._limits.max_rows or (self._lone is not None and self._lone.is_likely)

    def _takes_another(self) -> bool:
        """Whether the model takes a call while it has one: any if it does not batch, else a full one or a half."""
        free = len(self._running) < self._calls_at_once
        return free and (not self._model.batchable or self._is_enough())

    def _is_enough(self) -> bool:
        """Whether the next call is worth making now, also beside another: a full batch, a piece, or half the crowd."""
        return bool(self._large) or self._waiting_rows >= self._share()

    @property
    def waiting(self) -> int:
        """Requests in the queue, without those in a call."""
        return len(self._waiting) + len(self._large)

    @property
    def stuck_s(self) -> float:
        """Seconds the oldest running call is past the time any request may take; 0 when none is."""
        began = min((running.began for running in self._running), default=self.clock())
        return max(self.clock() - began - self._limits.timeout_s, 0.0)

    def _tick(self) -> None:
        self._scheduled = False
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        while (self._waiting or self._large) and (not self._running or self._takes_another()):
            batch = self._take()
            if not batch:
                continue
            rows = sum([work.rows for work in batch])
            # A device works through its calls in turn: one on the loop would keep it for the one before as well.
            behind = self._on_device and self._running
            if self._cost.of(rows) <= self._inline_s and not behind:
                began = self.clock()
                self._deliver(batch, self._call(batch), began, self.clock())
            else:
                self._start(batch, rows)

    def _take(self) -> list[Work]:
        """Take the longest prefix of the queue that fits one call. A request larger than a batch goes alone."""
        waiting = self._waiting
        if self._large and (self._turn_of_large or not waiting):
            return self._take_piece()
        self._turn_of_large = True
        batch: list[Work] = []
        rows = 0
        most = self._share()
        while waiting and (not batch or self._fits(batch[0], waiting[0], rows, most)):
            work = waiting.popleft()
            self._waiting_rows -= work.rows
            if not work.abandoned:
                batch.append(work)
                rows += work.rows
        return batch

    def _share(self) -> int:
        """Give the rows of a call that is worth making: a full batch, or half of the crowd where that is enough."""
        half = -(-self._crowd // 2)
        return half if self._beside_rows <= half < self._limits.max_rows else self._limits.max_rows

    def _take_piece(self) -> list[Work]:
        """Take some rows of a large request; the next call is for those who ask for less, if there are any."""
        self._turn_of_large = False
        cut = self._large.popleft()
        batch: list[Work] = [] if cut.over else [cut.piece()]
        if not cut.over:
            self._large.append(cut)
        return batch

    def _fits(self, first: Work, work: Work, rows: int, most: int) -> bool:
        if not self._model.batchable or rows + work.rows > most:
            return False
        return _alike(first, work) and (not self._takes_parameters or first.parameters == work.parameters)

    def _start(self, batch: list[Work], rows: int) -> None:
        running = Running(batch, rows, self.clock(), self._idle.pop() if self._idle else self._worker("predict"))
        self._running.append(running)
        seen = self._waiting_rows + sum([one.rows for one in self._running]) + self._away
        self._crowd = max(seen, self._crowd - -(-(self._crowd - seen) // LEAVE))
        running.worker.run(lambda: self._in_thread(running))
        if self._sweep is None:
            self._sweep = self._loop.call_later(SWEEP_S, self._expire)

    def _in_thread(self, running: Running) -> None:
        outcome = self._call(running.batch)
        self._loop.call_soon_threadsafe(self._finish, running, outcome, self.clock())

    def _finish(self, running: Running, outcome: Outputs | Exception, ended: float) -> None:
        self._running.remove(running)
        self._idle.append(running.worker)
        self._away = running.rows
        if self._on_device:
            outcome = self._blamed(running, outcome)
            if self._is_enough():
                self._tick()  # the device goes on while we write answers
        self._deliver(running.batch, outcome, running.began, ended)
        if self._running:
            self._tick()  # nothing, unless the model takes another call beside that one
            return
        expected = min(len(running.batch) + len(self._waiting), self._limits.max_rows)
        alone = len(running.batch) == 1
        if alone or len(self._waiting) >= expected or not self._model.batchable or self._large:
            self._tick()
            return
        # Those just answered together usually come back together: one full call costs less than two halves, and far
        # less than one for the first of them and one for the rest.
        self._hold_for = expected
        took = ended - running.began
        self._hold = self._loop.call_later(min(self._limits.max_delay_s, took / 2), self._tick)

    def _blamed(self, running: Running, outcome: Outputs | Exception) -> Outputs | Exception:
        """Tell who lost the device from who stood behind it: both calls fail alike, and the other may go elsewhere."""
        if not isinstance(outcome, Exception) or not device_lost(outcome):
            return outcome
        if self._culprit_heard or any(other.began < running.began for other in self._running):
            return DeviceLost()
        self._culprit_heard = True
        return outcome

    def _deliver(self, batch: list[Work], outcome: Outputs | Exception, began: float, ended: float) -> None:
        """Give every request of a batch its rows."""
        start = 0
        for work in batch:
            stop = start + work.rows
            work.begun, work.ended = began, ended
            if not work.answered:
                work.answered = True
                work.done(outcome, start, stop)
            start = stop
        metrics = self._metrics
        metrics.predict_seconds.observe(ended - began)
        metrics.batch_requests.observe(len(batch))
        metrics.batch_rows.observe(start)
        metrics.rows += start
        if self._lone is not None:
            self._lone.note(len(batch), batch[0].arrived)

    def _call(self, batch: list[Work]) -> Outputs | Exception:
        """Run the model on the joined rows of a batch. Never raises."""
        first = batch[0]
        if self.lost:
            return DeviceLost()
        try:
            inputs = {
                name: joined([work.inputs[name] for work in batch], self._dtypes.get(name)) for name in first.inputs
            }
            told = {"parameters": first.parameters or {}} if self._takes_parameters else {}
            return of_rows(self._predict(inputs, first.outputs, **told), sum([work.rows for work in batch]))
        except BaseException as error:  # its callers get a 500, the log gets the traceback
            log.exception("predict failed", extra={"rows": sum(work.rows for work in batch)})
            if not isinstance(error, Exception):  # a class of the user's may end so: the server does not
                return RuntimeError(f"the model raised {type(error).__name__}")
            self.lost = self.lost or device_lost(error)
            return error

    def _expire(self) -> None:
        """Answer what is past its deadline, also while the model does not come back."""
        now = self.clock()
        running = [work for one in self._running for work in one.batch]
        for work in (*running, *self._waiting, *[cut.work for cut in self._large]):
            if work.deadline < now and not work.answered:
                work.answered = True
                work.done(Late(), 0, 0)
        self._waiting = deque(work for work in self._waiting if not work.answered)
        self._waiting_rows = sum(work.rows for work in self._waiting)
        self._large = deque(cut for cut in self._large if not cut.over)
        busy = self._running or self._waiting or self._large
        self._sweep = self._loop.call_later(SWEEP_S, self._expire) if busy else None


def _alike(one: Work, other: Work) -> bool:
    """Whether two requests can share a call: same outputs, same shapes behind the batch dimension."""
    if one.key is not None and one.key is other.key:
        return True
    if one.outputs != other.outputs:
        return False
    return all(row_shape(part) == row_shape(other.inputs[name]) for name, part in one.inputs.items())
