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


GCLOUD = b"google-cloud-sdk"
NOT_IMPLEMENTED, BAD_REQUEST = 501, 400
"""gcloud asks again for half a minute after a 501 and then speaks of the network; a 400 it tells as it is."""


def status_for(headers: list[tuple[bytes, bytes]], status: int) -> int:
    """The status of an answer: one that every client takes for what it is."""
    agent = next((value for name, value in headers if name == b"user-agent"), b"")
    return BAD_REQUEST if status == NOT_IMPLEMENTED and GCLOUD in agent else status


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
                message["status"] = status_for(scope["headers"], message["status"])
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
