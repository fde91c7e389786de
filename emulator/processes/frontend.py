"""The front end of all addresses: who may call, and which revision answers.

One ASGI application for every listening socket: the port a request came in on is its address.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from emulator import doors
from emulator.processes import pages
from emulator.processes.exchange import Exchange, answer
from emulator.processes.passage import INTERNAL_HEADER, preferred_instance
from emulator.processes.tunnel import Tunnel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from emulator.processes.caller import Caller
    from emulator.processes.exchange import Receive, Send
    from emulator.processes.model import Route
    from emulator.processes.pages import Page
    from emulator.processes.passage import Answered
    from emulator.processes.pool import Pool

MAX_BODY_BYTES = 32 * 1024 * 1024  # of an HTTP/1 request that is not streamed


class Gate(Protocol):
    """Who may invoke a service: the control plane's answer, asked in a worker thread for each private request."""

    def __call__(self, token: str, route: Route, port: int) -> int:
        """Tell 200, 401 (the token is no good here) or 403 (its principal has no right)."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What Identity-Aware Proxy says of a request: the page that ends it, or the headers that it goes on with."""

    page: Page | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Proxy(Protocol):
    """Identity-Aware Proxy: the control plane's answer, asked in a worker thread for each request of such a service."""

    def __call__(self, token: str, route: Route, port: int, path: str) -> Passed:
        """Say who may pass, and what is vouched for of whoever does."""


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A request at the door: who serves it, or the page that refuses it, and the request as it goes on."""

    route: Route | None
    page: Page | None
    scope: Mapping[str, Any]
    headers: Mapping[bytes, bytes]


class FrontEnd:
    """The ASGI application behind every address.

    Attributes:
        routes: By port.
        named: The port on which addresses are told apart by their names on run.app, as Google's front end does; 0 for
            none.
    """

    def __init__(
        self,
        pool: Callable[[str], Pool],
        gate: Gate,
        random: Random,
        answered: Answered | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self.routes: dict[int, Route] = {}
        self.named = 0
        self.internal_token = secrets.token_hex(16)
        self._pool = pool
        self._gate = gate
        self._random = random
        self._answered = answered
        self._proxy = proxy

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = await self._admit(scope, dict(scope["headers"]))
        route = found.route
        if route is None or found.page is not None:
            await answer(send, found.page or pages.not_found(scope["path"]))
            return
        # Between this choice and taking the slot nothing is awaited: traffic cannot move in between.
        pool, preferred = self._pool_for(route, found.headers)
        private = not route.public or route.iap
        exchange = Exchange(pool, found.scope, found.headers, receive, send, private=private)
        exchange.answered, exchange.preferred = self._answered, preferred
        await exchange.run()

    async def upgrade(self, scope: Mapping[str, Any], caller: Caller) -> None:
        """Carry a WebSocket, from its first request to its end."""
        found = await self._admit(scope, dict(scope["headers"]))
        route = found.route
        if route is None or found.page is not None:
            caller.refuse(found.page or pages.not_found(scope["path"]))
            return
        pool, preferred = self._pool_for(route, found.headers)
        tunnel = Tunnel(pool, found.scope, found.headers, caller, private=not route.public or route.iap)
        tunnel.answered, tunnel.preferred = self._answered, preferred
        await tunnel.run()

    async def _admit(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> _Admitted:
        """Give the route that serves a request, or the page that refuses it."""
        port = scope["server"][1]
        by_name = port == self.named
        port = self._named(headers) if by_name else port
        # Any page may call a public service, as it may in Google Cloud: its container answers for that. By a name that
        # is not ours none may, since Google's front end knows no such service either.
        page = None if by_name or doors.is_for_us(scope["headers"]) else pages.not_found(scope["path"])
        page = page or (None if scope["http_version"] == "2" else _oversized(headers))
        route = self.routes.get(port)
        page = page or await self._refusal(route, port, scope["path"], headers)
        if page is None and route is not None and route.iap:
            scope, headers, page = await self._sign_in(route, port, scope, headers)
        return _Admitted(self.routes.get(port), page, scope, headers)  # the route as it is after the check

    def _named(self, headers: Mapping[bytes, bytes]) -> int:
        """Give the port of the address that a request names; 0 for one that is not there."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        return next((port for port, route in self.routes.items() if host and route.host == host), 0)

    async def _sign_in(
        self, route: Route, port: int, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]
    ) -> tuple[Mapping[str, Any], Mapping[bytes, bytes], Page | None]:
        """Let Identity-Aware Proxy look at a request first: what it says of the caller replaces what the caller says.

        Source: https://cloud.google.com/iap/docs/signed-headers-howto (headers `x-goog-*` of clients are taken away)
        and https://cloud.google.com/iap/docs/authentication-howto (`Proxy-Authorization` goes before `Authorization`).
        """
        token = _bearer(headers, b"proxy-authorization")
        if self._proxy is None:
            return scope, headers, pages.no_access("")
        passed = await asyncio.to_thread(self._proxy, token, route, port, scope["path"])
        own = (each for each in scope["headers"] if not each[0].startswith(b"x-goog-"))
        kept = [*(each for each in own if each[0] != b"proxy-authorization"), *passed.headers]
        return {**scope, "headers": kept}, dict(kept), passed.page

    def _pool_for(self, route: Route, headers: Mapping[bytes, bytes]) -> tuple[Pool, str]:
        """Pick the revision for one request, and its instance where the caller's cookie names one that is there.

        Affinity goes before the split: https://cloud.google.com/run/docs/configuring/session-affinity.
        """
        preferred = preferred_instance(headers) if b"cookie" in headers else ""
        if preferred:
            for share in route.shares:
                pool = self._pool(share.revision)
                if pool.revision is not None and pool.revision.affinity and pool.holds(preferred):
                    return pool, preferred
        return self._pool(self.choose(route)), ""

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
        if route.public or route.iap:  # IAP asks itself, and calls as its own account
            return None
        token = _bearer(headers, b"x-serverless-authorization")
        if not token:
            return pages.forbidden(path)
        # In a thread: the gate reads policies, and the loop must never wait for the store (plane.py says why).
        verdict = await asyncio.to_thread(self._gate, token, route, port)
        return {401: pages.unauthorized(path), 403: pages.forbidden(path)}.get(verdict)


def _oversized(headers: Mapping[bytes, bytes]) -> Page | None:
    length = headers.get(b"content-length", b"0")
    return pages.too_large() if length.isdigit() and int(length) > MAX_BODY_BYTES else None


def _bearer(headers: Mapping[bytes, bytes], first: bytes) -> str:
    """Take the identity token; the header named first wins, so that the container may use the other one."""
    value = headers.get(first) or headers.get(b"authorization", b"")
    scheme, _, token = value.decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
