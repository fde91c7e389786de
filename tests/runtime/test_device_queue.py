"""The queue in front of a device, in virtual time: two calls in flight, requests in pieces, and who lost the device."""

from __future__ import annotations

import asyncio
import itertools
import threading

import numpy as np
import pytest

from runtime.data.answers import Refused
from runtime.protocols import Query
from runtime.serving.batching import INLINE_ON_DEVICE_S, Batcher, Cost, Limits
from runtime.serving.failures import DeviceLost
from runtime.telemetry.metrics import ModelMetrics
from tests.runtime import virtual_time
from tests.runtime.queues import CALL_S, IN_THREAD, INLINE, Asked, Doubling, OnDevice, Queue, doubled
from tests.runtime.test_failures import ASSERTED, AcceleratorError

BATCH_IN_THREAD = Cost(call_s=0.0, row_s=INLINE_ON_DEVICE_S / 2)
"""One row is called on the loop, a full batch is not."""


def on_device(loop, cost=IN_THREAD, **options):
    """A queue whose batches have four rows."""
    return Queue(loop, cost, OnDevice(), **options)


# Two calls in flight


def test_a_full_batch_goes_while_another_call_runs():
    """The device has its next call before it is done with the one before; a third one waits."""

    async def work(loop):
        queue = on_device(loop)
        works = [queue.ask(number) for number in range(12)]
        await asyncio.sleep(CALL_S / 2)
        assert (queue.threads, queue.batcher.waiting) == (2, 4)
        await asyncio.sleep(1)

        assert queue.model.sizes == [4, 4, 4]
        assert queue.threads == 2
        assert [one.answer for one in works] == [doubled(number) for number in range(12)]

    virtual_time.run(work)


@pytest.mark.parametrize("rows", [1, 3])
def test_less_than_a_batch_waits(rows):
    """What is not full yet is joined by those who come while the call runs."""

    async def work(loop):
        queue = on_device(loop)
        queue.ask(1)
        await asyncio.sleep(CALL_S / 4)
        works = [queue.ask(number) for number in range(rows)]
        await asyncio.sleep(CALL_S / 4)
        assert (queue.threads, queue.batcher.waiting) == (1, rows)
        works.append(queue.ask(*range(4 - rows)))
        await asyncio.sleep(0.001)
        assert (queue.threads, queue.batcher.waiting) == (2, 0)
        await asyncio.sleep(1)

        assert queue.model.sizes == [1, 4]
        assert [one.at for one in works] == [pytest.approx(1.5 * CALL_S, abs=0.002)] * len(works)

    virtual_time.run(work)


def test_a_model_of_the_cpu_has_one_call_at_a_time():
    """However many rows wait: a second call would only take its CPUs."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD)
        for number in range(12):
            queue.ask(number)
        await asyncio.sleep(CALL_S / 2)

        assert (queue.threads, queue.batcher.waiting) == (1, 8)

    virtual_time.run(work)


def test_the_next_call_goes_before_answers_are_written():
    """Writing takes time, in which the device has something to do."""

    async def work(loop):
        queue = on_device(loop)
        threads = []

        class Slow(Asked):
            __slots__ = ()

            def done(self, outcome, start, stop):
                threads.append(len(queue.batcher._running))
                super().done(outcome, start, stop)

        for number in range(12):
            inputs = {"x": np.array([[number]], np.float32)}
            queue.batcher.submit(Slow(loop.time, Query(inputs, 1, ("y",)), 300.0))
        await asyncio.sleep(1)

        assert threads[:4] == [2] * 4

    virtual_time.run(work)


def test_a_call_that_ends_beside_another_holds_nobody_up():
    """Callers who come back are joined while the other call runs, and go when it ends."""

    async def work(loop):
        queue = on_device(loop, max_delay_s=1.0)
        for number in range(4):
            queue.ask(number)
        await asyncio.sleep(CALL_S / 2)
        for number in range(4):
            queue.ask(number)
        await asyncio.sleep(CALL_S / 2 + 0.01)  # the first four have their answers
        again = [queue.ask(number) for number in range(2)]
        await asyncio.sleep(1)

        assert queue.model.sizes == [4, 4, 2]
        # The second call ends at 1.5; half of a call is what those answered then are waited for.
        assert [one.at for one in again] == [pytest.approx(3 * CALL_S, abs=0.002)] * 2

    virtual_time.run(work)


def test_threads_that_were_warmed_up_are_used_first():
    """A new one is made only when they are busy."""

    async def work(loop):
        queue = on_device(loop)
        known = queue.worker("predict")
        queue.batcher._idle.append(known)
        queue.threads = 0
        queue.ask(1)
        await asyncio.sleep(CALL_S * 2)
        assert queue.threads == 0

    virtual_time.run(work)


def test_what_is_cheap_is_not_called_on_the_loop_behind_another_call():
    """The loop would wait for both: the device comes to the second one when it is done with the first."""

    async def work(loop):
        queue = on_device(loop, BATCH_IN_THREAD)
        queue.ask(*range(12))
        await asyncio.sleep(CALL_S / 2)
        small = queue.ask(7)
        await asyncio.sleep(1)
        alone = queue.ask(9)
        await asyncio.sleep(0.001)

        assert queue.model.sizes == [4, 4, 1, 4, 1]
        assert small.at == pytest.approx(2 * CALL_S, abs=0.002)
        assert alone.answer == doubled(9)

    virtual_time.run(work)


# Callers shared out between two calls


class Again(Asked):
    """A request whose caller sends the next one as soon as it has its answer."""

    __slots__ = ("send",)

    def done(self, outcome, start, stop):
        super().done(outcome, start, stop)
        self.send(self.inputs["x"])


async def come_back(loop, queue, callers, rounds):
    """Let callers ask so many times each; gives all that they asked."""
    works = []

    def send(rows):
        if len(works) < rounds * callers:
            works.append(Again(loop.time, Query({"x": rows}, 1, ("y",)), 300.0))
            works[-1].send = send
            queue.batcher.submit(works[-1])

    for number in range(callers):
        send(np.array([[number]], np.float32))
    await asyncio.sleep(2 * rounds * CALL_S)
    return works


@pytest.mark.parametrize("callers", range(4, 16))
def test_callers_are_shared_out_between_two_calls(callers):
    """The device works for one half of them while the other half is answered, unless they are two full batches."""

    async def work(loop):
        queue = on_device(loop, max_rows=8, beside_rows=2)
        works = await come_back(loop, queue, callers, 12)

        assert [one.answer for one in works] == [doubled(int(one.inputs["x"][0, 0])) for one in works]
        half = -(-callers // 2)
        assert set(queue.model.sizes[4:-2]) <= {half, callers - half}

    virtual_time.run(work)


@pytest.mark.parametrize(("cost", "callers"), [(IN_THREAD, 2), (IN_THREAD, 5), (INLINE, 8)])
def test_too_few_to_share_are_one_call(cost, callers):
    """Halves of them would take the device longer than it is idle; what is called on the loop is never halved."""

    async def work(loop):
        queue = on_device(loop, cost, max_rows=8, beside_rows=4 if cost is IN_THREAD else 1)
        await come_back(loop, queue, callers, 6)

        assert set(queue.model.sizes) == {callers}

    virtual_time.run(work)


def test_a_crowd_that_leaves_is_forgotten():
    """Whoever is left is not waited for as one of many."""

    async def work(loop):
        queue = on_device(loop, max_rows=8, beside_rows=2, max_delay_s=CALL_S)
        await come_back(loop, queue, 8, 4)
        works = await come_back(loop, queue, 1, 30)

        waits = [one.at - two.at for two, one in itertools.pairwise(works)]
        assert waits[-1] == pytest.approx(CALL_S, abs=0.002)

    virtual_time.run(work)


def test_a_crowd_is_forgotten_by_an_eighth_of_who_is_missing():
    """One quiet call makes no stranger of who asked a moment ago: eight of them are two calls of four again."""

    async def work(loop):
        queue = on_device(loop, max_rows=8, beside_rows=2)
        await come_back(loop, queue, 8, 4)
        queue.ask(1)
        await asyncio.sleep(2 * CALL_S)
        for number in range(8):
            queue.ask(number)
        await asyncio.sleep(1)

        assert queue.model.sizes[-3:] == [1, 4, 4]

    virtual_time.run(work)


def test_nobody_is_one_of_many_before_anybody_came():
    """The first callers are one call, however small a half may be."""

    async def work(loop):
        queue = on_device(loop, max_rows=8, beside_rows=1)
        for number in range(4):
            queue.ask(number)
        await asyncio.sleep(1)

        assert queue.model.sizes == [4]

    virtual_time.run(work)


def test_callers_of_a_model_of_the_cpu_are_never_shared_out():
    """It has one call at a time: halves would only be two calls after another."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, max_rows=8, beside_rows=2)
        await come_back(loop, queue, 6, 6)

        assert set(queue.model.sizes) == {6}

    virtual_time.run(work)


# Large requests in pieces


@pytest.mark.parametrize("cost", [INLINE, IN_THREAD], ids=["inline", "in-a-thread"])
@pytest.mark.parametrize("rows", [5, 8, 11])
def test_a_large_request_goes_in_pieces(cost, rows):
    """No call has more rows than fit; the answer is one, in the order that was asked for."""

    async def work(loop):
        queue = on_device(loop, cost)
        asked = queue.ask(*range(rows))
        await asyncio.sleep(1)

        assert asked.answer == doubled(*range(rows))
        assert queue.model.sizes == [4] * (rows // 4) + ([rows % 4] if rows % 4 else [])
        assert queue.batcher.waiting == 0
        assert asked.begun <= asked.ended
        assert queue.metrics.rows == rows

    virtual_time.run(work)


def test_a_model_of_the_cpu_gets_a_large_request_whole():
    """There it costs nobody's memory, and a piece would cost a call."""

    async def work(loop):
        queue = Queue(loop, model=Doubling())
        queue.ask(*range(11))
        await asyncio.sleep(0.001)

        assert queue.model.sizes == [11]

    virtual_time.run(work)


def test_rows_that_are_no_array_yet_are_cut_too():
    """Decoders hand over lists where these are cheaper."""

    async def work(loop):
        queue = on_device(loop)
        asked = Asked(loop.time, Query({"x": [(float(row),) for row in range(9)]}, 9, ("y",)), 300.0)
        queue.batcher.submit(asked)
        await asyncio.sleep(1)

        assert asked.answer == doubled(*range(9))

    virtual_time.run(work)


def test_a_lone_row_passes_a_large_request():
    """They take turns: whoever asks for little waits for the calls in flight, not for all that was asked for before."""

    async def work(loop):
        queue = on_device(loop)
        large = queue.ask(*range(40))
        await asyncio.sleep(CALL_S / 2)
        small = [queue.ask(7), queue.ask(8)]
        await asyncio.sleep(10 * CALL_S)

        assert queue.model.sizes == [4, 4, 2] + [4] * 8
        assert [one.at for one in small] == [pytest.approx(2 * CALL_S, abs=0.002)] * 2
        assert large.answer == doubled(*range(40))

    virtual_time.run(work)


def test_large_requests_take_turns():
    """Among themselves too."""

    async def work(loop):
        queue = on_device(loop)
        first, second = queue.ask(*range(40)), queue.ask(*range(8))
        await asyncio.sleep(10 * CALL_S)

        assert second.at < first.at

    virtual_time.run(work)


def test_those_who_ask_for_little_do_not_starve_a_large_request():
    """Every other call is its own."""

    async def work(loop):
        queue = on_device(loop)
        large = queue.ask(*range(12))
        for _ in range(12):
            for number in range(4):
                queue.ask(number)
            await asyncio.sleep(CALL_S / 2)

        assert large.answer == doubled(*range(12))

    virtual_time.run(work)


def test_a_failed_piece_fails_its_request():
    """It is told once, and no further piece is computed."""

    async def work(loop):
        queue = on_device(loop)
        asked = queue.ask(1, 2, 3, 4, -5, *range(30))
        after = queue.ask(9)
        await asyncio.sleep(10 * CALL_S)

        assert str(asked.answer) == "below zero"
        assert len(queue.model.calls) < 6
        assert after.answer == doubled(9)
        assert queue.batcher.waiting == 0

    virtual_time.run(work)


def test_nobody_computes_for_who_hung_up():
    """What is left of a large request is not given out."""

    async def work(loop):
        queue = on_device(loop)
        asked = queue.ask(*range(40))
        await asyncio.sleep(CALL_S / 2)
        asked.abandoned = True
        await asyncio.sleep(10 * CALL_S)

        assert queue.model.sizes == [4, 4]
        assert (asked.heard, queue.batcher.waiting) == ([], 0)

    virtual_time.run(work)


@pytest.mark.parametrize("call_s", [CALL_S, None], ids=["slow", "stuck"])
def test_a_deadline_is_kept_for_pieces(call_s):
    """Some pieces in time are not an answer; it comes once, and nothing is left in the queue."""

    async def work(loop):
        queue = on_device(loop, call_s=call_s, timeout_s=2.5 * CALL_S)
        asked = queue.ask(*range(400))
        await asyncio.sleep(10 * CALL_S)

        assert isinstance(asked.answer, TimeoutError)
        assert queue.batcher.waiting == 0

    virtual_time.run(work)


def test_large_requests_count_as_waiting():
    """The bound is on both kinds."""

    async def work(loop):
        queue = on_device(loop, max_waiting=2)
        queue.ask(*range(40)), queue.ask(*range(40))
        with pytest.raises(Refused, match="too many"):
            queue.ask(1)
        assert queue.batcher.waiting == 2

    virtual_time.run(work)


# A lost device


def test_an_error_of_the_models_is_no_lost_device():
    """Each caller hears what was wrong with their own rows, however often that was."""

    async def work(loop):
        queue = on_device(loop)
        works = [queue.ask(-1, 1, 1, 1), queue.ask(-2, 1, 1, 1), queue.ask(5, 1, 1, 1)]
        await asyncio.sleep(1)

        assert [str(one.answer) for one in works[:2]] == ["below zero"] * 2
        assert works[2].answer == doubled(5, 1, 1, 1)
        assert not queue.batcher.lost

    virtual_time.run(work)


class Losing(OnDevice):
    """A device whose calls, told apart by their first row, fail when they are let go."""

    def __init__(self):
        super().__init__()
        self.go = {1.0: threading.Event(), 2.0: threading.Event()}
        self.entered = threading.Semaphore(0)

    def predict(self, inputs, outputs):  # noqa: ARG002 - as a model's
        self.entered.release()
        assert self.go[float(inputs["x"][0, 0])].wait(10)
        raise AcceleratorError(ASSERTED)


@pytest.mark.parametrize("order", [(1.0, 2.0), (2.0, 1.0)], ids=["in-order", "the-other-is-heard-first"])
def test_who_stands_behind_who_lost_the_device_may_go_elsewhere(order):
    """Both calls fail alike; the one that was there first did it, whichever thread is heard first."""

    async def work():
        loop, model, told = asyncio.get_running_loop(), Losing(), asyncio.Semaphore(0)

        class Telling(Asked):
            __slots__ = ()

            def done(self, outcome, start, stop):
                super().done(outcome, start, stop)
                told.release()

        batcher = Batcher(model, Limits(max_rows=1, max_delay_s=0.0), IN_THREAD, ModelMetrics("m", "1"), loop)
        asked = [Telling(loop.time, Query({"x": np.array([[row]], np.float32)}, 1, ("y",)), 300.0) for row in (1, 2, 3)]
        for one in asked:
            batcher.submit(one)
        for _ in order:
            await loop.run_in_executor(None, model.entered.acquire)
        for row in (*order, None):
            if row is not None:
                model.go[row].set()
            await told.acquire()

        assert [type(one.answer) for one in asked] == [AcceleratorError, DeviceLost, DeviceLost]
        assert batcher.lost

    asyncio.run(asyncio.wait_for(work(), 20))
