"""A request's way from an address to an instance, whatever goes over it: slot, connection, the headers of Cloud Run."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from emulator.processes.pool import UnavailableError
from emulator.processes.upstream import Connection, Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from emulator.processes.instance import Instance
    from emulator.processes.pool import Pool

INTERNAL_HEADER = b"x-emulator-internal"  # how Pub/Sub, Scheduler ... of the emulator show that they are inside
MAX_INSTANCES_TRIED = 3

AFFINITY = "GAESA"
"""The cookie of session affinity, which lasts 30 days: https://cloud.google.com/run/docs/configuring/session-affinity."""
AFFINITY_LASTS = b"; Max-Age=2592000; Path=/"
_AFFINITY = re.compile(rb"(?:^|;)\s*GAESA=([0-9a-f]+)")

HOP_BY_HOP = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"]
)
_NOT_FORWARDED = HOP_BY_HOP | {
    b"expect",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"forwarded",
    b"x-cloud-trace-context",
    b"traceparent",
    INTERNAL_HEADER,
}
_NOT_RETURNED = HOP_BY_HOP | {b"server"}
_REMOVED_SIGNATURE = b"SIGNATURE_REMOVED_BY_GOOGLE"


class Answered(Protocol):
    """Told of each request that reached a container: its revision's full name, the code, and how long it took."""

    def __call__(self, revision: str, code: int, took_s: float) -> None:
        """Take it, in no time: the loop waits."""


class Passage:
    """One request's slot of an instance, and its connection there.

    Attributes:
        answered: Told what became of it.
        preferred: Id of the instance that the caller was with before, where it is to stay there.
    """

    def __init__(self, pool: Pool, scope: Mapping[str, Any], headers: Mapping[bytes, bytes], *, private: bool) -> None:
        self._pool = pool
        self._scope = scope
        self._headers = headers
        self._private = private
        self._trace = _trace(headers)
        self._timed_out = False
        self._sticks = ""
        self._connection: Upstream | None = None
        self._began_s = 0.0
        self._ended: datetime | None = None
        self.answered: Answered | None = None
        self.preferred = ""

    async def _reach(self) -> Instance:
        """Take a slot of an instance and a connection to it; one that cannot be reached is replaced by another.

        Raises:
            BusyError: No slot became free in time.
            UnavailableError: No instance can be reached.
        """
        for _ in range(MAX_INSTANCES_TRIED):
            instance = self._pool.take(self.preferred) or await self._pool.wait()
            try:
                self._connection = await _connect(instance)
            except OSError:  # it died a moment ago: nothing was sent yet, so nothing is lost
                self._pool.distrust(instance)
                self._pool.give_back(instance)
            except BaseException:
                self._pool.give_back(instance)
                raise
            else:
                self._began_s = time.monotonic()
                self._sticks = instance.id if instance.revision.affinity else ""
                return instance
        raise UnavailableError

    def _lines(self, instance: Instance) -> list[bytes]:
        """The request's first line and headers, as the container gets them: those of its connection are left out."""
        scope = self._scope
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        lines = [b"%s %s HTTP/1.1" % (scope["method"].encode(), target)]
        for name, value in scope["headers"]:
            if name not in _NOT_FORWARDED:
                lines.append(b"%s: %s" % (name, _visible(name, value) if self._private else value))
        lines += self._added()
        if b"host" not in self._headers:
            lines.append(b"host: 127.0.0.1:%d" % instance.port)
        return lines

    def _added(self) -> list[bytes]:
        """The headers Cloud Run adds to a request."""
        client = (self._scope.get("client") or ("127.0.0.1", 0))[0].encode()
        before = self._headers.get(b"x-forwarded-for")
        trace, _, rest = self._trace.partition(b"/")
        span = int(rest.partition(b";")[0] or 0)
        return [
            b"x-forwarded-for: " + (before + b"," + client if before else client),
            b"x-forwarded-proto: http",
            b'forwarded: for="%s";proto=http' % client,
            b"x-cloud-trace-context: " + self._trace,
            b"traceparent: " + (self._headers.get(b"traceparent") or b"00-%s-%016x-01" % (trace, span)),
        ]

    def _returned(self, connection: Upstream) -> list[tuple[bytes, bytes]]:
        """The headers of the answer, as the caller gets them."""
        headers = [pair for pair in connection.headers if pair[0] not in _NOT_RETURNED]
        if self._sticks and self._sticks != self.preferred:
            headers.append((b"set-cookie", AFFINITY.encode() + b"=" + self._sticks.encode() + AFFINITY_LASTS))
        return [*headers, (b"x-cloud-trace-context", self._trace), (b"server", b"Google Frontend")]

    def _time_out(self) -> None:
        self._timed_out = True
        if self._connection is not None:
            self._connection.close()

    def _count(self, code: int) -> None:
        if self.answered is not None:
            self.answered(self._pool.name, code, time.monotonic() - self._began_s)

    def _over(self) -> None:
        """The container has answered all: from now on the instance is not busy with this."""
        self._ended = self._pool.now()

    def _leave(self, instance: Instance) -> None:
        """Give the slot back, and the connection where it can be used again."""
        connection = self._connection
        if connection is not None:
            if connection.reusable and connection.at_end and instance.ready and not instance.stopping:
                instance.connections.append(connection)
            else:
                connection.close()
        self._pool.give_back(instance, self._ended)


def preferred_instance(headers: Mapping[bytes, bytes]) -> str:
    """Give the id of the instance that a caller's cookie names; empty without one."""
    found = _AFFINITY.search(headers.get(b"cookie", b""))
    return found[1].decode() if found else ""


async def open_to(instance: Instance) -> Upstream:
    """Connect to an instance, in the protocol that its container speaks.

    Raises:
        OSError: Nothing listens.
    """
    if not instance.revision.h2c:
        return await Connection.open(instance.port)
    from emulator.processes.upstream2 import Http2Connection  # noqa: PLC0415 - few containers speak it

    return await Http2Connection.open(instance.port)


async def _connect(instance: Instance) -> Upstream:
    """Give a connection to the instance: one that was used before, or a new one."""
    while instance.connections:
        connection = instance.connections.pop()
        if connection.fresh:
            return connection
        connection.close()
    return await open_to(instance)


def _visible(name: bytes, value: bytes) -> bytes:
    """Hide a token's signature from the container, as Cloud Run does, so that it cannot be used again."""
    if name in (b"authorization", b"x-serverless-authorization") and value.count(b".") == 2:  # noqa: PLR2004 - a JWT
        return value.rpartition(b".")[0] + b"." + _REMOVED_SIGNATURE
    return value


def _trace(headers: Mapping[bytes, bytes]) -> bytes:
    """Continue the caller's trace, or begin one: `TRACE/SPAN;o=1`."""
    if given := headers.get(b"x-cloud-trace-context"):
        return given
    if parent := headers.get(b"traceparent"):
        parts = parent.split(b"-")
        with suppress(IndexError, ValueError):
            return b"%s/%d;o=%d" % (parts[1], int(parts[2], 16), int(parts[3], 16) & 1)
    return b"%s/%d;o=1" % (secrets.token_hex(16).encode(), secrets.randbits(63))
