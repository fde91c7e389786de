"""The door of the HTTP server: every path behind it is closed to web pages and to names that are not ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import format_datetime
from typing import Any

from emulator import doors
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.wire.rest_server import refusal

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

WEB_PAGE = ApiFailure("PERMISSION_DENIED", "the emulator does not answer requests of web pages")
NOT_OURS = ApiFailure("PERMISSION_DENIED", "the emulator answers as 127.0.0.1 or localhost, and to no other name")

_NO_PAGE = [(b"content-security-policy", b"sandbox"), (b"x-content-type-options", b"nosniff")]
"""A stored object may be a page. Opened here it would be ours: with these it runs nothing, and its origin is nobody."""


class Doorkeeper:
    """Lets requests through to an ASGI application, or answers 403 itself."""

    def __init__(self, world: World, app: Any) -> None:
        self._inside = world.part(doors.Inside, doors.Inside)
        self._clock = world.clock
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Send) -> None:
        """Answer one request."""
        failure = self._failure(scope["headers"])
        if failure is not None:
            await refusal(failure)(scope, receive, send)
            return

        async def as_no_page(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_NO_PAGE, (b"date", self._date())]
            await send(message)

        await self._app(scope, receive, as_no_page)

    def _date(self) -> bytes:
        """What time it is in this cloud: clients compare it with theirs."""
        return format_datetime(self._clock.now(), usegmt=True).encode()

    def _failure(self, headers: list[tuple[bytes, bytes]]) -> ApiFailure | None:
        if doors.is_of_a_page(headers):
            return WEB_PAGE
        return None if doors.is_for_us(headers) or doors.is_inside(headers, self._inside) else NOT_OURS
