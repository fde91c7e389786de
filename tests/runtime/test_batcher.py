"""The queue in front of a model, in virtual time: who is predicted with whom, when, and what becomes of the others."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
import pytest

from runtime.data.answers import Refused
from runtime.protocols import Query
from runtime.serving.batching import INLINE_S, SWEEP_S, Cost, Limits
from tests.runtime import virtual_time
from tests.runtime.queues import CALL_S, IN_THREAD, INLINE, Asked, Doubling, Generous, Queue, Scaling, doubled

# Who is predicted with whom


def test_what_comes_in_one_turn_of_the_loop_is_one_call():
    """Rows are joined, and everyone gets the answers to their own."""

    async def work(loop):
        queue = Queue(loop)
        first, second, third = queue.ask(1), queue.ask(2, 3), queue.ask(4)
        assert queue.batcher.waiting == 3
        await asyncio.sleep(0)

        assert queue.model.sizes == [4]
        assert (first.answer, second.answer, third.answer) == (doubled(1), doubled(2, 3), doubled(4))
        assert first.answered is second.answered is third.answered is True
        assert queue.batcher.waiting == 0

    assert virtual_time.run(work) < 0.001


@pytest.mark.parametrize(
    ("asked", "sizes"),
    [
        pytest.param([1, 1, 2], [4], id="exactly-full"),
        pytest.param([1, 1, 3], [2, 3], id="one-too-many"),
        pytest.param([4, 1], [4, 1], id="full-at-once"),
        pytest.param([1, 9, 1, 1], [1, 9, 2], id="larger-than-a-batch"),
        pytest.param([1] * 9, [4, 4, 1], id="several-batches"),
    ],
)
def test_a_call_has_as_many_rows_as_it_may(asked, sizes):
    """A batch is the longest part of the queue that fits; a request that fits no batch goes alone."""

    async def work(loop):
        queue = Queue(loop)
        works = [queue.ask(*range(rows)) for rows in asked]
        await asyncio.sleep(0.001)

        assert queue.model.sizes == sizes
        assert [one.answer for one in works] == [doubled(*range(rows)) for rows in asked]

    virtual_time.run(work)


def test_two_shapes_at_once_are_two_calls():
    """Requests that cannot be one array are not joined, nor is who stands behind another shape let past it."""

    async def work(loop):
        queue = Queue(loop)
        works = [queue.ask(1), queue.ask(2), queue.ask(3, width=2), queue.ask(4)]
        await asyncio.sleep(0.001)

        assert [rows.shape for rows in queue.model.calls] == [(2, 1), (1, 2), (1, 1)]
        assert [one.answer for one in works] == [doubled(1), doubled(2), doubled(3, width=2), doubled(4)]

    virtual_time.run(work)


def test_every_input_has_to_have_the_same_shape():
    """One that differs is enough to keep requests apart."""

    async def work(loop):
        queue = Queue(loop)
        works = []
        for width in (1, 2):
            inputs = {"x": np.ones((1, 1), np.float32), "w": np.ones((1, width), np.float32)}
            works.append(Asked(loop.time, Query(inputs, 1, ("y",)), 1.0))
            queue.batcher.submit(works[-1])
        await asyncio.sleep(0.001)

        assert queue.model.sizes == [1, 1]
        assert [one.answer for one in works] == [doubled(1)] * 2

    virtual_time.run(work)


def test_who_wants_other_outputs_has_a_call_of_their_own():
    """A call computes one set of outputs."""

    async def work(loop):
        queue = Queue(loop)
        queue.ask(1), queue.ask(2, output="z"), queue.ask(3, output="z")
        await asyncio.sleep(0.001)

        assert queue.model.sizes == [1, 2]

    virtual_time.run(work)


def test_a_shared_key_joins_without_a_look():
    """Protocols that know their requests to be alike say so; other keys leave it to the shapes."""

    async def work(loop):
        queue = Queue(loop, model=Generous())
        key, other = object(), object()
        queue.ask(1, key=key), queue.ask(2, key=key, output="z"), queue.ask(3, key=other, output="z")
        await asyncio.sleep(0.001)

        assert queue.model.sizes == [2, 1]

    virtual_time.run(work)


def test_parameters_are_not_mixed():
    """A class that takes parameters is called with one request's; another model does not mind them."""

    async def work(loop):
        scaling, doubling = Queue(loop, model=Scaling()), Queue(loop)
        for queue in (scaling, doubling):
            for factor in (1, 1, 2):
                queue.ask(1, parameters={"factor": factor})
        await asyncio.sleep(0.001)

        assert scaling.model.sizes == [2, 1]
        assert scaling.model.told == [{"factor": 1}, {"factor": 2}]
        assert doubling.model.sizes == [3]

    virtual_time.run(work)


def test_a_model_that_cannot_be_batched_gets_one_request_at_a_time():
    """Several threads have it at once, as many as there are CPUs."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(batchable=False))
        works = [queue.ask(number) for number in range(20)]
        await asyncio.sleep(CALL_S * 20 + 1)

        assert queue.model.sizes == [1] * 20
        assert [one.answer for one in works] == [doubled(number) for number in range(20)]

    virtual_time.run(work)


def test_a_turn_of_the_loop_is_asked_for_once():
    """However many requests come in it; and while the model is busy, none is."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD)
        queue.ask(1), queue.ask(2), queue.ask(3)
        assert len(loop._ready) == 1
        await asyncio.sleep(CALL_S / 4)
        before = len(loop._ready)
        queue.ask(4), queue.ask(5)
        assert len(loop._ready) == before

    virtual_time.run(work)


def test_whoever_hung_up_is_not_predicted():
    """Rows that nobody waits for cost no call."""

    async def work(loop):
        queue = Queue(loop)
        alone = queue.ask(1)
        alone.abandoned = True
        await asyncio.sleep(0)
        assert queue.model.calls == []
        gone, here = queue.ask(1), queue.ask(2)
        gone.abandoned = True
        await asyncio.sleep(0)

        assert queue.model.sizes == [1]
        assert (gone.heard, here.answer) == ([], doubled(2))

    virtual_time.run(work)


# Inline or in a thread


@pytest.mark.parametrize(
    ("cost", "threads"),
    [
        pytest.param(Cost(INLINE_S, 0.0), 0, id="as-dear-as-may-be"),
        pytest.param(Cost(INLINE_S * 1.01, 0.0), 1, id="dearer"),
        pytest.param(Cost(0.0, INLINE_S / 4), 0, id="by-its-rows"),
        pytest.param(Cost(INLINE_S / 100, INLINE_S / 4), 1, id="rows-on-top"),
    ],
)
def test_a_dear_call_leaves_the_loop(cost, threads):
    """The cost of all rows of a batch settles it: health checks must not wait for a model."""

    async def work(loop):
        queue = Queue(loop, cost)
        works = [queue.ask(number) for number in range(4)]
        await asyncio.sleep(1)

        assert queue.threads == threads
        assert [one.at for one in works] == [pytest.approx(CALL_S * threads, abs=0.001)] * 4

    virtual_time.run(work)


def test_what_comes_while_the_model_is_busy_is_the_next_call():
    """One call at a time, and one thread for all of them."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD)
        first = queue.ask(1)
        await asyncio.sleep(CALL_S / 2)
        later = [queue.ask(2), queue.ask(3)]
        await asyncio.sleep(1)

        assert queue.model.sizes == [1, 2]
        assert queue.threads == 1
        assert (first.at, [one.at for one in later]) == (
            pytest.approx(CALL_S, abs=0.001),
            [pytest.approx(2 * CALL_S, abs=0.001)] * 2,
        )

    virtual_time.run(work)


# Waiting for those who come back together


def busy_queue(loop, max_delay_s=1.0, **options):
    """Two requests that are answered together at `CALL_S`."""
    queue = Queue(loop, IN_THREAD, max_delay_s=max_delay_s, **options)
    queue.ask(1), queue.ask(2)
    return queue


def test_a_batch_is_held_for_those_who_were_answered_together():
    """Of two callers answered at once the first to come back waits for the other, and no longer."""

    async def work(loop):
        queue = busy_queue(loop)
        await asyncio.sleep(CALL_S + 0.01)
        first = queue.ask(3)
        await asyncio.sleep(0.01)
        second = queue.ask(4)
        await asyncio.sleep(1)

        assert queue.model.sizes == [2, 2]
        assert first.at == second.at == pytest.approx(CALL_S + 0.02 + CALL_S, abs=0.001)

    virtual_time.run(work)


@pytest.mark.parametrize(
    ("max_delay_s", "held_s"),
    [pytest.param(1.0, CALL_S / 2, id="half-of-the-call"), pytest.param(0.002, 0.002, id="what-the-spec-says")],
)
def test_a_batch_is_not_held_for_long(max_delay_s, held_s):
    """Who comes back alone waits no longer than half of what the batch before took, nor than the spec allows."""

    async def work(loop):
        queue = busy_queue(loop, max_delay_s)
        await asyncio.sleep(CALL_S + 0.001)
        alone = queue.ask(3)
        await asyncio.sleep(1)

        assert queue.model.sizes == [2, 1]
        assert alone.at == pytest.approx(CALL_S + held_s + CALL_S, abs=0.001)

    virtual_time.run(work)


@pytest.mark.parametrize(
    "waiting",
    [pytest.param(4, id="a-full-batch"), pytest.param(6, id="more-than-that")],
)
def test_a_full_batch_is_not_held(waiting):
    """When as many wait as a call may have, nobody is waited for."""

    async def work(loop):
        queue = busy_queue(loop)
        await asyncio.sleep(CALL_S / 2)
        works = [queue.ask(number) for number in range(waiting)]
        await asyncio.sleep(2)

        assert queue.model.sizes[:2] == [2, 4]
        assert queue.threads == 1
        assert works[0].at == pytest.approx(2 * CALL_S, abs=0.001)

    virtual_time.run(work)


def test_a_batch_that_came_together_ends_the_wait():
    """The time it would have been held for does not cut short the next one."""

    async def work(loop):
        queue = busy_queue(loop)
        await asyncio.sleep(CALL_S + 0.001)
        queue.call_s = 0.045
        queue.ask(3), queue.ask(4)  # complete at once: would have been held until 0.050
        await asyncio.sleep(0.046)
        first = queue.ask(5)  # held until 0.068
        await asyncio.sleep(0.013)
        second = queue.ask(6)
        await asyncio.sleep(1)

        assert queue.model.sizes == [2, 2, 2]
        assert first.at == second.at

    virtual_time.run(work)


def test_those_in_the_queue_and_those_answered_are_expected():
    """One is waiting when two are answered: three make the next call, without waiting for a fourth."""

    async def work(loop):
        queue = busy_queue(loop)
        await asyncio.sleep(CALL_S / 2)
        works = [queue.ask(3)]
        await asyncio.sleep(CALL_S / 2 + 0.01)
        works += [queue.ask(4)]
        await asyncio.sleep(0.01)
        works += [queue.ask(5)]
        await asyncio.sleep(1)

        assert queue.model.sizes == [2, 3]
        assert [one.at for one in works] == [pytest.approx(CALL_S + 0.02 + CALL_S, abs=0.001)] * 3

    virtual_time.run(work)


def test_a_lone_caller_is_not_made_to_wait():
    """After a call with one request in it, whoever waits goes at once."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, max_delay_s=1.0)
        queue.ask(1)
        await asyncio.sleep(CALL_S + 0.01)
        again = queue.ask(2)
        await asyncio.sleep(1)

        assert again.at == pytest.approx(CALL_S + 0.01 + CALL_S, abs=0.001)

    virtual_time.run(work)


def test_what_cannot_be_batched_is_not_held():
    """There is nobody to be joined with."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(batchable=False), max_delay_s=1.0)
        queue.ask(1), queue.ask(2)
        await asyncio.sleep(CALL_S + 0.01)
        again = queue.ask(3)
        await asyncio.sleep(1)

        assert again.at == pytest.approx(CALL_S + 0.01 + CALL_S, abs=0.001)

    virtual_time.run(work)


# Bounds


def test_no_more_wait_than_may():
    """The request beyond the bound is told to come back, and the ones before it are answered."""

    async def work(loop):
        queue = Queue(loop, max_waiting=3)
        works = [queue.ask(number) for number in range(3)]
        with pytest.raises(Refused, match="too many requests are waiting") as refused:
            queue.ask(3)
        await asyncio.sleep(0.001)

        assert (refused.value.status, refused.value.headers) == (429, ((b"retry-after", b"1"),))
        assert [one.answer for one in works] == [doubled(number) for number in range(3)]

    virtual_time.run(work)


@pytest.mark.parametrize("timeout_s", [1.0, 300.0])
def test_a_deadline_is_kept_while_the_model_does_not_come_back(timeout_s):
    """Who is in the call, and who waits behind it, hears so a moment after the deadline, once, and is gone."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, call_s=None, timeout_s=timeout_s)
        first = queue.ask(1)
        await asyncio.sleep(0.01)
        behind = queue.ask(2)
        await asyncio.sleep(timeout_s - 0.02)
        assert first.heard == behind.heard == []
        await asyncio.sleep(0.02 + 2 * SWEEP_S)

        for one, began in ((first, 0), (behind, 0.01)):
            assert isinstance(one.answer, TimeoutError)
            assert began + timeout_s <= one.at <= began + timeout_s + 2 * SWEEP_S
        assert queue.batcher.waiting == 0

    virtual_time.run(work)


def test_a_call_that_comes_back_too_late_answers_nobody_twice():
    """The late outputs are thrown away, and the model is free for the next request."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, call_s=2.0, timeout_s=1.0)
        late = queue.ask(1)
        await asyncio.sleep(3)
        assert isinstance(late.answer, TimeoutError)
        queue.limits = Limits(timeout_s=5.0)
        again = queue.ask(2)
        await asyncio.sleep(3)

        assert again.answer == doubled(2)
        assert len(late.heard) == 1

    virtual_time.run(work)


def test_a_queue_that_is_empty_sleeps():
    """No timer is left once nothing runs and nobody waits."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD)
        queue.ask(1)
        await asyncio.sleep(CALL_S + 2 * SWEEP_S)

        assert loop._scheduled == []

    virtual_time.run(work)


def test_calls_at_once_are_watched_by_one_timer():
    """However many there are."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(batchable=False), call_s=None)
        queue.batcher._calls_at_once = 3  # whatever this machine has
        for number in range(3):
            queue.ask(number)
        await asyncio.sleep(0)

        assert queue.threads == 3
        assert len(loop._scheduled) == 1

    virtual_time.run(work)


def test_a_model_that_never_comes_back_is_said_to_be_stuck():
    """By so many seconds as its oldest call is past the time any request may take."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, call_s=None, timeout_s=10.0)
        assert queue.batcher.stuck_s == 0
        queue.ask(1)
        await asyncio.sleep(0)
        assert queue.batcher.stuck_s == 0
        await asyncio.sleep(10)
        assert queue.batcher.stuck_s == pytest.approx(0, abs=0.001)
        await asyncio.sleep(7)

        assert queue.batcher.stuck_s == pytest.approx(7, abs=0.001)

    virtual_time.run(work)


def test_the_oldest_call_settles_how_stuck_a_model_is():
    """Of several calls at once the one that began first counts."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD, Doubling(batchable=False), call_s=None, timeout_s=1.0)
        queue.batcher._calls_at_once = 2  # whatever this machine has
        queue.ask(1)
        await asyncio.sleep(5)
        queue.ask(2)
        await asyncio.sleep(0.5)

        assert queue.threads == 2
        assert queue.batcher.stuck_s == pytest.approx(4.5, abs=0.001)

    virtual_time.run(work)


# Failures and counts


@pytest.mark.parametrize("cost", [INLINE, IN_THREAD], ids=["inline", "in-a-thread"])
def test_a_model_that_raises_answers_everyone_in_the_call(cost, caplog):
    """They hear what it was, the log has it with the number of rows, and the next call is a new one."""
    caplog.set_level(logging.ERROR)

    async def work(loop):
        queue = Queue(loop, cost)
        works = [queue.ask(1, 2), queue.ask(-1)]
        await asyncio.sleep(CALL_S * 2)
        again = queue.ask(3)
        await asyncio.sleep(CALL_S * 2)

        assert [str(one.answer) for one in works] == ["below zero"] * 2
        assert again.answer == doubled(3)

    virtual_time.run(work)
    (record,) = caplog.records
    assert (record.message, record.rows) == ("predict failed", 3)


def test_rows_that_are_no_array_yet_become_one_of_the_models_type():
    """Decoders hand over numbers as they are; the input's datatype settles what they become."""

    async def work(loop):
        queue = Queue(loop)
        asked = Asked(loop.time, Query({"x": [(1.0, 2.0)]}, 1, ("y",)), 1.0)
        queue.batcher.submit(asked)
        await asyncio.sleep(0)

        (rows,) = queue.model.calls
        assert (rows.dtype, rows.tolist()) == (np.float32, [[1.0, 2.0]])

    virtual_time.run(work)


def test_calls_are_counted():
    """Calls, rows and requests, and what a call took."""

    async def work(loop):
        queue = Queue(loop, IN_THREAD)
        first, second = queue.ask(1, 2), queue.ask(3)
        await asyncio.sleep(1)

        metrics = queue.metrics
        assert metrics.rows == 3
        assert metrics.batch_rows.lines("n", "")[-2:] == ["n_sum{} 3", "n_count{} 1"]
        assert metrics.batch_requests.lines("n", "")[-2:] == ["n_sum{} 2", "n_count{} 1"]
        assert metrics.predict_seconds._sum == pytest.approx(CALL_S, abs=0.001)
        for one in (first, second):
            assert one.begun - one.arrived == pytest.approx(0, abs=0.001)
            assert one.ended - one.begun == pytest.approx(CALL_S, abs=0.001)

    virtual_time.run(work)


class Fewer(Doubling):
    """A model that gives one row for all of them."""

    def predict(self, inputs, outputs):
        return {name: array[:1] for name, array in super().predict(inputs, outputs).items()}


def test_rows_that_are_not_those_of_the_batch_are_nobodys():
    """Nobody knows whose they are: all callers of the batch are refused, and one alone with his row is not."""

    async def work(loop):
        queue = Queue(loop, model=Fewer())
        first, second = queue.ask(1), queue.ask(2, 3)
        await asyncio.sleep(0.001)
        alone = queue.ask(4)
        await asyncio.sleep(0.001)

        assert [str(one.answer) for one in (first, second)] == ["output 'y' has the shape [1, 1] for 3 rows"] * 2
        assert alone.answer == doubled(4)

    virtual_time.run(work)
