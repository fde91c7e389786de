"""The HTTP edge of BigQuery: requests in, replies out; counted and, where ruled, broken like every API's."""

from __future__ import annotations

import gzip
import json
import logging
import tempfile
import threading
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from emulator.apis.bigquery import host
from emulator.core.api import Api
from emulator.core.api import Call as ApiCall
from emulator.core.failures import ApiFailure
from emulator.identity.callers import caller_of
from emulator.wire import switched_off
from emulator.wire.dispatch import guarded
from emulator.wire.rest_server import in_thread

if TYPE_CHECKING:
    from emulator.apis.bigquery.wire import Reply
    from emulator.core.world import World

log = logging.getLogger(__name__)

HOST = "bigquery.googleapis.com"
WORKERS = 32
IN_MEMORY = 1 << 20
MOST_BYTES = 1 << 30
"""Of a body, as it comes and unpacked: files that are uploaded with their job come in one."""
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
PATHS = (
    "/bigquery/v2/{rest:path}",
    "/upload/bigquery/v2/{rest:path}",
    "/resumable/upload/bigquery/v2/{rest:path}",
)
REASONS = {401: "authError", 403: "accessDenied", 404: "notFound", 429: "rateLimitExceeded", 503: "backendError"}
"""The reasons BigQuery gives for what may be injected, by HTTP status."""


def answer(  # noqa: PLR0917 - the parts of a request, as HTTP has them
    world: World, verb: str, target: str, headers: Mapping[str, str], body: IO[bytes], base_url: str
) -> Reply:
    """Answer one call. `target` is path and query, still percent-encoded."""
    from emulator.apis.bigquery import access, errors, methods  # noqa: PLC0415 - loaded by the first call
    from emulator.apis.bigquery.wire import Call, failure  # noqa: PLC0415 - loaded by the first call

    parts = urlsplit(target)
    found = methods.find(verb, parts.path)
    if found is None:
        return failure(errors.unimplemented(f"{verb} {parts.path}"))
    method, variables = found
    caller = caller_of(world, headers.get("authorization", ""))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    call = Call(world, variables, query, headers, body, base_url, caller)

    def permitted() -> Reply:
        if call.project in switched_off.projects(world, HOST):
            refused = switched_off.refusal(world, call.project, HOST)
            raise errors.BigQueryError(403, "accessNotConfigured", refused.message)
        access.check(call, method.name)
        return method.run(call)

    try:
        return guarded(world, ApiCall(method.name, verb != "GET", caller), permitted)
    except errors.BigQueryError as error:
        return failure(error)
    except ApiFailure as injected:
        return failure(
            errors.BigQueryError(injected.http, REASONS.get(injected.http, "internalError"), injected.message)
        )
    except ModuleNotFoundError as missing:
        return failure(errors.without(missing))
    except Exception:
        log.exception("bigquery call failed", extra={"method": method.name})
        return failure(errors.BigQueryError(500, "internalError", "the emulator failed: see its log"))


def routes(world: World) -> list[Route]:
    """What the emulator's HTTP server serves for BigQuery."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="bigquery")

    async def one(request: Request) -> Response:
        target = f"{request.scope['raw_path'].decode('latin-1')}?{request.scope['query_string'].decode('latin-1')}"
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as body:
            try:
                async for chunk in request.stream():
                    if body.tell() <= MOST_BYTES:  # the rest is read, so that the client reads the refusal
                        body.write(chunk)
            except ClientDisconnect:
                return Response(status_code=499)
            body.seek(0)
            headers, base_url = dict(request.headers), str(request.base_url).rstrip("/")

            def work() -> Response:
                return shown(answered(world, request.method, target, headers, cast("IO[bytes]", body), base_url))

            return await in_thread(request, pool, threading.Event(), work)

    return [Route(path, one, methods=VERBS) for path in PATHS]


def answered(  # noqa: PLR0917 - the parts of a request, as HTTP has them
    world: World, verb: str, target: str, headers: Mapping[str, str], body: IO[bytes], base_url: str
) -> Reply:
    """Answer one call, whose body may be packed."""
    from emulator.apis.bigquery import errors  # noqa: PLC0415 - loaded by the first call
    from emulator.apis.bigquery.wire import failure  # noqa: PLC0415 - loaded by the first call

    with cast("IO[bytes]", tempfile.SpooledTemporaryFile(IN_MEMORY)) as plain:
        try:
            fits = body.seek(0, 2) <= MOST_BYTES
            body.seek(0)
            if fits and headers.get("content-encoding") == "gzip":
                body, fits = plain, unpack(body, plain)
        except (OSError, EOFError, zlib.error) as error:
            return failure(errors.BigQueryError(400, "parseError", f"Parse Error: the body is no gzip: {error}"))
        if not fits:
            return failure(errors.BigQueryError(413, "uploadTooLarge", "Request size is too large."))
        return answer(world, verb, target, headers, body, base_url)


def unpack(packed: IO[bytes], plain: IO[bytes]) -> bool:
    """Unpack a body; returns whether all of it is there, for it is not too long."""
    source = gzip.GzipFile(fileobj=packed)
    while chunk := source.read(IN_MEMORY):
        if plain.tell() + len(chunk) > MOST_BYTES:
            return False
        plain.write(chunk)
    plain.seek(0)
    return True


def shown(reply: Reply) -> Response:
    """A reply as an HTTP answer."""
    if reply.document is None:
        return Response(status_code=reply.status, headers=reply.headers)
    text = json.dumps(reply.document)  # escaped: a refusal may quote text that is no Unicode
    return Response(text, reply.status, reply.headers, media_type="application/json; charset=UTF-8")


API = Api("bigquery", routes=[routes], stopped=[host.stopped], cleared=[host.cleared])
