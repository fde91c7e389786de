"""The prediction log's topic: records become messages, many to a call of Pub/Sub.

A subscription of the topic writes them into a BigQuery table, a column per key, so a message is one record as JSON.

A call's bytes are put together here: Google's own classes copy each record four times on the way to the socket, and
what a server spends on that it does not spend on answers. Connecting, credentials, trying again and errors are
Google's.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from runtime.telemetry.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

log = logging.getLogger("runtime")

MOST_MESSAGES = 1000
MOST_BYTES = 8 << 20
"""Of one call; the rest of 10 MB is for what Pub/Sub adds.

Source:
    https://cloud.google.com/pubsub/quotas#resource_limits: 10 MB and 1,000 messages a publish request.
"""
PATIENCE_S = 20.0
_METHOD = "/google.pubsub.v1.Publisher/Publish"
_ROOM = 4 << 20
"""Bytes of a block that is taken and let go once. From then on the C library keeps blocks of up to as many, and twice
as many in all, for the next call: else it gives each call's back to the system, which has to clear them page by page.

Source:
    https://man7.org/linux/man-pages/man3/mallopt.3.html: M_MMAP_THRESHOLD, "dynamic mmap threshold".
"""
_TOPIC, _MESSAGES, _DATA = b"\x0a", b"\x12", b"\x0a"
"""Fields as they begin on the wire, all of a length that follows: `topic = 1` and `messages = 2` of a `PublishRequest`,
and `data = 1` of a `PubsubMessage`.

Source:
    https://protobuf.dev/programming-guides/encoding/#structure and googleapis' google/pubsub/v1/pubsub.proto.
"""
_MORE = 1 << 7


class Topic:
    """A sink that publishes.

    Args:
        name: The topic's whole name: `projects/P/topics/T`.
        clock: Seconds that only go forward.
    """

    def __init__(self, name: str, clock: Callable[[], float] = monotonic) -> None:
        self._name = name
        self._seldom = Seldom(clock)
        self._publish: Callable[..., Any] | None = None

    def begin(self) -> None:
        """Import Google's client, which takes a third of a second. Connecting may have to wait for credentials."""
        from google.cloud import pubsub_v1  # noqa: F401, PLC0415 - late, for start-up

        bytes(_ROOM)

    def write(self, requests: Sequence[Sequence[bytes]]) -> int:
        """Publish the records of requests; a call that Pub/Sub refuses costs its own, and the others are made.

        What is worth that is tried again: no such topic and not allowed are not, and are told once a minute. After a
        call that got no answer in time the rest is given up: each would wait as long, and what is logged meanwhile
        with it.
        """
        from google.api_core.exceptions import DeadlineExceeded, RetryError  # noqa: PLC0415 - late, for start-up

        self._publish = publish = self._publish or _connected(self._name)
        lost = set[int]()
        for whose, messages in self._calls(requests):
            try:
                publish(_request(self._name, messages), retry=_again(), timeout=PATIENCE_S)
            except (DeadlineExceeded, RetryError):
                rest = {place for place, records in enumerate(requests) if records and place >= min(whose)}
                text = "predictions were not logged: Pub/Sub does not answer"
                log.exception(text, extra={"topic": self._name, "requests": len(rest)})
                return len(lost | rest)
            except Exception as error:  # whatever kept it from being kept
                records = self._seldom.due(type(error), len(messages))
                if records:
                    log.exception("predictions were not logged", extra={"topic": self._name, "records": records})
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


def _connected(topic: str) -> Callable[..., Any]:
    """Connect as Google's client does; gives what takes a call's bytes, and tries again as that client would."""
    from google.api_core import gapic_v1  # noqa: PLC0415 - late, for start-up
    from google.cloud import pubsub_v1  # noqa: PLC0415 - late, for start-up

    channel = pubsub_v1.PublisherClient().transport.grpc_channel
    call = gapic_v1.method.wrap_method(channel.unary_unary(_METHOD))  # type: ignore[no-untyped-call]  # half typed
    where = gapic_v1.routing_header.to_grpc_metadata((("topic", topic),))  # type: ignore[no-untyped-call]  # half typed
    return lambda request, **how: call(request, metadata=(where,), **how)


def _again() -> Any:
    """Give what is tried again, and for how long.

    Source:
        `PublisherTransport.publish` of google-cloud-pubsub's generated client. Of the statuses that it names there is
        one less: a try may take all of the time, so after one that did there is none for another.
    """
    from google.api_core import exceptions, retry  # noqa: PLC0415 - late, for start-up

    worth = retry.if_exception_type(
        exceptions.Aborted,
        exceptions.Cancelled,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.ServiceUnavailable,
        exceptions.Unknown,
    )
    return retry.Retry(predicate=worth, initial=0.1, timeout=PATIENCE_S)


def _request(topic: str, messages: Sequence[bytes]) -> bytes:
    """Give a `PublishRequest` as it is on the wire."""
    name = topic.encode()
    parts = [_TOPIC, _length(len(name)), name]
    for data in messages:
        parts += (_message(len(data)), data)
    return b"".join(parts)


@lru_cache(4096)
def _message(size: int) -> bytes:
    """Give what stands before the data of a message."""
    data = _DATA + _length(size)
    return _MESSAGES + _length(len(data) + size) + data


def _length(size: int) -> bytes:
    """Give a length as it is on the wire: seven bits to a byte, the low ones first, and a bit where more come."""
    found = bytearray()
    while size >= _MORE:
        found.append(size % _MORE | _MORE)
        size //= _MORE
    found.append(size)
    return bytes(found)
