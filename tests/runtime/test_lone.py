"""A caller who is alone with a quick model, in virtual time."""

import asyncio

import pytest

from runtime.serving.batching import QUICK_S, Cost
from runtime.serving.lone import ALONE, AWAKE_S, LoneCaller
from tests.runtime import virtual_time
from tests.runtime.queues import Queue

QUICK = Cost(call_s=QUICK_S, row_s=0.0)


def noted(loop, requests, arrived=0.0) -> LoneCaller:
    """A lone caller after calls with so many requests each."""
    lone = LoneCaller(loop, loop.time)
    for count in requests:
        lone.note(count, arrived)
    return lone


@pytest.mark.parametrize(
    ("requests", "likely"),
    [
        pytest.param([1] * ALONE, False, id="not-yet"),
        pytest.param([1] * (ALONE + 1), True, id="alone"),
        pytest.param([1] * (2 * ALONE - 1), True, id="still-alone"),
        pytest.param([1] * (2 * ALONE), False, id="every-sixteenth-waits"),
        pytest.param([1] * (2 * ALONE + 1), True, id="and-the-next-does-not"),
        pytest.param([1] * (ALONE + 1) + [2], False, id="not-alone-any-more"),
        pytest.param([1] * (ALONE + 1) + [2] + [1] * ALONE, False, id="counted-anew"),
    ],
)
def test_when_waiting_for_others_is_waiting_for_nobody(requests, likely):
    """Calls with one request each, and not one call with more among the last of them."""

    async def work(loop):
        assert noted(loop, requests).is_likely == likely

    virtual_time.run(work)


@pytest.mark.parametrize(
    ("calls", "after_s", "awake_s"),
    [
        pytest.param(ALONE + 2, AWAKE_S / 2, AWAKE_S, id="comes-back-at-once"),
        pytest.param(ALONE + 2, AWAKE_S * 0.99, AWAKE_S, id="just-in-time"),
        pytest.param(ALONE + 2, AWAKE_S * 1.01, 0, id="a-moment-too-late"),
        pytest.param(ALONE, AWAKE_S / 2, 0, id="may-not-be-alone"),
    ],
)
def test_the_loop_stays_awake_for_who_comes_back_at_once(calls, after_s, awake_s):
    """For as long again after the last answer, however many there were, and not a turn longer."""

    async def work(loop):
        lone = LoneCaller(loop, loop.time)
        for _ in range(calls):
            loop.advance(after_s)
            lone.note(1, loop.time())
        await asyncio.sleep(1)

        assert loop.busy * virtual_time.TURN_S == pytest.approx(awake_s, abs=5 * virtual_time.TURN_S)

    virtual_time.run(work)


def test_the_loop_can_stay_awake_again():
    """A caller who went to sleep and is back has the same again."""

    async def work(loop):
        lone = noted(loop, [1] * (ALONE + 1))
        await asyncio.sleep(1)
        before = loop.busy
        lone.note(1, loop.time() - 1)
        await asyncio.sleep(1)

        assert (loop.busy - before) * virtual_time.TURN_S == pytest.approx(AWAKE_S, abs=5 * virtual_time.TURN_S)

    virtual_time.run(work)


def test_there_is_one_look_out():
    """However often the caller came back meanwhile."""

    async def work(loop):
        lone = noted(loop, [1] * (ALONE + 1), loop.time())
        for _ in range(5):
            loop.advance(AWAKE_S / 2)
            lone.note(1, loop.time())

        assert len(loop._ready) == 1

    virtual_time.run(work)


def answers_before_a_turn(cost) -> list[bool]:
    """Whether each of many requests, one after the other, is answered while it is handed in."""
    found = []

    async def work(loop):
        queue = Queue(loop, cost)
        for number in range(2 * ALONE + 2):
            asked = queue.ask(number)
            found.append(bool(asked.heard))
            await asyncio.sleep(0.001)

    virtual_time.run(work)
    return found


def test_a_lone_callers_request_is_predicted_at_once():
    """Without a turn of the loop, but for the first ones and every sixteenth."""
    found = answers_before_a_turn(QUICK)

    waited = [number for number, at_once in enumerate(found) if not at_once]
    assert waited == [*range(ALONE + 1), 2 * ALONE]


@pytest.mark.parametrize(
    ("cost", "quick"),
    [
        pytest.param(Cost(QUICK_S * 1.01, 0.0), False, id="dearer"),
        pytest.param(Cost(QUICK_S / 2, QUICK_S / 2), True, id="one-row-is-quick"),
    ],
)
def test_dearer_models_wait_for_everyone(cost, quick):
    """Where a call of one row costs more than a turn of the loop, the turn is always spent."""
    assert any(answers_before_a_turn(cost)) == quick


def test_a_full_batch_waits_for_nobody():
    """There is no room for others."""

    async def work(loop):
        queue = Queue(loop)
        assert queue.ask(1, 2, 3, 4).heard
        assert not queue.ask(1, 2, 3).heard
        await asyncio.sleep(0)

    virtual_time.run(work)
