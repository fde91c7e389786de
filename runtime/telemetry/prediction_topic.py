"""The prediction log's topic: records become messages, many to a call of Pub/Sub.

A subscription of the topic writes them into a BigQuery table, a column per key, so a message is one record as JSON.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

log = logging.getLogger("runtime")

MOST_MESSAGES = 1000
MOST_BYTES = 8 << 20
"""Of one call; the rest of 10 MB is for what Pub/Sub adds.

Source:
    https://cloud.google.com/pubsub/quotas#resource_limits: 10 MB and 1,000 messages a publish request.
"""
PATIENCE_S = 20.0


class Topic:
    """A sink that publishes.

    Args:
        name: The topic's whole name: `projects/P/topics/T`.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._client: Any = None

    def begin(self) -> None:
        """Import Google's client, which takes a third of a second. Connecting may have to wait for credentials."""
        from google.cloud import pubsub_v1  # noqa: F401, PLC0415 - late, for start-up

    def write(self, requests: Sequence[Sequence[bytes]]) -> int:
        """Publish the records of requests; a call that Pub/Sub refuses costs its own, and the others are made.

        The client has tried again what is worth that: no such topic and not allowed are not. After a call that got no
        answer in time the rest is given up: each would wait as long, and what is logged meanwhile with it.
        """
        from google.api_core.exceptions import DeadlineExceeded, RetryError  # noqa: PLC0415 - late, for start-up
        from google.api_core.retry import Retry  # noqa: PLC0415 - late, for start-up
        from google.cloud import pubsub_v1  # noqa: PLC0415 - late, for start-up
        from google.pubsub_v1 import PublisherClient, PublishRequest  # noqa: PLC0415 - late, for start-up

        self._client = self._client or pubsub_v1.PublisherClient()
        make, lost = PublishRequest.pb(), set[int]()
        for whose, messages in self._calls(requests):
            request = make(topic=self._name, messages=[{"data": data} for data in messages])
            try:
                # The client of one message at a time keeps threads and a future for each: this call takes a thousand.
                PublisherClient.publish(
                    self._client, PublishRequest.wrap(request), retry=Retry(timeout=PATIENCE_S), timeout=PATIENCE_S
                )
            except (DeadlineExceeded, RetryError):
                rest = {place for place, records in enumerate(requests) if records and place >= min(whose)}
                text = "predictions were not logged: Pub/Sub does not answer"
                log.exception(text, extra={"topic": self._name, "requests": len(rest)})
                return len(lost | rest)
            except Exception:  # whatever kept it from being kept
                log.exception("predictions were not logged", extra={"topic": self._name, "records": len(messages)})
                lost |= whose
        return len(lost)

    def _calls(self, requests: Sequence[Sequence[bytes]]) -> Iterator[tuple[set[int], list[bytes]]]:
        """Divide messages into what one call takes; tells whose they are, by place."""
        whose: set[int] = set()
        messages: list[bytes] = []
        held = 0
        for place, records in enumerate(requests):
            for data in records:
                if messages and (len(messages) == MOST_MESSAGES or held + len(data) > MOST_BYTES):
                    yield whose, messages
                    whose, messages, held = set(), [], 0
                whose.add(place)
                messages.append(data)
                held += len(data)
        if messages:
            yield whose, messages
