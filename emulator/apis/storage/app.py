"""The HTTP edge of Cloud Storage: requests in, replies out; counted and, where ruled, broken like every API's."""

import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, cast
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from emulator.apis.storage import access, batch, errors, methods, notifications, uploads
from emulator.apis.storage.wire import CHUNK_BYTES, Call, Reply, failure, select
from emulator.core.api import Api
from emulator.core.api import Call as ApiCall
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.identity.callers import caller_of
from emulator.wire.dispatch import guarded
from emulator.wire.rest_server import in_thread

log = logging.getLogger(__name__)

WORKERS = 32
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
PATHS = (
    "/storage/v1/{rest:path}",
    "/upload/storage/v1/{rest:path}",
    "/resumable/upload/storage/v1/{rest:path}",
    "/download/storage/v1/{rest:path}",
)
BATCH_PATHS = ("/batch/storage/v1", "/batch")
REASONS = {401: "required", 403: "forbidden", 404: "notFound", 409: "conflict", 429: "rateLimitExceeded"}
"""The reasons Cloud Storage gives for what may be injected, by HTTP status.

Source: cloud.google.com/storage/docs/json_api/v1/status-codes.
"""


@dataclass(frozen=True, slots=True)
class Edge:
    """One HTTP request's surroundings, which every call in it shares."""

    world: World
    base_url: str
    gone: threading.Event

    def answer(self, verb: str, target: str, headers: Mapping[str, str], body: IO[bytes]) -> Reply:
        """Answer one call. `target` is path and query, still percent-encoded."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return failure(errors.invalid("Invalid request target"))
        query = query_of(parts.query)
        found = methods.find(verb, parts.path, query)
        if found is None:
            return failure(errors.unimplemented(f"{verb} {parts.path}"))
        method, variables = found
        caller = caller_of(self.world, headers.get("authorization", ""))
        call = Call(self.world, verb, variables, query, headers, body, self.base_url, caller)
        counted = ApiCall(method.name, verb != "GET", caller, self.gone.is_set)
        try:
            reply = guarded(self.world, counted, lambda: permitted(call, method))
        except errors.StorageError as error:
            return failure(error)
        except ApiFailure as injected:
            reason = REASONS.get(injected.http, "backendError")
            refused = failure(errors.StorageError(injected.http, reason, injected.message))
            refused.headers.update(retry_after(injected))
            return refused
        except Exception:
            log.exception("storage call failed", extra={"method": method.name})
            return failure(errors.StorageError(500, "backendError", "Backend Error"))
        if reply.document is not None:
            reply.document = select(reply.document, query.get("fields"))
        return reply

    def answer_many(self, _verb: str, _target: str, headers: Mapping[str, str], body: IO[bytes]) -> Reply:
        """Answer a batch: each part as if it had come alone, so a part that fails leaves the others."""
        try:
            return batch.run(headers, body, self.answer, headers.get("authorization", ""))
        except errors.StorageError as error:
            return failure(error)


def retry_after(failure: ApiFailure) -> dict[str, str]:
    """The header by which an API without `google.rpc` details says when to come again (RFC 9110, 10.2.3)."""
    told = [each.retry_delay.seconds for each in failure.details if each.DESCRIPTOR.name == "RetryInfo"]
    return {"Retry-After": str(told[0])} if told else {}


def permitted(call: Call, method: methods.Method) -> Reply:
    """Run a method for a caller who may call it.

    Raises:
        StorageError: 403, or the method's own.
    """
    access.check(call, method.name)
    return method.run(call)


def routes(world: World) -> list[Route]:
    """What the emulator's HTTP server serves for Cloud Storage."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="storage")

    async def one(request: Request) -> Response:
        edge = edge_of(world, request)
        return await serve(request, pool, edge, edge.answer)

    async def many(request: Request) -> Response:
        edge = edge_of(world, request)
        return await serve(request, pool, edge, edge.answer_many)

    single = [Route(path, one, methods=VERBS) for path in PATHS]
    return single + [Route(path, many, methods=["POST"]) for path in BATCH_PATHS]


def forget_uploads(world: World) -> None:
    """After a reset no upload is under way."""
    shutil.rmtree(uploads.folder(world), ignore_errors=True)


API = Api("storage", routes=[routes], started=[notifications.started], cleared=[forget_uploads])


def edge_of(world: World, request: Request) -> Edge:
    """Links in answers lead to where the client found us."""
    return Edge(world, str(request.base_url).rstrip("/"), threading.Event())


async def serve(
    request: Request,
    pool: ThreadPoolExecutor,
    edge: Edge,
    run: Callable[[str, str, Mapping[str, str], IO[bytes]], Reply],
) -> Response:
    """Take the body to a file, as large ones must not lie in memory, and answer off the event loop."""
    target = f"{request.scope['raw_path'].decode('latin-1')}?{request.scope['query_string'].decode('latin-1')}"
    with tempfile.SpooledTemporaryFile(CHUNK_BYTES) as body:
        try:
            async for chunk in request.stream():
                body.write(chunk)
        except ClientDisconnect:
            return Response(status_code=499)
        body.seek(0)
        headers, file = dict(request.headers), cast("IO[bytes]", body)

        def work() -> Response:
            return _response(run(request.method, target, headers, file))

        return await in_thread(request, pool, edge.gone, work)


def _response(reply: Reply) -> Response:
    if reply.stream is not None:
        return StreamingResponse(reply.stream, reply.status, headers=reply.headers)
    if reply.document is None:
        return Response(status_code=reply.status, headers=reply.headers)
    body: Any = json.dumps(reply.document, ensure_ascii=False)
    return Response(body, reply.status, reply.headers, media_type="application/json; charset=UTF-8")


def query_of(text: str) -> dict[str, str]:
    """The query as a mapping; of repeated parameters, the values joined by commas."""
    query: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        query[key] = f"{query[key]},{value}" if key in query else value
    return query
