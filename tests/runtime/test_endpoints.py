"""One request's way through an endpoint, without a server."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.data.answers import Answer, Refused, Request
from runtime.data.seen import Seen
from runtime.protocols import Query
from runtime.serving.engine import Endpoint, Sample
from runtime.serving.keys import Keys
from runtime.telemetry.metrics import EndpointMetrics
from runtime.telemetry.tracing import phases
from tests.runtime import virtual_time
from tests.runtime.queues import CALL_S, IN_THREAD, INLINE, Queue

TIMEOUT_S = 30.0


class Codec:
    """A protocol: numbers in, the sum of their predictions out. It takes a second to read and two to write."""

    def __init__(self, loop: virtual_time.VirtualLoop, fault: str = "") -> None:
        self._loop = loop
        self._fault = fault

    def decode(self, request: Request) -> Query:
        self._loop.advance(1)
        if self._fault == "decode":
            raise KeyError("/srv/model/secret")
        rows = [(float(value),) for value in request.body.split()]
        if not rows:
            raise Refused(422, "no rows")
        return Query({"x": rows}, len(rows), ("y",))

    def encode(self, query: Query, outputs: Any, start: int, stop: int) -> Answer:
        self._loop.advance(2)
        assert query.rows == stop - start
        if self._fault == "encode":
            raise KeyError("/srv/model/secret")
        if self._fault == "refuse":
            raise Refused(409, "this cannot be said")
        return Answer(200, b"%g" % outputs.rows("y", start, stop).sum())

    def error(self, refused: Refused) -> Answer:
        return Answer(refused.status, refused.message.encode(), headers=refused.headers)


class Asking:
    """An endpoint, what it answered, and who followed."""

    def __init__(
        self, loop: virtual_time.VirtualLoop, queue: Queue | None = None, fault: str = "", **options: Any
    ) -> None:
        self.answers: list[Answer] = []
        self.seen: list[Seen] = []
        self.failed: list[Seen] = []
        self.metrics = EndpointMetrics("iris", "1", "json")
        self.queue = queue or Queue(loop, INLINE)
        self.endpoint = Endpoint(
            Codec(loop, fault), self.queue.batcher, TIMEOUT_S, self.metrics,
            followers=(self.seen.append,), failures=(self.failed.append,), **options,
        )  # fmt: skip

    def ask(self, body: bytes, headers: Any = ()) -> Any:
        return self.endpoint.handle(Request(body, list(headers), "r1"), self.answers.append)

    @property
    def answered(self) -> list[tuple[int, bytes]]:
        return [(answer.status, answer.body) for answer in self.answers]


def run(act, *args: Any, **options: Any) -> None:
    """Act on an endpoint in virtual time."""

    async def work(loop):
        await act(Asking(loop, *args, **options))

    virtual_time.run(work)


def test_a_prediction_and_what_is_known_of_it():
    """The answer, the status that is counted, and for the followers when each phase began and ended."""

    async def work(loop):
        asking = Asking(loop, Queue(loop, IN_THREAD))
        waiting = asking.ask(b"1 2")
        assert waiting is not None
        assert not waiting.answered
        await asyncio.sleep(1)

        assert waiting.answered
        assert asking.answered == [(200, b"6")]
        assert dict(asking.metrics.answers) == {200: 1}
        (seen,) = asking.seen
        assert (seen.request.id, seen.answer, seen.outputs is None) == ("r1", asking.answers[0], False)
        lengths = {name: round(end - start, 2) for name, start, end in phases(seen)}
        assert lengths == {"decode": 1, "queue": 0, "predict": CALL_S, "encode": 2}
        assert round(seen.ended - seen.started, 2) == 3 + CALL_S
        assert [round(value, 2) for value in asking.metrics._fresh] == [1, 0, 2, 3 + CALL_S]
        assert (seen.call.start, seen.call.stop) == (0, 2)

    virtual_time.run(work)


def test_a_sample_is_of_predictions_alone():
    """A request that was refused, or that the model failed at, is neither followed nor counted among those between."""
    between, wanted, sampled = iter([0.0, 1.9, 0.2, 9.0]), iter([True, False, True]), []

    async def act(asking):
        for body in (b"1 2 3 4", b"", b"5 2 3 4", b"6 2 3 4", b"7 2 3 4", b"8 2 3 4"):
            asking.ask(body)

        assert len(asking.seen) == 6
        assert [seen.request.body for seen in sampled] == [b"1 2 3 4", b"7 2 3 4"]
        assert (list(between), list(wanted)) == ([], [])

    run(act, sample=Sample(lambda: next(between), lambda: next(wanted), sampled.append))


def test_who_is_answered_at_once_waits_for_nothing():
    """A batch that is full by itself is predicted before `handle` comes back: there is nothing to abandon."""

    async def act(asking):
        assert asking.ask(b"1 2 3 4") is None
        assert asking.answered == [(200, b"20")]

    run(act)


@pytest.mark.parametrize(
    ("fault", "body", "answer", "logged"),
    [
        pytest.param("", b"", (422, b"no rows"), "", id="refused"),
        pytest.param(
            "decode", b"1", (500, b"the request cannot be read; the log has the reason"), "secret", id="decode"
        ),
        pytest.param(
            "encode", b"1", (500, b"the answer cannot be written; the log has the reason"), "secret", id="encode"
        ),
        pytest.param("refuse", b"1", (409, b"this cannot be said"), "", id="encode-refuses"),
        pytest.param("", b"-1", (500, b"the model failed; the log has the reason"), "below zero", id="model"),
    ],
)
def test_a_fault_is_one_callers_answer(fault, body, answer, logged, caplog):
    """Nobody waits for an answer that never comes: a fault of ours is 500 without the reason, which is in the log."""
    caplog.set_level(logging.ERROR)

    async def act(asking):
        asking.ask(body)
        await asyncio.sleep(1)

        assert asking.answered == [answer]
        assert dict(asking.metrics.answers) == {answer[0]: 1}
        asking.metrics.sort()
        (total,) = asking.metrics.total.lines("n", "")[-1:]
        assert total == "n_count{} 1"
        assert len(asking.seen) == 1
        assert len(asking.failed) == (answer[0] >= 500)

    run(act, fault=fault)
    assert (logged in caplog.text) if logged else (caplog.text == "")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(MemoryError(), 503, id="cpu"),
        pytest.param(type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), 503, id="torch"),
        pytest.param(RuntimeError("Failed to allocate memory for requested buffer"), 503, id="onnxruntime"),
        pytest.param(RuntimeError("bad"), 500, id="anything-else"),
        pytest.param(TimeoutError("of a database"), 500, id="a-timeout-of-the-models-own"),
    ],
)
def test_what_became_of_a_call(error, status):
    """Fewer rows may fit where memory ran out; whatever else a model raises is a failure of its own."""

    async def act(asking):
        asking.queue.model.failure = error
        asking.ask(b"1")
        await asyncio.sleep(1)

        assert [answer.status for answer in asking.answers] == [status]
        assert asking.answers[0].headers == (((b"retry-after", b"1"),) if status == 503 else ())

    run(act)


def test_a_deadline_begins_with_the_request():
    """What is spent on reading it counts."""

    async def work(loop):
        asking = Asking(loop, Queue(loop, IN_THREAD, call_s=None))
        waiting = asking.ask(b"1")

        assert waiting.deadline - waiting.started == pytest.approx(TIMEOUT_S)
        assert waiting.arrived - waiting.started == pytest.approx(1)
        await asyncio.sleep(TIMEOUT_S)
        assert asking.answered == [(504, b"no prediction within 30 s")]
        assert len(asking.failed) == 1

    virtual_time.run(work)


def test_a_refusal_takes_as_long_as_it_took():
    """What was spent on reading is counted; a request that was refused unread took no time, and has no name."""

    async def act(asking):
        asking.ask(b"")
        asking.endpoint.refuse(Refused(413, "too large"), asking.answers.append)

        assert asking.metrics.total.lines("n", "")[-2:] == ["n_sum{} 1", "n_count{} 2"]
        assert [seen.request.id for seen in asking.seen] == ["r1", ""]
        assert [round(seen.ended - seen.started, 2) for seen in asking.seen] == [1, 0]

    run(act)


def test_a_full_queue_refuses():
    """In the protocol's shape, counted, and seen by who follows."""

    async def work(loop):
        asking = Asking(loop, Queue(loop, max_waiting=1))
        asking.ask(b"1")

        assert asking.ask(b"2") is None
        assert [answer.status for answer in asking.answers] == [429]
        (seen,) = asking.seen
        assert (seen.call, seen.outputs) == (None, None)
        assert round(seen.ended - seen.started, 2) == 1
        await asyncio.sleep(0)

    virtual_time.run(work)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param([], 401, id="none"),
        pytest.param([(b"authorization", b"Bearer one")], 200, id="bearer"),
        pytest.param([(b"authorization", b"bearer two")], 200, id="another-case"),
        pytest.param([(b"x-api-key", b"two")], 200, id="header"),
        pytest.param([(b"x-api-key", b"one, two")], 401, id="the-whole-list"),
        pytest.param([(b"authorization", b"Basic one")], 401, id="another-scheme"),
        pytest.param([(b"authorization", b"Basic x"), (b"x-api-key", b"one")], 200, id="both"),
    ],
)
def test_keys_are_asked_for_before_anything_is_read(headers, status):
    """Who has none is refused without a look at the body."""

    async def act(asking):
        asking.ask(b"1", headers)
        await asyncio.sleep(0.01)

        assert [answer.status for answer in asking.answers] == [status]

    run(act, keys=Keys("one, two"))


def test_without_keys_everyone_is_let_in():
    """Commas and spaces are no keys."""
    assert not Keys(" , ")
    Keys("").check([])


def test_failures_are_followed_where_nothing_else_is():
    """The access log of errors costs other requests nothing."""

    async def work(loop):
        asking = Asking(loop)
        asking.endpoint = Endpoint(
            Codec(loop), asking.queue.batcher, TIMEOUT_S, asking.metrics, failures=(asking.failed.append,)
        )
        for body in (b"1", b"", b"-1"):
            asking.ask(body)
            await asyncio.sleep(0.01)

        assert [seen.answer.status for seen in asking.failed] == [500]
        assert dict(asking.metrics.answers) == {200: 1, 422: 1, 500: 1}

    virtual_time.run(work)


def test_phases_of_a_request_that_was_refused():
    """It never came as far."""
    assert phases(SimpleNamespace(call=None)) == []
