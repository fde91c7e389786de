"""The FastAPI application: health, predictions, OpenAPI. Users add routes and middleware of their own to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from runtime.answers import Answer, Refused
from runtime.protocols.plain import refusal

if TYPE_CHECKING:
    from runtime.server import Service


def build(service: Service) -> FastAPI:
    """Make the application of one service."""
    app = FastAPI(title=service.name, version=service.version, docs_url="/docs", redoc_url=None)

    @app.get("/health/live", summary="The process answers", tags=["health"])
    async def live() -> Response:
        return _plain(200 if service.alive else 503, "alive" if service.alive else "stuck")

    @app.get("/health/ready", summary="The model is loaded and warm", tags=["health"])
    async def ready() -> Response:
        return _plain(200 if service.ready else 503, service.state)

    @app.post("/predict", summary="Predict", tags=["predict"])
    async def predict(request: Request) -> Response:
        return _response(await _predict(service, request))

    return app


async def _predict(service: Service, request: Request) -> Answer:
    endpoint = service.endpoint
    if endpoint is None:
        return refusal(Refused(503, f"the model is {service.state}", retry_after_s=1))
    try:
        body = await read_body(request, service.max_body)
    except Refused as refused:
        return refusal(refused)
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    endpoint.handle(body, lambda found: None if answer.done() else answer.set_result(found))
    return await answer


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body, no further than the limit.

    Raises:
        Refused: 413, it is larger.
    """
    too_large = Refused(413, f"the body is larger than {limit} bytes")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _response(answer: Answer) -> Response:
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers, media_type=answer.content_type.decode())


def _plain(status: int, text: str) -> Response:
    return Response(text, status, media_type="text/plain")
