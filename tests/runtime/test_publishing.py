"""Answers of events, published to a topic: what the caller hears, and when."""

import asyncio
import json
import threading

import pytest

from runtime.data.answers import Answer, Refused, Request
from runtime.protocols.plain import KSERVE, refusal
from runtime.serving.publishing import WAITING, PublishingEndpoint

EVENT = Request(b"{}", [], "r1")
PREDICTED = Answer(200, b'{"predictions":[1]}', headers=((b"ce-id", b"7-prediction"), (b"ce-subject", b"7")))


class Topic:
    """A publisher that keeps messages, once it is open, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.messages: list[tuple[bytes, dict[str, str]]] = []
        self.open = threading.Event()
        self._failure = failure

    def publish(self, data: bytes, attributes: dict[str, str]) -> None:
        assert self.open.wait(10)
        if self._failure is not None:
            raise self._failure
        self.messages.append((data, attributes))


class Events:
    """An endpoint of events that has one answer for all."""

    codec = property(lambda self: self)
    metrics = None

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def handle(self, _request, respond):
        respond(self._answer)

    def refuse(self, refused: Refused, respond, _request=None):
        respond(self.error(refused))

    def error(self, refused: Refused) -> Answer:
        return refusal(refused, KSERVE)


def answered(topic: Topic, answer: Answer, *, times: int = 1) -> list[Answer]:
    """Send events, then open the topic; gives the answers in the order they came."""

    async def send() -> list[Answer]:
        found: list[Answer] = []
        complete = asyncio.Event()

        def hear(one: Answer) -> None:
            found.append(one)
            if len(found) == times:
                complete.set()

        endpoint = PublishingEndpoint(Events(answer), topic, asyncio.get_running_loop())
        for _ in range(times):
            endpoint.handle(EVENT, hear)
        topic.open.set()
        async with asyncio.timeout(10):
            await complete.wait()
        return found

    return asyncio.run(send())


def test_the_caller_hears_of_it_once_it_is_published():
    """204 means that the topic has the answer, with the event's attributes."""
    topic = Topic()

    (answer,) = answered(topic, PREDICTED)

    assert (answer.status, answer.body) == (204, b"")
    assert topic.messages == [(PREDICTED.body, {"ce-id": "7-prediction", "ce-subject": "7"})]


def test_what_is_not_published_is_delivered_again(caplog):
    """A topic that fails is 503 in the protocol's shape, and its reason is in the log only."""
    (answer,) = answered(Topic(PermissionError("topic of projects/acme")), PREDICTED)

    assert (answer.status, answer.headers) == (503, ((b"retry-after", b"1"),))
    assert json.loads(answer.body) == {"error": "the answer could not be published"}
    assert "projects/acme" in caplog.text


@pytest.mark.parametrize("status", [400, 422, 500])
def test_only_predictions_are_published(status):
    """An event that was not answered is the sender's to hear of."""
    topic = Topic()

    (answer,) = answered(topic, Answer(status, b"{}"))

    assert (answer.status, topic.messages) == (status, [])


def test_a_slow_topic_does_not_fill_the_memory():
    """Beyond the bound events are refused before they are predicted, and come again."""
    answers = answered(Topic(), PREDICTED, times=WAITING + 5)

    assert [answer.status for answer in answers] == [429] * 5 + [204] * WAITING
