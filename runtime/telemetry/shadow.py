"""Shadow calls: a copy of a request goes to another version after the answer, and the difference is logged."""

from __future__ import annotations

import logging
from random import random
from typing import TYPE_CHECKING, Any

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
PROTOCOLS = frozenset({"json", "v1", "vertex"})
# Marks a copy. The other version may have a shadow too, this one even: a copy of a copy would never end.
MARK = b"x-mlservice-shadow"


class ShadowCalls:
    """A follower of requests in plain JSON and its dialects."""

    def __init__(self, settings: Shadow, options: Options) -> None:
        self._url = settings.url
        self._share = settings.percent / 100
        self.background: Background[Seen] = Background("shadow", self._send, size=WAITING, at_once=1)
        self._audience = audience(settings.url, emulated=options.emulated)
        self._metadata_host = options.metadata_host
        self._client: Any = None
        self._caller: Any = None

    def follow(self, seen: Seen) -> None:
        """Take a request if it was predicted, is in the sample, and is no copy itself."""
        chosen = random() < self._share  # noqa: S311 - a sample
        wanted = seen.answer.status == OK and seen.metrics.protocol in PROTOCOLS
        if chosen and wanted and seen.request.header(MARK) is None:
            self.background.put(seen)

    def begin(self) -> None:
        """Import and make the client."""
        import httpx  # noqa: PLC0415 - only servers with a shadow need a client

        self._client = self._client or httpx.Client(timeout=TIMEOUT_S)

    def _send(self, items: list[Seen]) -> None:
        self.begin()
        self._caller = self._caller or Caller(self._audience, self._client, self._metadata_host)
        for seen in items:
            headers = {"content-type": "application/json", "x-request-id": seen.request.id, MARK.decode(): "1"}
            headers |= self._caller.headers()
            answer = self._client.post(self._url, content=seen.request.body, headers=headers)
            self._compare(seen, answer.status_code, answer.content)

    def _compare(self, seen: Seen, status: int, body: bytes) -> None:
        ours = msgspec.json.decode(seen.answer.body)["predictions"]
        theirs = msgspec.json.decode(body)["predictions"] if status == OK else None
        found = difference(ours, theirs) if theirs is not None else None
        extra = {"request_id": seen.request.id, "shadow_status": status, **(found or {})}
        log.info("shadow compared", extra=extra)


def difference(ours: list[Any], theirs: list[Any]) -> dict[str, float]:
    """Compare two lists of predictions: rows that differ, and the largest distance where they are numbers."""
    if len(ours) != len(theirs):
        return {"rows_differing": max(len(ours), len(theirs))}
    pairs = list(zip(ours, theirs, strict=True))
    numbers = [abs(a - b) for a, b in pairs if _is_number(a) and _is_number(b)]
    return {"rows_differing": sum(a != b for a, b in pairs), "largest": max(numbers, default=0.0)}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
