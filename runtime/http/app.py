"""The FastAPI application: health, metadata, metrics, predictions, OpenAPI. Users add routes and middleware to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Path, Request, Response

from runtime.data.answers import Answer, Refused
from runtime.http import openapi
from runtime.http.lazy import probe
from runtime.http.shortcut import Shortcut, exchange
from runtime.protocols import v2
from runtime.protocols.plain import KSERVE, PLAIN, VERTEX, refusal
from runtime.serving.metadata import encoded, model_metadata, server_metadata
from runtime.serving.routes import EVENTS, PREDICT
from runtime.telemetry.metrics import CONTENT_TYPE
from runtime.telemetry.request_ids import HEADER, request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.serving.service import Service

    ErrorShape = Callable[[Refused], Answer]

NOT_FOUND, NOT_ALLOWED = 404, 405

Name = Annotated[str, Path(description="Name of a model.")]
Version = Annotated[str, Path(description="Version of the model, or an alias.")]


def build(service: Service) -> FastAPI:
    """Make the application of one service."""
    app = FastAPI(title="mlservice model server", version=server_metadata()["version"], redoc_url=None)
    # The first that is added is the innermost: a user's own middleware sees predictions too.
    app.add_middleware(Shortcut, service=service)
    _health(app, service)
    if "json" in service.runtime.protocols:
        _plain_routes(app, service)
    if "v2" in service.runtime.protocols:
        _v2_routes(app, service)
    if "vertex" in service.runtime.protocols:
        _vertex_routes(app, service)
    app.openapi = lambda: openapi.document(app, service)  # type: ignore[method-assign]  # FastAPI's own way
    app.exception_handler(NOT_FOUND)(_unknown)
    app.exception_handler(NOT_ALLOWED)(_unknown)
    app.exception_handler(Exception)(_fault)
    return app


def _health(app: FastAPI, service: Service) -> None:
    @app.get("/health/live", summary="The process answers", tags=["health"])
    async def live() -> Response:
        return _status(alive=service.alive, yes="alive", no="stuck")

    @app.get("/health/ready", summary="Every model is loaded and warm", tags=["health"])
    async def ready() -> Response:
        return _status(alive=service.ready, yes="ready", no=service.condition)

    @app.get("/metrics", summary="Metrics in Prometheus' format", tags=["operations"])
    async def metrics(request: Request) -> Response:
        return _guarded(service, request, plain_error, lambda: Answer(200, service.metrics_text().encode(), _TEXT))


def _plain_routes(app: FastAPI, service: Service) -> None:
    @app.post(PREDICT, summary="Predict", tags=["predict"])
    async def predict(request: Request) -> Response:
        return await _predict(service, request, plain_error)

    @app.post(EVENTS, summary="Predict for a CloudEvent or a Pub/Sub message", tags=["events"])
    async def events(request: Request) -> Response:
        return await _predict(service, request, v1_error)

    @app.post("/v1/models/{name}:predict", summary="Predict (KServe's first protocol)", tags=["v1"])
    async def v1_predict(request: Request, name: Name) -> Response:
        del name  # the whole path is looked up
        return await _predict(service, request, v1_error)

    @app.get("/v1/models", summary="Names of the models", tags=["v1"])
    async def v1_models(request: Request) -> Response:
        return _guarded(service, request, v1_error, lambda: _json({"models": sorted(service.newest())}))

    @app.get("/v1/models/{name}", summary="Whether a model is ready", tags=["v1"])
    async def v1_model(request: Request, name: Name) -> Response:
        def state() -> Answer:
            served = service.find(name)
            return _json({"name": served.part.name, "ready": service.ready})

        return _guarded(service, request, v1_error, state)


def _v2_routes(app: FastAPI, service: Service) -> None:
    @app.get("/v2", summary="Server metadata", tags=["v2"])
    @app.get("/v2/", include_in_schema=False)
    async def v2_server(request: Request) -> Response:
        return _guarded(service, request, v2.error, lambda: _json(server_metadata()))

    @app.get("/v2/health/live", summary="The process answers", tags=["v2"])
    async def v2_live() -> Response:
        return _probe("live", holds=service.alive)

    @app.get("/v2/health/ready", summary="Every model is loaded and warm", tags=["v2"])
    async def v2_ready() -> Response:
        return _probe("ready", holds=service.ready)

    for prefix, infix in (("/v2/models/{name}", ""), ("/v2/models/{name}/versions/{version}", " version")):
        _v2_model_routes(app, service, prefix, infix)


def _v2_model_routes(app: FastAPI, service: Service, prefix: str, infix: str) -> None:
    versioned = bool(infix)
    suffix = "_version" if versioned else ""

    def found(request: Request) -> Any:
        names = request.path_params
        return service.find(names["name"], names.get("version"))

    @app.get(f"{prefix}/ready", summary=f"Whether a model{infix} is ready", tags=["v2"], name=f"v2_ready{suffix}")
    async def ready(request: Request) -> Response:
        def state() -> Answer:
            found(request)
            if not service.ready:
                raise Refused(503, "not ready", retry_after_s=1)
            return _json({"name": request.path_params["name"], "ready": True})

        return _guarded(service, request, v2.error, state)

    @app.get(prefix, summary=f"Model{infix} metadata", tags=["v2"], name=f"v2_model{suffix}")
    async def metadata(request: Request) -> Response:
        return _guarded(service, request, v2.error, lambda: _json(model_metadata(service, found(request))))

    @app.post(f"{prefix}/infer", summary=f"Inference on a model{infix}", tags=["v2"], name=f"v2_infer{suffix}")
    async def infer(request: Request) -> Response:
        return await _predict(service, request, v2.error)


def _vertex_routes(app: FastAPI, service: Service) -> None:
    options = service.options
    if options.vertex_health:

        @app.get(options.vertex_health, summary="Vertex AI's health route", tags=["vertex"])
        async def vertex_health() -> Response:
            return _status(alive=service.ready, yes="ready", no=service.condition)

    if options.vertex_predict and (options.vertex_predict != PREDICT or "json" not in service.runtime.protocols):

        @app.post(options.vertex_predict, summary="Vertex AI's prediction route", tags=["vertex"])
        async def vertex_predict(request: Request) -> Response:
            return await _predict(service, request, vertex_error)


async def _predict(service: Service, request: Request, error: ErrorShape) -> Response:
    """Answer where the shortcut found nobody who could."""
    identity = request_id(request.headers.get(HEADER.decode(), "").encode())
    try:
        endpoint = service.endpoint(request.url.path)  # it may have come this moment
    except Refused as refused:
        return _response(error(refused), identity)
    answer = await exchange(endpoint, request.headers.raw, request.receive, identity, service.max_body)
    return _response(answer, identity) if answer is not None else Response(status_code=400)  # nobody reads it


def _guarded(service: Service, request: Request, error: ErrorShape, answer: Callable[[], Answer]) -> Response:
    """Answer what is read at once, if the caller may."""
    try:
        if service.records.keys is not None:
            service.records.keys.check(request.headers.raw)
        return _response(answer())
    except Refused as refused:
        return _response(error(refused))


def plain_error(refused: Refused) -> Answer:
    """Write an error in plain JSON's shape."""
    return refusal(refused, PLAIN)


def v1_error(refused: Refused) -> Answer:
    """Write an error in the shape of KServe's first protocol."""
    return refusal(refused, KSERVE)


def vertex_error(refused: Refused) -> Answer:
    """Write an error in Google's shape."""
    return refusal(refused, VERTEX)


_TEXT = CONTENT_TYPE.encode()


def _json(value: object) -> Answer:
    return Answer(200, encoded(value))


def _response(answer: Answer, identity: str = "") -> Response:
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    if identity:
        headers[HEADER.decode()] = identity
    return Response(answer.body, answer.status, headers, media_type=answer.content_type.decode())


def _probe(name: str, *, holds: bool) -> Response:
    status, body, media = probe(name, holds=holds)
    return Response(body, status, media_type=media.decode())


def _status(*, alive: bool, yes: str, no: str) -> Response:
    return Response(yes if alive else no, 200 if alive else 503, media_type="text/plain")


async def _unknown(request: Request, error: Exception) -> Response:
    """Answer unknown paths and methods as everything else is answered: JSON with `error`."""
    del request
    status = getattr(error, "status_code", NOT_FOUND)
    message = "no such path" if status == NOT_FOUND else "this path takes another method"
    headers = getattr(error, "headers", None) or {}
    return Response(encoded({"error": message}), status, headers, media_type="application/json")


async def _fault(request: Request, error: Exception) -> Response:
    """Answer for a route that raised, as everything else is answered; uvicorn logs the traceback."""
    del request, error
    return Response(encoded({"error": "the server failed; the log has the reason"}), 500, media_type="application/json")
