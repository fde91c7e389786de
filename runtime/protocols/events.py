"""Events as requests: CloudEvents (binary and structured) and Pub/Sub push messages (wrapped and not).

Their data is the body of a plain JSON request. The answer is a CloudEvent of its own; where a topic is configured it is
published there, and the request is answered 204 once it is.

Source: CloudEvents HTTP protocol binding 1.0.2; https://cloud.google.com/pubsub/docs/push#receive_push
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import msgspec

from runtime.data.answers import Answer, Refused, Request
from runtime.protocols.json_bodies import MARK
from runtime.protocols.plain import KSERVE, PlainCodec

if TYPE_CHECKING:
    from runtime.data.models import Loaded
    from runtime.data.outputs import Outputs
    from runtime.protocols import Query

STRUCTURED = b"application/cloudevents+json"
ANSWER_TYPE = "dev.mlservice.prediction"
# Other characters are percent-encoded in a header, as the binding has it (section 3.1.3.2).
_HEADER_SAFE = " !#$&'()*+,/:;<=>?@[]^`{|}~"


class PubSubMessage(msgspec.Struct, rename="camel"):
    """The message of a wrapped push."""

    data: str = ""
    message_id: str = ""
    attributes: dict[str, str] = {}


class Push(msgspec.Struct):
    """A push as Pub/Sub sends it unless the subscription unwraps it."""

    message: PubSubMessage
    subscription: str = ""


class CloudEvent(msgspec.Struct):
    """A structured event: its data stands in it, as JSON or in base64."""

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw = msgspec.Raw()  # empty when absent
    data_base64: str | None = None


class Origin(msgspec.Struct, frozen=True):
    """Which event an answer is about."""

    id: str
    source: str


_event = msgspec.json.Decoder(CloudEvent).decode
_push = msgspec.json.Decoder(Push).decode


class EventCodec:
    """Events for one model: plain JSON inside, and the event's identity on the answer."""

    def __init__(self, loaded: Loaded, max_rows: int) -> None:
        self._plain = PlainCodec(loaded, max_rows, KSERVE)
        self._source = f"mlservice/models/{loaded.part.name}/versions/{loaded.part.version}"

    def decode(self, request: Request) -> Query:
        """Take the event apart, then read its data as plain JSON."""
        origin, data = unwrapped(request)
        query = self._plain.decode(Request(data, request.headers, request.id))
        return msgspec.structs.replace(query, state=origin)

    def encode(self, query: Query, outputs: Outputs, start: int, stop: int) -> Answer:
        """Write the predictions as the data of an event that names the one it answers."""
        answer = self._plain.encode(query, outputs, start, stop)
        origin: Origin = query.state
        headers = {
            "ce-specversion": "1.0",
            "ce-id": f"{origin.id}-prediction",
            "ce-source": self._source,
            "ce-type": ANSWER_TYPE,
            "ce-subject": origin.id,
        }
        pairs = tuple((name.encode(), quote(value, safe=_HEADER_SAFE).encode()) for name, value in headers.items())
        return Answer(200, answer.body, answer.content_type, pairs)

    def error(self, refused: Refused) -> Answer:
        """Write an error; Pub/Sub delivers again what is not answered 2xx, and gives up by its own dead-letter rule."""
        return self._plain.error(refused)


def unwrapped(request: Request) -> tuple[Origin, bytes]:
    """Give the event's identity and its data.

    Raises:
        Refused: It is neither a CloudEvent nor a push message.
    """
    try:
        return _unwrapped(request)
    except RecursionError as failure:
        raise Refused(400, "the event is nested too deeply") from failure
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError) as failure:
        raise Refused(400, f"this is neither a CloudEvent nor a Pub/Sub message: {failure}") from failure


def _unwrapped(request: Request) -> tuple[Origin, bytes]:
    identity = request.header(b"ce-id")
    if identity is not None:
        source = request.header(b"ce-source") or b""
        return Origin(_shown(identity), _shown(source)), request.body
    if (request.header(b"content-type") or b"").startswith(STRUCTURED):
        event = _event(request.body.removeprefix(MARK))
        return Origin(event.id, event.source), _data(event)
    given = request.header(b"x-goog-pubsub-message-id")  # an unwrapped push with its metadata
    if given is not None:
        return Origin(_shown(given), _shown(request.header(b"x-goog-pubsub-subscription-name") or b"")), request.body
    push = _push(request.body.removeprefix(MARK))
    # Without `validate` characters that are no base64 are left out, and the rest is read as if it were whole.
    return Origin(push.message.message_id, push.subscription), base64.b64decode(push.message.data, validate=True)


def _data(event: CloudEvent) -> bytes:
    if event.data_base64 is not None:
        return base64.b64decode(event.data_base64, validate=True)
    return bytes(event.data)


def _shown(value: bytes) -> str:
    return unquote(value.decode("ascii", errors="replace"))


def as_message(answer: Answer) -> tuple[bytes, dict[str, Any]]:
    """Give an answer as the data and attributes of a message: a CloudEvent in Pub/Sub's binding."""
    return answer.body, {name.decode(): value.decode() for name, value in answer.headers}
