"""Calls of torch modules on a device, with the CPU standing for it: sizes, recordings, memory, two of them at once.

Needs torch, which is not part of `make setup`; on a GPU `python -m benchmarks.runtime.gpu` asks for the same.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from runtime.configuration.settings import ModelSettings  # noqa: E402 - behind the skip
from runtime.data.models import Part  # noqa: E402 - behind the skip
from runtime.frameworks.lane import SHARE, Lane, filled_up, sizes_up_to  # noqa: E402 - behind the skip
from runtime.frameworks.torch import TorchModel, load  # noqa: E402 - behind the skip
from runtime.protocols import Query  # noqa: E402 - behind the skip
from runtime.serving.batching import INLINE_S, Batcher, Limits  # noqa: E402 - behind the skip
from runtime.serving.catalog import describe  # noqa: E402 - behind the skip
from runtime.serving.warming import measure_on_device, warmed  # noqa: E402 - behind the skip
from runtime.telemetry.metrics import ModelMetrics  # noqa: E402 - behind the skip
from tests.runtime.offline import settings_of  # noqa: E402 - behind the skip
from tests.runtime.queues import IN_THREAD, Asked  # noqa: E402 - behind the skip
from tests.runtime.stand_in import ROW_BYTES, Mark, StandIn  # noqa: E402 - behind the skip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runtime.data.models import Loaded

ROWS = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
NUMBERS = {name: {"type": "number"} for name in "abc"}


def doubled(given: Any) -> Any:
    """A module."""
    return given * 2


def model(module: Callable[[Any], Any] = doubled, device: StandIn | None = None) -> TorchModel:
    """A module on the stand-in."""
    return TorchModel(module, 3, "pytorch_torchscript", device or StandIn())


def ask(found: TorchModel, rows: np.ndarray = ROWS) -> np.ndarray:
    """Predict."""
    return found.predict({"input": rows}, ["output"])["output"]


def described(found: TorchModel) -> Loaded:
    """As the server knows it."""
    return describe(Part("m", "1", None, settings_of(NUMBERS)), found)  # type: ignore[arg-type]  # no folder is read


@pytest.mark.parametrize(
    ("most", "sizes"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (6, (1, 2, 3, 4, 6)),
        (20, (1, 2, 3, 4, 6, 8, 12, 16, 20)),
        (32, (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)),
    ],
)
def test_sizes(most, sizes):
    """Up to the largest, and never half as many rows again as were asked for."""
    assert sizes_up_to(most) == sizes
    assert all(filled_up(rows, sizes) <= max(1.5 * rows, 1) for rows in range(1, most + 1))
    assert filled_up(most + 1, sizes) is None


def test_rows_are_filled_up_and_replayed():
    """Whatever their number, calls are those that were recorded, and what was left in them from others is not seen."""
    device = StandIn()
    served = model(device=device)
    sizes = served.prepare({"input": ROWS[:8]})
    device.log.clear()

    for rows in (8, 1, 5, 3, 7):
        np.testing.assert_array_equal(ask(served, ROWS[:rows]), ROWS[:rows] * 2)

    assert (sizes, served.is_recorded) == ((1, 2, 3, 4, 6, 8), True)
    assert [rows for what, rows in device.log if what == "replay"] == [8, 1, 6, 3, 8]
    assert not any(what == "call" for what, _ in device.log)


def test_more_rows_than_were_recorded():
    """They are a call of their own."""
    device = StandIn()
    served = model(device=device)
    served.prepare({"input": ROWS[:8]})
    device.log.clear()

    np.testing.assert_array_equal(ask(served), ROWS * 2)
    assert device.log == [("call", 50)]


def test_answers_outlive_the_next_call():
    """A recording computes into the same memory again and again; what was answered is another."""
    served = model()
    served.prepare({"input": ROWS[:4]})

    first = ask(served, ROWS[:4])
    ask(served, ROWS[4:8])

    np.testing.assert_array_equal(first, ROWS[:4] * 2)


def refusing(device: StandIn) -> None:
    """A device as it is with a module that looks at what it computes."""

    def refuse(*_: Any) -> None:
        raise RuntimeError("called a synchronizing CUDA operation")

    device.try_unattended = refuse  # type: ignore[method-assign]  # a method of one object


@pytest.mark.parametrize("how", ["looks", "draws"])
def test_what_cannot_be_recorded_is_called(how, caplog):
    """A module that waits for its own numbers, or whose answers differ from call to call, is served all the same."""
    caplog.set_level(logging.INFO, "runtime")
    device, drawn = StandIn(), iter(range(10**6))
    if how == "looks":
        refusing(device)
    served = model((lambda rows: rows + next(drawn)) if how == "draws" else doubled, device)

    served.prepare({"input": ROWS[:8]})
    device.log.clear()
    found = ask(served, ROWS[:5])

    assert not served.is_recorded
    assert "calls are not recorded" in caplog.text
    assert found.shape == (5, 3)
    assert device.log == [("call", 6)]  # not of a size of its own: filled up to one that is known


@pytest.mark.parametrize("asked", [8, 5])
def test_other_rows_than_were_given_are_not_cut_to_ours(asked):
    """A module that unfolds its rows gives more of them: whoever counts them sees that, filled up or not."""
    served = model(lambda rows: rows.reshape(-1, 1))
    served.prepare({"input": ROWS[:8]})

    assert not served.is_recorded
    assert len(ask(served, ROWS[:asked])) > asked


def test_no_memory_halves_a_call(caplog):
    """Who asks for more than fits is answered in parts; what was held in vain is given back."""
    device = StandIn(ROW_BYTES * 20)
    served = model(device=device)
    device.log.clear()

    np.testing.assert_array_equal(ask(served), ROWS * 2)

    calls = [rows for what, rows in device.log if what == "call"]
    assert calls == [50, 25, 12, 13, 25, 12, 13]  # as rows were not filled up, no more than these
    assert ("release", 0) in device.log


def test_one_row_without_memory_is_an_error():
    """There is nothing left to halve."""
    device = StandIn(ROW_BYTES * 20)
    served = model(device=device)
    device.bytes = 1

    with pytest.raises(torch.OutOfMemoryError):
        ask(served, ROWS[:1])


def test_other_errors_are_not_tried_again():
    """Only want of memory is."""
    calls = []

    def fail(given: Any) -> Any:
        calls.append(len(given))
        if len(given) > 2:
            raise RuntimeError("CUDA error: device-side assert triggered")
        return given

    served = model(fail)
    with pytest.raises(RuntimeError, match="assert"):
        ask(served)
    assert calls == [2, 50]


def test_room_is_measured():
    """Rows of a call are what a share of the free memory holds."""
    lane = Lane(lambda given: (given,), StandIn(ROW_BYTES * 1000))

    assert lane.room(ROWS) == 1000 * SHARE


@pytest.mark.parametrize(
    ("memory_rows", "max_rows", "rows"),
    [
        pytest.param(10**6, 100, 100, id="as-the-spec-says"),
        pytest.param(100, 100, 45, id="no-more-than-fit"),
        pytest.param(10, None, 4, id="few"),
        pytest.param(10**6, 1, 1, id="one"),
    ],
)
def test_a_batch_fits_the_memory(memory_rows, max_rows, rows):
    """Whatever the spec says, and where it says nothing."""
    warm, sizes = measure_on_device(described(model(device=StandIn(ROW_BYTES * memory_rows))), max_rows)

    assert (warm.max_rows, sizes) == (rows, sizes_up_to(rows))


class Clock:
    """Seconds that pass in calls only: `call_s` and `row_s` for each."""

    def __init__(self, call_s: float, row_s: float) -> None:
        self.now = 0.0
        self._call_s, self._row_s = call_s, row_s

    def __call__(self) -> float:
        return self.now

    def module(self, given: Any) -> Any:
        self.now += self._call_s + self._row_s * len(given)
        return given * 2


@pytest.mark.parametrize(
    ("call_s", "row_s", "rows"),
    [
        pytest.param(0.001, 0.0001, 128, id="until-it-gains-little"),
        pytest.param(0.0, 0.0001, 8, id="no-gain-at-all"),
        pytest.param(0.001, 0.0, 1024, id="launches-only"),
        pytest.param(0.03, 0.0001, 256, id="no-call-of-a-tenth-of-a-second"),
    ],
)
def test_a_batch_is_as_large_as_it_pays(call_s, row_s, rows):
    """Nearly the most rows in a second, in a call that others can wait for."""
    clock = Clock(call_s, row_s)
    device = StandIn()
    refusing(device)

    warm, _ = measure_on_device(described(model(clock.module, device)), None, clock)

    assert warm.max_rows == rows
    assert warm.cost.of(1) > INLINE_S  # not recorded: launches may take a while


def test_the_threads_that_serve_are_those_that_were_warmed_up():
    """Two of them, each with every size; what each keeps for itself is there before the first request."""
    seen = []

    def module(given: Any) -> Any:
        seen.append((threading.get_ident(), len(given)))
        return given

    device = StandIn()
    refusing(device)
    warm = warmed(described(model(module, device)), 4)

    threads = {thread for thread, _ in seen[1:]}
    assert len(warm.workers) == len(threads) == 2
    assert all({(thread, size) for size in (1, 2, 3, 4)} <= set(seen) for thread in threads)


def test_large_and_small_requests_behind_a_queue():
    """With the threads, sizes and bounds that were found: everyone gets the answers of their own rows."""
    warm = warmed(described(model()), 16)
    rows = np.random.default_rng(2).normal(size=(1000, 3)).astype(np.float32)

    async def work():
        loop, told = asyncio.get_running_loop(), asyncio.Semaphore(0)

        class Telling(Asked):
            __slots__ = ()

            def done(self, outcome, start, stop):
                super().done(outcome, start, stop)
                told.release()

        served = warm.loaded.model
        batcher = Batcher(served, Limits(warm.max_rows), IN_THREAD, ModelMetrics("m", "1"), loop, workers=warm.workers)
        parts = [rows, rows[:1], rows[1:18], rows[18:20], rows[20:36], rows[::-1]]
        asked = [Telling(loop.time, Query({"input": part}, len(part), ("output",)), 300.0) for part in parts]
        for one in asked:
            batcher.submit(one)
        for _ in asked:
            await told.acquire()
        for one, part in zip(asked, parts, strict=True):
            np.testing.assert_array_equal(one.answer, part * 2)

    asyncio.run(asyncio.wait_for(work(), 30))


def test_halves_of_a_float_are_read(tmp_path):
    """Numpy has no bfloat16: answers are 32-bit floats."""
    served = TorchModel(lambda given: (given.bfloat16(), given.half()), 3, "pytorch_torchscript")

    assert [spec.datatype for spec in served.outputs] == ["FP32", "FP16"]
    found = served.predict({"input": ROWS}, ["output_0"])["output_0"]
    np.testing.assert_allclose(found, ROWS, rtol=1e-2)


def test_a_call_is_started_while_another_is_waited_for():
    """Two at a time have memory of their own; a third one waits for it."""
    device = StandIn()
    served = model(device=device)
    served.prepare({"input": ROWS[:8]})
    device.log.clear()
    waiting, go = threading.Semaphore(0), threading.Event()

    def wait(_: Any) -> None:
        waiting.release()
        assert go.wait(10)

    with ThreadPoolExecutor(3) as threads, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mark, "synchronize", wait)
        asked = [threads.submit(ask, served, ROWS[start : start + 5]) for start in (0, 5, 10)]
        assert all(waiting.acquire(timeout=10) for _ in range(2))
        assert [what for what, _ in device.log].count("replay") == 2
        go.set()
        found = [one.result(10) for one in asked]

    for start, answers in zip((0, 5, 10), found, strict=True):
        np.testing.assert_array_equal(answers, ROWS[start : start + 5] * 2)


def test_a_lost_device_keeps_no_slot():
    """Every call from then on hears of it, and none waits for memory that the failed one had."""
    device = StandIn()
    served = model(device=device)
    served.prepare({"input": ROWS[:8]})
    device.failure = RuntimeError("CUDA error: device-side assert triggered")

    for _ in range(5):
        with pytest.raises(RuntimeError, match="assert"):
            ask(served, ROWS[:3])


def test_metadata_say_what_is_ours():
    """The device's own account of it; a CPU has none."""
    assert model().memory() == {"device_memory_used_bytes": "1"}
    assert TorchModel(doubled, 3, "pytorch_torchscript").memory() == {}


class Placed(torch.nn.Module):
    """What ties a program to a device: a constant, a range, a type."""

    def __init__(self) -> None:
        super().__init__()
        self.constant = torch.tensor([1.0, 2.0, 3.0])

    def forward(self, rows: Any) -> Any:
        places = torch.arange(rows.shape[1], device=rows.device).to(torch.float32)
        return (rows.to(torch.float64) * 2).to(torch.float32) + self.constant + places


def test_an_exported_program_is_moved(tmp_path: Path):
    """Its constants and what its text says of devices too. `meta` stands for a GPU."""
    from runtime.frameworks.torch import _exported  # noqa: PLC0415 - needs torch

    rows = torch.zeros(2, 3)
    program = torch.export.export(Placed(), (rows,), dynamic_shapes=({0: torch.export.Dim("rows")},))
    torch.export.save(program, tmp_path / "model.pt2")

    moved = _exported(tmp_path / "model.pt2", "meta")(rows.to("meta"))
    here = load(tmp_path / "model.pt2", ModelSettings(features=settings_of(NUMBERS).features))

    assert (moved.device.type, tuple(moved.shape)) == ("meta", (2, 3))
    np.testing.assert_allclose(ask(here), ROWS * 2 + [1, 3, 5], rtol=1e-6)
