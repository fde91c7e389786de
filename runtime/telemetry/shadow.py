"""Shadow calls: a copy of a request goes to another version after the answer, and the difference is logged.

Nothing of it may cost an answer: copies wait in a queue that is bounded in number and bytes, one thread sends them, and
what does not fit is counted and gone.
"""

from __future__ import annotations

import logging
from random import random
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from runtime.configuration.identity import Caller, audience
from runtime.telemetry.background import Background

if TYPE_CHECKING:
    from runtime.configuration.options import Options
    from runtime.configuration.settings import Shadow
    from runtime.data.seen import Seen

log = logging.getLogger("runtime.shadow")

OK = 200
TIMEOUT_S = 10.0
# Copies that may wait. The other version being slow must cost this one no memory.
WAITING = 100
WAITING_BYTES = 16 << 20
PROTOCOLS = frozenset({"json", "v1", "vertex"})
# Of an answer more is not compared: the other version must cost this one no memory by what it says, either.
MOST_COMPARED = 1 << 20
# Marks a copy. The other version may have a shadow too, this one even: a copy of a copy would never end.
MARK = b"x-mlservice-shadow"


class Copy(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a request until its copy was sent: no rows and no tensors, which may be many times as large."""

    id: str
    body: bytes
    answer: bytes


class Told(msgspec.Struct, frozen=True, gc=False):
    """What the other version answered; no body where that is too large, or did not end in time."""

    status: int
    body: bytes | None


class Place(Protocol):
    """Where copies go."""

    def open(self) -> bool:
        """Tell whether a copy is taken now. Asked for each request, in the loop: it must not wait."""

    def took(self) -> None:
        """A copy was taken."""

    def post(self, copy: Copy, client: Any) -> Told | None:
        """Send one copy; gives the answer, or None where nobody is there. In the thread of copies."""


class FixedPlace:
    """A URL that the spec names."""

    def __init__(self, settings: Shadow, options: Options) -> None:
        self._url = settings.url
        self._audience = audience(settings.url, emulated=options.emulated)
        self._metadata_host = options.metadata_host
        self._caller: Any = None

    def open(self) -> bool:
        """Take every copy."""
        return True

    def took(self) -> None:
        """Nothing follows of it."""

    def post(self, copy: Copy, client: Any) -> Told:
        """Send it, with a token where it goes to a service of Cloud Run."""
        self._caller = self._caller or Caller(self._audience, client, self._metadata_host)
        headers = {**headers_of(copy.id), **self._caller.headers()}
        return posted(client, self._url, copy, headers)


def posted(client: Any, url: str, copy: Copy, headers: dict[str, str], patience_s: float = TIMEOUT_S) -> Told:
    """Send a copy, and read as much of the answer as is compared."""
    ends_s, body = monotonic() + patience_s, bytearray()
    plain = {**headers, "accept-encoding": "identity"}
    with client.stream("POST", url, content=copy.body, headers=plain, timeout=patience_s) as answer:
        for part in answer.iter_raw():
            body += part
            if len(body) > MOST_COMPARED or monotonic() > ends_s:
                return Told(answer.status_code, None)
        return Told(answer.status_code, bytes(body))


def headers_of(request_id: str) -> dict[str, str]:
    """Give the headers of a copy."""
    return {"content-type": "application/json", "x-request-id": request_id, MARK.decode(): "1"}


class ShadowCalls:
    """A follower of requests in plain JSON and its dialects.

    Args:
        place: Where copies go.
        percent: Of requests.
    """

    def __init__(self, place: Place, percent: float) -> None:
        self._place = place
        self._share = percent / 100
        self.background: Background[Copy] = Background(
            "shadow", self._send, size=WAITING, at_once=1, weigh=_bytes_of, heaviest=WAITING_BYTES
        )
        self._client: Any = None

    def follow(self, seen: Seen) -> None:
        """Take a request if it was predicted, is in the sample, and is no copy itself."""
        if not self._place.open():
            return
        chosen = random() < self._share  # noqa: S311 - a sample
        wanted = seen.answer.status == OK and seen.metrics.protocol in PROTOCOLS
        if chosen and wanted and seen.request.header(MARK) is None:
            self._place.took()
            self.background.put(Copy(seen.request.id, seen.request.body, seen.answer.body))

    def begin(self) -> None:
        """Import and make the client."""
        import httpx  # noqa: PLC0415 - only servers with a shadow need a client

        self._client = self._client or httpx.Client(timeout=TIMEOUT_S)

    def _send(self, copies: list[Copy]) -> None:
        self.begin()
        for copy in copies:
            answer = self._place.post(copy, self._client)
            if answer is not None:
                _compare(copy, answer)


def _bytes_of(copy: Copy) -> int:
    return len(copy.body) + len(copy.answer)


def _compare(copy: Copy, told: Told) -> None:
    ours, theirs = _predictions(copy.answer), _predictions(told.body) if told.status == OK else None
    found = difference(ours, theirs) if ours is not None and theirs is not None else None
    extra = {"request_id": copy.id, "shadow_status": told.status, **(found or {})}
    log.info("shadow compared", extra=extra)


def _predictions(body: bytes | None) -> list[Any] | None:
    """Read the predictions of an answer. A class may answer any JSON, which is one; None where it is no JSON."""
    if body is None or len(body) > MOST_COMPARED:
        return None
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    predictions = found.get("predictions") if isinstance(found, dict) else None
    return predictions if isinstance(predictions, list) else [found]


def difference(ours: list[Any], theirs: list[Any]) -> dict[str, float]:
    """Compare two lists of predictions: rows that differ, and the largest distance where they are numbers."""
    if len(ours) != len(theirs):
        return {"rows_differing": max(len(ours), len(theirs))}
    pairs = list(zip(ours, theirs, strict=True))
    numbers = [abs(a - b) for a, b in pairs if _is_number(a) and _is_number(b)]
    return {"rows_differing": sum(a != b for a, b in pairs), "largest": max(numbers, default=0.0)}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
