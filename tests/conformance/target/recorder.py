"""Every exchange with the target, as the recordings have them; and what is about to be made, before it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import grpc
import requests
from google.api_core import exceptions
from google.protobuf.json_format import MessageToDict
from requests.adapters import BaseAdapter

JSON = "application/json"
MOST_MEDIA = 256 * 1024
READING = ("Get", "List", "Search", "Test", "Wait")
"""What the names of methods begin with that change nothing."""
ASKING = ("getIamPolicy", "testIamPermissions")
"""What is asked of plain JSON with a body, and changes nothing."""

Announce = Callable[[str, str, Any], None]
"""Told of a request before it is sent: verb (`GRPC` for a call), address or method, body."""


@dataclass(frozen=True)
class Heard:
    """One exchange.

    Args:
        verb: Of HTTP, or `GRPC`.
        url: Address, or the method's full name.
        asked: Body of the request.
        status: Of HTTP; for a call its equal.
        answer: Body of the answer.
        media: What was uploaded: its type, and its bytes as text, one character a byte.
    """

    verb: str
    url: str
    asked: Any
    status: int
    answer: Any
    media: Mapping[str, str] | None = None

    @property
    def writes(self) -> bool:
        """Tell whether it asks for a change."""
        last = self.url.partition("?")[0].rpartition("/")[2]
        if self.verb == "GRPC":
            return not last.startswith(READING)
        return self.verb != "GET" and not last.rpartition(":")[2].startswith(ASKING)

    def asks_as(self, other: Heard) -> bool:
        """Tell whether the same is asked."""
        return (self.verb, self.url, self.asked, self.media) == (other.verb, other.url, other.asked, other.media)


def nobody(verb: str, url: str, body: Any) -> None:
    """Tell nobody."""


@dataclass
class Recorder:
    """Exchanges, in the order of their answers.

    Args:
        announce: Told of each request before it is sent; it may refuse by raising.
    """

    announce: Announce = nobody
    heard: list[Heard] = field(default_factory=list)

    def interceptor(self) -> Calls:
        """Stand before gRPC calls: a `Listener` of `reconciler.gcp.connection`."""
        return Calls(self)

    def adapter(self, inner: Any, host: str) -> Requests:
        """Stand before requests."""
        return Requests(self, inner, host)

    def keep(self, heard: Heard) -> None:
        """Keep an exchange; of the same question asked again and again the last answer."""
        if self.heard and not heard.writes and self.heard[-1].asks_as(heard):
            self.heard.pop()
        self.heard.append(heard)

    def since(self, mark: int) -> list[Heard]:
        """Give what was heard after so many."""
        return self.heard[mark:]


class Calls(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Records the calls of a channel."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Announce, call, keep."""
        method = details.method if isinstance(details.method, str) else details.method.decode()
        asked = as_json(request)
        self._recorder.announce("GRPC", method, asked)
        outcome = continuation(details, request)
        error = outcome.exception()
        status, answer = (200, as_json(outcome.result())) if error is None else refusal(error)
        self._recorder.keep(Heard("GRPC", method, asked, status, answer))
        return outcome


def as_json(message: Any) -> Any:
    """Give a message as JSON has it, of either sort of Google's classes."""
    return MessageToDict(type(message).pb(message) if hasattr(type(message), "pb") else message)


def refusal(error: Any) -> tuple[int, dict[str, Any]]:
    """Give an error's status of HTTP, and its words as the recordings have them: `NotFound` for `NOT_FOUND`."""
    name = "".join(word.title() for word in error.code().name.split("_"))
    status = exceptions.from_grpc_status(error.code(), "").code
    return int(status or 500), {"error": {"grpc_code": name, "message": error.details()}}


class Requests(BaseAdapter):
    """Records the requests of an HTTP session, which another adapter sends."""

    def __init__(self, recorder: Recorder, inner: Any, host: str) -> None:
        super().__init__()
        self._recorder, self._inner, self._host = recorder, inner, host

    def close(self) -> None:
        """Let connections go."""
        self._inner.close()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Announce, send, keep; files that are fetched are not kept."""
        where = urlsplit(request.url or "")
        url = f"https://{self._host}{where.path}{'?' if where.query else ''}{where.query}"
        asked, media = body_of(request)
        self._recorder.announce(request.method or "", url, asked)
        answer: requests.Response = self._inner.send(request, *args, **kwargs)
        if "alt=media" not in where.query and not where.path.startswith("/download/"):
            said = answer.json() if JSON in answer.headers.get("content-type", "") and answer.content else None
            self._recorder.keep(Heard(request.method or "", url, asked, answer.status_code, said, media))
        return answer


def body_of(request: requests.PreparedRequest) -> tuple[Any, dict[str, str] | None]:
    """Give what a request brings: JSON, or a file with what is said of it."""
    body = request.body or b""
    raw = body.encode() if isinstance(body, str) else bytes(body)
    said = str(request.headers.get("content-type", ""))
    if not raw:
        return None, None
    if said.startswith(JSON):
        return json.loads(raw), None
    if len(raw) > MOST_MEDIA:
        raise ValueError(f"an upload of {len(raw)} bytes is too much for a recording")
    return None, {"content_type": said, "latin1": raw.decode("latin-1")}
