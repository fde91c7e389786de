"""The application, made when it is first needed, or a moment after the models are ready.

Importing FastAPI takes longer than loading a small model. Predictions do not need it (see `wire`), so a cold start does
not wait for it; health is answered here until it is there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.serving.service import Service

# After this many seconds the application is made even if nobody asked, so that nobody has to wait for it.
WARM_UP_S = 1.0
LIVE, READY = "/health/live", "/health/ready"
V2_LIVE, V2_READY = "/v2/health/live", "/v2/health/ready"
_TEXT = b"text/plain; charset=utf-8"


class LazyApplication:
    """An ASGI application that becomes another one."""

    def __init__(self, service: Service, build: Callable[[Service], Any]) -> None:
        self._service = service
        self._build = build
        self._made: asyncio.Future[Any] | None = None
        self._application: Any = None

    def make(self) -> None:
        """Make the application now: whoever adds to it wants to see every request, and to know if it fails."""
        self._application = self._build(self._service)

    def warm_up(self) -> None:
        """Make the application soon, in a thread."""
        if self._application is None:
            asyncio.get_running_loop().call_later(WARM_UP_S, self._make_unasked)

    def _make_unasked(self) -> None:
        """Make it for those to come; of a server that ends nobody is to come, and it would end later for it."""
        if not self._service.draining:
            self._make_in_thread()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a request on; before the application is there, answer what needs none, and make it for the rest."""
        if self._application is not None:
            await self._application(scope, receive, send)
            return
        if self._made is None:
            answer = self._early(scope["method"], scope["path"])
            if answer is not None:
                await _send(send, *answer)
                return
        # Shielded: one who goes away while it is made must not take it from those who wait beside them.
        application = await asyncio.shield(self._make_in_thread())
        await application(scope, receive, send)

    def _early(self, method: str, path: str) -> tuple[int, bytes, bytes] | None:
        """Answer what needs no application: health, and predictions while there is nothing to predict with."""
        service = self._service
        if method == "GET" and path in {V2_LIVE, V2_READY}:
            return probe("live", holds=service.alive) if path == V2_LIVE else probe("ready", holds=service.ready)
        if method == "GET" and path == LIVE:
            return (200, b"alive", _TEXT) if service.alive else (503, b"stuck", _TEXT)
        if method == "GET" and path in {READY, service.options.vertex_health}:
            return (200, b"ready", _TEXT) if service.ready else (503, service.condition.encode(), _TEXT)
        if method == "POST" and service.state == "loading":
            return 503, b'{"error":"the model is loading"}', b"application/json"
        return None

    def _make_in_thread(self) -> asyncio.Future[Any]:
        made = self._made
        if made is None or (made.done() and (made.cancelled() or made.exception() is not None)):
            made = self._made = asyncio.get_running_loop().run_in_executor(None, self._build, self._service)
        return made


def probe(name: str, *, holds: bool) -> tuple[int, bytes, bytes]:
    """Give status, body and type of an answer to a probe of Open Inference Protocol.

    The status is what the protocol promises; KServe's client reads the body, which its own server writes so.

    Source:
        `InferenceRESTClient.is_server_ready` of kserve 0.21.0.
    """
    return (200 if holds else 503), b'{"%s":%s}' % (name.encode(), b"true" if holds else b"false"), b"application/json"


async def _send(send: Any, status: int, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    headers += [(b"retry-after", b"1")] if status == 503 else []  # noqa: PLR2004 - service unavailable
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
