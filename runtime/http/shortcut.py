"""Predict paths answered under FastAPI's middleware, but before its router.

Middleware sees every request and every answer. What comes behind it in FastAPI (routing, an exit stack, dependencies, a
`Request` and a `Response`) costs several times what a small model takes, and predictions need none of it. The router
has the same paths: it documents them, and answers while there is nothing to predict with.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from runtime.data.answers import Answer, Headers, Refused, Request, declared_length, find
from runtime.telemetry.request_ids import HEADER, request_id

if TYPE_CHECKING:
    from runtime.serving.engine import Endpoint
    from runtime.serving.service import Service

NO_CONTENT = 204


class Shortcut:
    """An ASGI middleware. As the first that is added, it is the innermost."""

    def __init__(self, app: Any, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a prediction; hand on everything else."""
        wanted = scope["type"] == "http" and scope["method"] == "POST"
        endpoint = self._service.endpoints.get(scope["path"].encode()) if wanted else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        identity = request_id(find(scope["headers"], HEADER))
        answer = await exchange(endpoint, scope["headers"], receive, identity, self._service.max_body)
        if answer is not None:
            await _send(send, answer, identity)


async def exchange(endpoint: Endpoint, headers: Headers, receive: Any, identity: str, max_body: int) -> Answer | None:
    """Read a request's body and get its answer; None when the client has hung up.

    Args:
        endpoint: Who answers.
        headers: With names in lower case.
        receive: ASGI's channel for the body.
        identity: The request's id.
        max_body: Bytes that are read.
    """
    found: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def respond(answer: Answer) -> None:
        if not found.done():
            found.set_result(answer)

    try:
        body = await _body(headers, receive, max_body)
    except Refused as refused:
        endpoint.refuse(refused, respond)
        return found.result()
    if body is None:
        return None
    work = endpoint.handle(Request(body, headers, identity), respond)
    try:
        return await found
    except asyncio.CancelledError:
        if work is not None:
            work.abandoned = True
        raise


async def _body(headers: Headers, receive: Any, limit: int) -> bytes | None:
    """Read a body, no further than the limit; None when the client hangs up before its end.

    Raises:
        Refused: 413, it is larger.
    """
    too_large = Refused(413, f"the body is larger than {limit} bytes")
    if declared_length(headers) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _send(send: Any, answer: Answer, identity: str) -> None:
    headers = [(b"x-request-id", identity.encode()), *answer.headers]
    if answer.status != NO_CONTENT:
        headers += [(b"content-type", answer.content_type), (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if answer.status != NO_CONTENT else b""})
