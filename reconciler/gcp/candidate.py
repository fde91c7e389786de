"""Requests to a revision's own address, as whoever makes the pass: bounded in time and in what is read."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from reconciler.core import errors
from reconciler.core.rollout.asking import MOST_BYTES, Answered, Request
from reconciler.gcp.identity import identity_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.gcp.connection import Connection


@dataclass(frozen=True, slots=True)
class Where:
    """Where a version without traffic is.

    Args:
        connection: How to reach it.
        url: Of its tag.
        audience: Address of the service: a token is for that, also at a tag's.
        timeout_s: Seconds that an answer may take: the service's own limit.
    """

    connection: Connection
    url: str
    audience: str
    timeout_s: float


@dataclass(slots=True)
class Candidate:
    """A version without traffic, at the address of its tag.

    Args:
        where: It is.
        until: By `time.monotonic`, when no more is asked.
        public: It asks nobody who he is.
        headers: Of each request.
    """

    where: Where
    until: float
    public: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    _client: Any = None

    def __enter__(self) -> Self:
        """Find out who asks.

        Raises:
            NotPermitted: There is no identity to ask with, and one is needed.
        """
        import httpx  # noqa: PLC0415 - late, for start-up

        token = self._token()
        headers = {**self.headers, **({"authorization": f"Bearer {token}"} if token else {})}
        # trust_env would send a loopback address of the emulator through a proxy.
        self._client = httpx.Client(headers=headers, trust_env=self.where.connection.local is None)
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._client.close()

    def _token(self) -> str:
        try:
            return identity_token(self.where.connection, self.where.audience)
        except errors.ReconcilerError:
            if self.public:
                return ""
            raise

    def send(self, request: Request) -> Answered:
        """Ask one request; what goes wrong is an answer, too."""
        import httpx  # noqa: PLC0415 - late, for start-up

        left = self.until - time.monotonic()
        if left <= 0:
            return Answered(trouble="there was no time left in this pass")
        started = time.monotonic()
        try:
            return self._answered(request, min(self.where.timeout_s, left), started)
        except httpx.TimeoutException:
            return Answered(trouble=f"no answer within {time.monotonic() - started:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answered(trouble=f"it cannot be reached ({type(error).__name__})")

    def _answered(self, request: Request, limit_s: float, started: float) -> Answered:
        content = request.body.encode() if request.body else None
        headers = {"content-type": "application/json"} if content else {}
        found = bytearray()
        asked = {"content": content, "headers": headers, "timeout": limit_s}
        with self._client.stream(request.method, f"{self.where.url}{request.path}", **asked) as answer:
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > MOST_BYTES or time.monotonic() - started > limit_s:
                    break
        seconds = time.monotonic() - started
        cut, location = len(found) > MOST_BYTES, answer.headers.get("location", "")
        return Answered(answer.status_code, seconds, bytes(found[:MOST_BYTES]), cut=cut, location=location)
