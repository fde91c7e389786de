"""Models called before they are served: what a call costs, how many rows a batch may have, and where it is warm."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from runtime.data.outputs import of_rows
from runtime.serving import catalog
from runtime.serving.batching import INLINE_S, Cost
from runtime.serving.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runtime.data.models import Loaded

    Clock = Callable[[], float]

log = logging.getLogger("runtime")

Found = TypeVar("Found")

CUSTOM = "custom"  # platform of classes
WARM_UP_CALLS = 3
# As many rows as few models have columns, classes or outputs: what mistakes them for rows is found.
ODD_ROWS = 7
# Rows of a batch where the spec does not say: twice as many as long as a call of them takes no longer than this, for
# the part of a call that every batch pays is then small, and the event loop is soon free again.
FEW_ROWS, MOST_ROWS = 32, 1024
BATCH_S = 0.001
# On a device rows are computed side by side: as few as give this share of the most rows in a second, as the next call
# waits for a full batch, and it is there sooner; and no call that others would wait for longer than this.
ENOUGH = 0.9
# The device is worth calling beside another call with as few rows as give this share: it is not idle while we answer.
ENOUGH_BESIDE = 0.6
FEWEST_ON_DEVICE = 8
DEVICE_BATCH_S = 0.1


@dataclass(frozen=True, slots=True)
class Warm:
    """A loaded model, what a call costs, the rows that a batch may have, and of one beside another, and threads."""

    loaded: Loaded
    cost: Cost
    max_rows: int
    beside_rows: int | None = None
    workers: tuple[Worker, ...] = ()


def warmed(loaded: Loaded, max_rows: int | None, worker: Callable[[str], Worker] = Worker) -> Warm:
    """Warm a model up, in the threads that will serve it where a thread keeps something of its own: on a device.

    Args:
        loaded: Just loaded.
        max_rows: What the spec says of a batch; None leaves it to what is measured.
        worker: Makes a thread by its name.

    Raises:
        Exception: Whatever the model raises on rows that its own schema allows.
    """
    model: Any = loaded.model
    if not model.batchable or model.calls_at_once == 1 or loaded.layout is None:
        return measure(loaded, max_rows)
    workers = tuple(worker("predict") for _ in range(model.calls_at_once))
    warm, sizes = _done_by(workers[0], lambda: measure_on_device(loaded, max_rows))
    for one in workers:
        _done_by(one, lambda: [_seconds(loaded, rows, perf_counter) for rows in sizes])
    return replace(warm, workers=workers)


def measure(loaded: Loaded, max_rows: int | None, clock: Clock = perf_counter) -> Warm:
    """Call the model with one row and with a full batch; the first calls warm it up and do not count.

    Args:
        loaded: Of a known layout, or it cannot be called and is taken for a slow one.
        max_rows: What the spec says of a batch; None leaves it to what is measured.
        clock: Seconds that only go forward.
    """
    if loaded.layout is None:  # nothing known about its tensors: never on the event loop
        return Warm(loaded, Cost(call_s=1.0, row_s=0.0), max_rows or FEW_ROWS)
    _check_rows(loaded, max_rows)
    one = _seconds(loaded, 1, clock)
    rows, full = _full(loaded, max_rows, clock) if loaded.model.batchable and max_rows != 1 else (1, one)
    cost = _cost(one, full, rows)
    # What a class of the user's takes may depend on its input, and be without end: it never has the event loop.
    return Warm(loaded, _away(cost) if loaded.model.platform == CUSTOM else cost, rows)


def measure_on_device(
    loaded: Loaded, max_rows: int | None, clock: Clock = perf_counter
) -> tuple[Warm, tuple[int, ...]]:
    """Settle how large a batch may be, by its memory and by what larger ones gain, and make ready for all up to it.

    Args:
        loaded: Of a known layout, its model on a device.
        max_rows: What the spec says of a batch; less where the device has no memory for it.
        clock: Seconds that only go forward.

    Returns:
        What is to be served, and the sizes that calls have.
    """
    model: Any = loaded.model
    few = min(max_rows or FEW_ROWS, FEW_ROWS)
    _check_rows(loaded, max_rows)
    _seconds(loaded, few, clock)
    room = model.room(_example(loaded, few))
    if max_rows is not None and max_rows > room:
        log.warning("the device has no memory for batches of %d rows: they have %d", max_rows, room)
    rates = _rates(loaded, min(room, max_rows or MOST_ROWS), clock)
    rows = min(max_rows, room) if max_rows is not None else _enough(rates, ENOUGH)
    sizes = model.prepare(_example(loaded, rows))
    cost = _cost(_seconds(loaded, 1, clock), _seconds(loaded, rows, clock), rows)
    how = "recorded" if model.is_recorded else "not recorded"
    log.info("batches on the device have %d rows at most; memory for %d; %s", rows, room, how)
    return Warm(loaded, cost if model.is_recorded else _away(cost), rows, _enough(rates, ENOUGH_BESIDE)), sizes


def _enough(rates: Mapping[int, float], share: float) -> int:
    """Give the smallest batch that has nearly the most rows in a second."""
    return min(rows for rows, rate in rates.items() if rate >= share * max(rates.values()))


def _rates(loaded: Loaded, most: int, clock: Clock) -> dict[int, float]:
    """Measure rows in a second by rows of a batch, up to those that others would wait for too long."""
    model: Any = loaded.model
    rows = min(FEWEST_ON_DEVICE, most)
    rates: dict[int, float] = {}
    while True:
        model.prepare(_example(loaded, rows), (rows,))
        took = _seconds(loaded, rows, clock)
        rates[rows] = rows / max(took, 1e-9)
        if 2 * rows > most or 2 * took > DEVICE_BATCH_S:
            return rates
        rows *= 2


def _full(loaded: Loaded, max_rows: int | None, clock: Clock) -> tuple[int, float]:
    """Settle what a full batch is, and how many seconds it takes."""
    rows = max_rows or FEW_ROWS
    full = _seconds(loaded, rows, clock)
    while max_rows is None and loaded.model.platform != CUSTOM and rows < MOST_ROWS and 2 * full <= BATCH_S:
        rows *= 2
        full = _seconds(loaded, rows, clock)
    return rows, full


def _cost(one: float, full: float, rows: int) -> Cost:
    row_s = max(full - one, 0.0) / max(rows - 1, 1)
    return Cost(max(one - row_s, 0.0), row_s)


def _away(cost: Cost) -> Cost:
    """Make a cost one that keeps its calls from the event loop."""
    return replace(cost, call_s=max(cost.call_s, 2 * INLINE_S))


def _check_rows(loaded: Loaded, max_rows: int | None) -> None:
    """Ask for every output of one row and of a few, as callers will: no more than a batch may have.

    Raises:
        WrongRows: One of them has another number of rows.
    """
    if loaded.model.platform == CUSTOM:  # its class need not give all of them; as all are, it is held to them at calls
        return
    names = [spec.name for spec in loaded.model.outputs]
    few = min(max_rows or ODD_ROWS, ODD_ROWS) if loaded.model.batchable else 1
    for rows in sorted({1, few}):
        of_rows(loaded.model.predict(_example(loaded, rows), names), rows)


def _seconds(loaded: Loaded, rows: int, clock: Clock) -> float:
    inputs = _example(loaded, rows)
    outputs = (loaded.prediction.output,)
    times = []
    for _ in range(WARM_UP_CALLS):
        start = clock()
        found = of_rows(loaded.model.predict(inputs, outputs), rows)
        found.values(loaded.prediction.output, loaded.prediction.column)
        times.append(clock() - start)
    return min(times)


def _example(loaded: Loaded, rows: int) -> Any:
    assert loaded.layout is not None  # noqa: S101 - the caller looked
    return catalog.example(loaded.layout, rows)


def _done_by(worker: Worker, what: Callable[[], Found]) -> Found:
    """Have a thread do it, and wait for it."""
    future: Future[Found] = Future()

    def work() -> None:
        try:
            future.set_result(what())
        except BaseException as error:  # noqa: BLE001 - whoever waits has it, and the thread lives on
            future.set_exception(error)

    worker.run(work)
    return future.result()
