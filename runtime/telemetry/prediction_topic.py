"""The prediction log's topic: records become messages, many to a call of Pub/Sub.

A subscription of the topic writes them into a BigQuery table, a column per key, so a message is one record as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        self._encoder = msgspec.json.Encoder()
        self._client: Any = None

    def begin(self) -> None:
        """Import Google's client and connect; off the way of requests, as it takes a third of a second."""
        from google.cloud.pubsub_v1 import PublisherClient  # noqa: PLC0415 - late, for start-up

        self._client = self._client or PublisherClient()

    def write(self, records: Sequence[object]) -> None:
        """Publish records.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Pub/Sub did not take them: no such topic, not allowed, no
                answer in time. The client has tried again what is worth that.
        """
        from google.api_core.retry import Retry  # noqa: PLC0415 - late, for start-up
        from google.pubsub_v1 import PublisherClient, PublishRequest  # noqa: PLC0415 - late, for start-up

        self.begin()
        make = PublishRequest.pb()
        for messages in self._calls(records):
            request = make(topic=self._name, messages=[{"data": data} for data in messages])
            # The client of one message at a time keeps threads and a future for each: this one call takes a thousand.
            PublisherClient.publish(
                self._client, PublishRequest.wrap(request), retry=Retry(timeout=PATIENCE_S), timeout=PATIENCE_S
            )

    def _calls(self, records: Sequence[object]) -> Iterator[list[bytes]]:
        """Divide messages into what one call takes."""
        messages: list[bytes] = []
        held = 0
        for record in records:
            data = self._encoder.encode(record)
            if messages and (len(messages) == MOST_MESSAGES or held + len(data) > MOST_BYTES):
                yield messages
                messages, held = [], 0
            messages.append(data)
            held += len(data)
        if messages:
            yield messages
