"""The front end of all addresses: who may call, which revision answers, and the way there and back.

One ASGI application for every listening socket: the port a request came in on is its address.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from emulator import doors
from emulator.processes import pages
from emulator.processes.pool import BusyError, UnavailableError
from emulator.processes.upstream import BrokenError, Connection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping
    from random import Random

    from emulator.processes.instance import Instance
    from emulator.processes.model import Route
    from emulator.processes.pages import Page
    from emulator.processes.pool import Pool

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 32 * 1024 * 1024  # of an HTTP/1 request that is not streamed
INTERNAL_HEADER = b"x-emulator-internal"  # how Pub/Sub, Scheduler ... of the emulator show that they are inside
MAX_INSTANCES_TRIED = 3

_HOP_BY_HOP = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"]
)
_NOT_FORWARDED = _HOP_BY_HOP | {
    b"expect",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"forwarded",
    b"x-cloud-trace-context",
    b"traceparent",
    INTERNAL_HEADER,
}
_NOT_RETURNED = _HOP_BY_HOP | {b"server"}
_REMOVED_SIGNATURE = b"SIGNATURE_REMOVED_BY_GOOGLE"


class Gate(Protocol):
    """Who may invoke a service: the control plane's answer, asked in a worker thread for each private request."""

    def __call__(self, token: str, route: Route, port: int) -> int:
        """Tell 200, 401 (the token is no good here) or 403 (its principal has no right)."""


class Answered(Protocol):
    """Told of each request that reached a container: its revision's full name, the code, and how long it took."""

    def __call__(self, revision: str, code: int, took_s: float) -> None:
        """Take it, in no time: the loop waits."""


class Busy(Protocol):
    """Told of each stretch of time in which an instance had requests: its revision's full name, and how long it was."""

    def __call__(self, revision: str, busy_s: float) -> None:
        """Take it, in no time: the loop waits."""


class FrontEnd:
    """The ASGI application behind every address."""

    def __init__(
        self,
        pool: Callable[[str], Pool],
        gate: Gate,
        random: Random,
        answered: Answered | None = None,
        busy: Busy | None = None,
    ) -> None:
        self.routes: dict[int, Route] = {}
        self.internal_token = secrets.token_hex(16)
        self._pool = pool
        self._gate = gate
        self._random = random
        self._answered = answered
        self._busy = busy

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        port = scope["server"][1]
        headers = dict(scope["headers"])
        # Any page may call a public service, as it may in Google Cloud: its container answers for that. By a name that
        # is not ours none may, since Google's front end knows no such service either.
        page = None if doors.is_for_us(scope["headers"]) else pages.not_found(scope["path"])
        page = page or _oversized(headers)
        page = page or await self._refusal(self.routes.get(port), port, scope["path"], headers)
        route = self.routes.get(port)  # as it is after the check
        if route is None or page is not None:
            await answer(send, page or pages.not_found(scope["path"]))
            return
        # Between this choice and taking the slot nothing is awaited: traffic cannot move in between.
        pool = self._pool(self.choose(route))
        exchange = Exchange(pool, scope, headers, receive, send, private=not route.public)
        exchange.answered, exchange.busy = self._answered, self._busy
        await exchange.run()

    def choose(self, route: Route) -> str:
        """Pick the revision for one request, at random by the declared percentages."""
        if len(route.shares) == 1:
            return route.shares[0].revision
        point = self._random.random() * sum(share.percent for share in route.shares)
        for share in route.shares:
            point -= share.percent
            if point < 0:
                return share.revision
        return route.shares[-1].revision

    async def _refusal(self, route: Route | None, port: int, path: str, headers: Mapping[bytes, bytes]) -> Page | None:
        if route is None or not route.shares:
            return pages.not_found(path)
        if route.internal_only and headers.get(INTERNAL_HEADER, b"").decode("latin-1") != self.internal_token:
            return pages.not_found(path)
        if route.public:
            return None
        token = _bearer(headers)
        if not token:
            return pages.forbidden(path)
        # In a thread: the gate reads policies, and the loop must never wait for the store (plane.py says why).
        verdict = await asyncio.to_thread(self._gate, token, route, port)
        return {401: pages.unauthorized(path), 403: pages.forbidden(path)}.get(verdict)


class Exchange:
    """One request on its way to an instance, and the answer on its way back.

    Attributes:
        answered: Told what became of it.
        busy: Told how long the instance was busy, once it is not any more.
    """

    def __init__(
        self,
        pool: Pool,
        scope: Mapping[str, Any],
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        *,
        private: bool,
    ) -> None:
        self._pool = pool
        self._scope = scope
        self._headers = headers
        self._receive = receive
        self._send = send
        self._private = private
        self._trace = _trace(headers)
        self._sent_all = True
        self._started = False
        self._timed_out = False
        self._connection: Connection | None = None
        self._began_s = 0.0
        self.answered: Answered | None = None
        self.busy: Busy | None = None

    async def run(self) -> None:
        """Carry out the exchange; every failure becomes the front end's own answer."""
        try:
            instance, connection = await self._reach()
        except BusyError:
            await answer(self._send, pages.RATE_EXCEEDED)
            return
        except UnavailableError:
            await answer(self._send, pages.SERVICE_UNAVAILABLE)
            return
        self._connection = connection
        self._began_s = time.monotonic()
        timer = asyncio.get_running_loop().call_later(instance.revision.timeout_s, self._time_out)
        try:
            await self._forward(instance)
        except (BrokenError, OSError):
            await self._fail()
        finally:
            timer.cancel()
            self._leave(instance)

    async def _reach(self) -> tuple[Instance, Connection]:
        """Take a slot of an instance and a connection to it; one that cannot be reached is replaced by another.

        Raises:
            BusyError: No slot became free in time.
            UnavailableError: No instance can be reached.
        """
        for _ in range(MAX_INSTANCES_TRIED):
            instance = self._pool.take() or await self._pool.wait()
            try:
                return instance, await _connect(instance)
            except OSError:  # it died a moment ago: nothing was sent yet, so nothing is lost
                self._pool.distrust(instance)
                self._pool.give_back(instance)
            except BaseException:
                self._pool.give_back(instance)
                raise
        raise UnavailableError

    async def _forward(self, instance: Instance) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            return
        whole = not message.get("more_body", False)
        body = message.get("body", b"")
        connection = await self._begin(instance, body, whole=whole)
        if whole:
            await self._return(connection)
            return
        self._sent_all = False
        upload = asyncio.create_task(self._upload(connection))
        try:
            await self._return(connection)
        finally:
            upload.cancel()
            if not self._sent_all:
                connection.close()  # half a request was sent: nothing else may follow on it
            with suppress(BrokenError, asyncio.CancelledError):
                await upload

    async def _begin(self, instance: Instance, body: bytes, *, whole: bool) -> Connection:
        """Send head and first part of the body; on a kept connection that turns out to be closed, once more."""
        chunked = b"content-length" not in self._headers and not whole
        length = None if chunked or b"content-length" in self._headers else len(body)
        head = self._head(instance, length, chunked=chunked)
        first = _chunk(body) if chunked else body
        bodiless = self._scope["method"] == "HEAD"
        while (connection := self._connection) is not None:
            try:
                connection.send(head + first, bodiless=bodiless)
                if whole:
                    await connection.head()
            except BrokenError as error:
                if error.began or connection.exchanges == 1 or self._timed_out:
                    raise
                self._connection = await Connection.open(instance.port)
            else:
                return connection
        raise BrokenError(began=False)

    async def _upload(self, connection: Connection) -> None:
        chunked = b"content-length" not in self._headers
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                connection.close()
                return
            body, more = message.get("body", b""), message.get("more_body", False)
            if body:
                await connection.write(_chunk(body) if chunked else body)
        if chunked:
            await connection.write(b"0\r\n\r\n")
        self._sent_all = True
        await self._until_hangup(connection)

    async def _return(self, connection: Connection) -> None:
        await connection.head()
        headers = [pair for pair in connection.headers if pair[0] not in _NOT_RETURNED]
        headers += [(b"x-cloud-trace-context", self._trace), (b"server", b"Google Frontend")]
        self._started = True
        await self._send({"type": "http.response.start", "status": connection.status, "headers": headers})
        if connection.complete:
            body = await connection.chunk()
            self._count(connection.status)  # before the caller has it all: what it does next is not ahead of this
            await self._send({"type": "http.response.body", "body": body})
            return
        hangup = asyncio.create_task(self._until_hangup(connection)) if self._sent_all else None
        try:
            await self._stream(connection)
        finally:
            self._count(connection.status)
            if hangup is not None:
                hangup.cancel()

    async def _stream(self, connection: Connection) -> None:
        more = True
        while more:
            data = await connection.chunk()
            more = not connection.at_end
            await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _until_hangup(self, connection: Connection) -> None:
        """A caller that goes away during a stream ends it, or it would go on for ever."""
        if (await self._receive())["type"] == "http.disconnect":
            connection.close()

    def _head(self, instance: Instance, length: int | None, *, chunked: bool) -> bytes:
        scope = self._scope
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        lines = [b"%s %s HTTP/1.1" % (scope["method"].encode(), target)]
        for name, value in scope["headers"]:
            if name not in _NOT_FORWARDED:
                lines.append(b"%s: %s" % (name, _visible(name, value) if self._private else value))
        lines += self._added()
        if b"host" not in self._headers:
            lines.append(b"host: 127.0.0.1:%d" % instance.port)
        if chunked:
            lines.append(b"transfer-encoding: chunked")
        elif length:
            lines.append(b"content-length: %d" % length)
        return b"\r\n".join([*lines, b"", b""])

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

    def _time_out(self) -> None:
        self._timed_out = True
        if self._connection is not None:
            self._connection.close()

    async def _fail(self) -> None:
        """Answer for the instance; an answer already begun can only be cut."""
        if self._started:
            return  # the server closes the caller's connection over an unfinished answer
        page = pages.UPSTREAM_TIMEOUT if self._timed_out else pages.UPSTREAM_RESET
        self._count(page.status)
        await answer(self._send, page)

    def _count(self, code: int) -> None:
        if self.answered is not None:
            self.answered(self._pool.name, code, time.monotonic() - self._began_s)

    def _leave(self, instance: Instance) -> None:
        connection = self._connection
        if connection is not None:
            if connection.reusable and connection.at_end and instance.ready and not instance.stopping:
                instance.connections.append(connection)
            else:
                connection.close()
        busy_s = self._pool.give_back(instance)
        if busy_s and self.busy is not None:
            self.busy(self._pool.name, busy_s)


async def answer(send: Send, page: Page) -> None:
    """Send one of the front end's own answers."""
    headers = [(b"content-type", page.content_type), (b"content-length", str(len(page.body)).encode())]
    headers += [*page.headers, (b"server", b"Google Frontend")]
    await send({"type": "http.response.start", "status": page.status, "headers": headers})
    await send({"type": "http.response.body", "body": page.body})


async def _connect(instance: Instance) -> Connection:
    """Give a connection to the instance: one that was used before, or a new one."""
    while instance.connections:
        connection = instance.connections.pop()
        if connection.fresh:
            return connection
        connection.close()
    return await Connection.open(instance.port)


def _oversized(headers: Mapping[bytes, bytes]) -> Page | None:
    length = headers.get(b"content-length", b"0")
    return pages.too_large() if length.isdigit() and int(length) > MAX_BODY_BYTES else None


def _bearer(headers: Mapping[bytes, bytes]) -> str:
    """Take the identity token; `X-Serverless-Authorization` wins, so that the container may use the other one."""
    value = headers.get(b"x-serverless-authorization") or headers.get(b"authorization", b"")
    scheme, _, token = value.decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _visible(name: bytes, value: bytes) -> bytes:
    """Hide a token's signature from the container, as Cloud Run does, so that it cannot be used again."""
    if name in (b"authorization", b"x-serverless-authorization") and value.count(b".") == 2:  # noqa: PLR2004 - a JWT
        return value.rpartition(b".")[0] + b"." + _REMOVED_SIGNATURE
    return value


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def _trace(headers: Mapping[bytes, bytes]) -> bytes:
    """Continue the caller's trace, or begin one: `TRACE/SPAN;o=1`."""
    if given := headers.get(b"x-cloud-trace-context"):
        return given
    if parent := headers.get(b"traceparent"):
        parts = parent.split(b"-")
        with suppress(IndexError, ValueError):
            return b"%s/%d;o=%d" % (parts[1], int(parts[2], 16), int(parts[3], 16) & 1)
    return b"%s/%d;o=1" % (secrets.token_hex(16).encode(), secrets.randbits(63))
