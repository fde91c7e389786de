"""Answers of events, published to a topic before the event is acknowledged: asynchronous inference."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from runtime.data.answers import Answer, Refused
from runtime.protocols.events import as_message
from runtime.serving.worker import Worker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from runtime.data.answers import Request
    from runtime.serving.engine import Endpoint
    from runtime.serving.work import Work

log = logging.getLogger("runtime")

OK = 200
PUBLISH_S = 30.0
# Answers that may wait for the topic; then events are refused, and delivered again later.
WAITING = 512


class Publisher(Protocol):
    """Where answers go. Called in a thread; may block, and raises when the message was not taken."""

    def publish(self, data: bytes, attributes: dict[str, str]) -> None:
        """Publish one message; once it returns, the message is kept."""
        ...


class PubSubPublisher:
    """A Pub/Sub topic, by its whole name: `projects/P/topics/T`."""

    def __init__(self, topic: str) -> None:
        from google.cloud.pubsub_v1 import PublisherClient  # noqa: PLC0415 - seconds that only asynchronous inference needs

        self._client = PublisherClient()
        self._topic = topic

    def publish(self, data: bytes, attributes: dict[str, str]) -> None:
        """Publish, and wait until Pub/Sub has it."""
        self._client.publish(self._topic, data, **attributes).result(PUBLISH_S)


class PublishingEndpoint:
    """An endpoint of events whose answers go to a publisher; the caller gets 204 when the message is taken."""

    def __init__(self, endpoint: Endpoint, publisher: Publisher, loop: asyncio.AbstractEventLoop) -> None:
        self._endpoint = endpoint
        self._publisher = publisher
        self._loop = loop
        self._worker = Worker("publish")
        self._waiting = 0
        self.refuse = endpoint.refuse
        self.metrics = endpoint.metrics

    def handle(self, request: Request, respond: Callable[[Answer], None]) -> Work | None:
        """Answer one event: 204 once its answer is published, 429 when too many wait for that."""
        if self._waiting >= WAITING:
            self.refuse(Refused(429, "too many answers are waiting to be published", retry_after_s=1), respond, request)
            return None
        return self._endpoint.handle(request, lambda answer: self._answered(answer, respond))

    def _answered(self, answer: Answer, respond: Callable[[Answer], None]) -> None:
        if answer.status != OK:
            respond(answer)
            return
        self._waiting += 1
        self._worker.run(lambda: self._publish(answer, respond))

    def _publish(self, answer: Answer, respond: Callable[[Answer], None]) -> None:
        data, attributes = as_message(answer)
        try:
            self._publisher.publish(data, attributes)
            result = Answer(204, b"")
        except Exception:  # any failure means "deliver the event again"
            log.exception("answer not published")
            result = self._endpoint.codec.error(Refused(503, "the answer could not be published", retry_after_s=1))
        self._loop.call_soon_threadsafe(self._published, result, respond)

    def _published(self, result: Answer, respond: Callable[[Answer], None]) -> None:
        self._waiting -= 1
        respond(result)
