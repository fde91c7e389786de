"""Messages of a Pub/Sub subscription, read when a pass comes by, over REST.

Google's generated client warns of a pull that does not wait for messages; but nobody waits for what may come in hours.

Source: `google.pubsub.v1`, `PullRequest.return_immediately`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.gcp.calls import calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

HOST = "pubsub.googleapis.com"
_AT_ONCE, _MOST = 100, 20
"""Messages of one pull, and pulls at once."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Args:
        ack_id: What says that it was read.
        id: Of the message, the same for every delivery of it.
        published: When, aware.
        attributes: Of the message.
        data: Its content.
    """

    ack_id: str
    id: str
    published: datetime
    attributes: Mapping[str, str]
    data: bytes


def pull(connection: Connection, subscription: str) -> Iterator[Message]:
    """Give every message that waits, and wait for none. They come again until they are acknowledged.

    Args:
        connection: How to reach Google Cloud.
        subscription: Its full name.

    Raises:
        NotFoundError: There is none.
        ApiError: It may not be read.
    """
    api = connection.rest(HOST, "v1")
    for _ in range(_MOST):
        with calling("pull from", _last(subscription)):
            asked = {"maxMessages": _AT_ONCE, "returnImmediately": True}
            received = api.post(f"{subscription}:pull", asked).get("receivedMessages", [])
        yield from map(_message, received)
        if not received:
            return


def acknowledge(connection: Connection, subscription: str, ack_ids: Sequence[str]) -> None:
    """Say that messages were read.

    Args:
        connection: How to reach Google Cloud.
        subscription: Its full name.
        ack_ids: Of the messages.

    Raises:
        ApiError: That was not taken; they come again.
    """
    api = connection.rest(HOST, "v1")
    for begin in range(0, len(ack_ids), _AT_ONCE):
        with calling("acknowledge messages of", _last(subscription)):
            api.post(f"{subscription}:acknowledge", {"ackIds": list(ack_ids[begin : begin + _AT_ONCE])})


def _message(received: Mapping[str, Any]) -> Message:
    said = received.get("message", {})
    try:
        data = base64.b64decode(said.get("data", ""), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    return Message(
        received.get("ackId", ""),
        said.get("messageId", ""),
        datetime.fromisoformat(said["publishTime"]).astimezone(UTC),
        dict(said.get("attributes", {})),
        data,
    )


def _last(name: str) -> str:
    return name.rpartition("/")[2]
