"""The HTTP edge of the registry: requests in, replies out; counted and, where ruled, broken like every API's."""

import logging
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any, cast

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from emulator.core.api import Api
from emulator.core.api import Call as ApiCall
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.wire.dispatch import guarded
from emulator.wire.rest_server import in_thread

if TYPE_CHECKING:
    from emulator.apis.registry.methods import Method
    from emulator.apis.registry.wire import Call, Reply

log = logging.getLogger(__name__)

WORKERS = 16
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
IN_MEMORY_BYTES = 1024 * 1024
BODY_BYTES_MOST = 10 * 1024**3
ALWAYS = {"Docker-Distribution-Api-Version": "registry/2.0"}
CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN", 429: "TOOMANYREQUESTS"}
"""What the registry says for what may be injected, by HTTP status."""


class RegistryHost(Convertor[str]):
    """The host of a registry: by it a path is told from Cloud Run's, whose version is `v2`, too."""

    regex = r"[a-z0-9-]+-docker\.pkg\.dev|(?:[a-z]+\.)?gcr\.io"

    def convert(self, value: str) -> str:
        """As written."""
        return value

    def to_string(self, value: str) -> str:
        """As written."""
        return value


register_url_convertor("registry", RegistryHost())


def routes(world: World) -> list[Route]:
    """What the emulator's HTTP server serves for container tools."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="registry")

    async def threaded(request: Request, work: Callable[[threading.Event], "Reply"]) -> Response:
        gone = threading.Event()
        return await in_thread(request, pool, gone, lambda: response(work(gone)))

    async def ping(request: Request) -> Response:
        return await threaded(request, lambda _: greet(world, request))

    async def token(request: Request) -> Response:
        return await threaded(request, lambda _: give_token(world, request))

    async def one(request: Request) -> Response:
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=str(world.state_dir)) as file:
            body = cast("IO[bytes]", file)
            try:
                fits = await take(request, body)
            except ClientDisconnect:
                return Response(status_code=499)
            return await threaded(request, lambda gone: answer(world, request, body, gone) if fits else too_large())

    return [
        Route("/v2/", ping, methods=["GET"]),
        Route("/v2/token", token, methods=["GET"]),
        Route("/v2/{host:registry}/{rest:path}", one, methods=VERBS),
    ]


def forget_uploads(world: World) -> None:
    """After a reset no upload is under way."""
    shutil.rmtree(world.state_dir / "registry", ignore_errors=True)


API = Api("registry", routes=[routes], cleared=[forget_uploads])


async def take(request: Request, body: IO[bytes]) -> bool:
    """Take a body to a file, as large ones must not lie in memory; False: it is larger than any file may be."""
    async for chunk in request.stream():
        body.write(chunk)
        if body.tell() > BODY_BYTES_MOST:
            return False
    body.seek(0)
    return True


def too_large() -> "Reply":
    """The refusal of a body that was not read to its end."""
    from emulator.apis.registry import errors, wire  # noqa: PLC0415 - light at the start

    most = f"a request has at most {BODY_BYTES_MOST // 1024**3} GiB"
    return wire.failure(errors.RegistryError(413, "SIZE_INVALID", most))


def greet(world: World, request: Request) -> "Reply":
    """Say that this is a registry, to whom it knows."""
    from emulator.apis.registry import auth, errors, wire  # noqa: PLC0415 - light at the start

    try:
        auth.caller(world, request.headers.get("authorization", ""))
    except errors.RegistryError as error:
        return refused(error, request)
    return wire.document({})


def give_token(world: World, request: Request) -> "Reply":
    """A token for whose credentials these are."""
    from emulator.apis.registry import auth, errors  # noqa: PLC0415 - light at the start

    try:
        return auth.token(world, request.headers.get("authorization", ""))
    except errors.RegistryError as error:
        return refused(error, request)


def answer(world: World, request: Request, body: IO[bytes], gone: threading.Event) -> "Reply":
    """Answer a request for something of an image."""
    from emulator.apis.registry import errors, methods  # noqa: PLC0415 - light at the start

    path = request.url.path.removeprefix("/v2/")
    found = methods.find(request.method, path)
    if found is None:
        return refused(errors.unsupported(f"{request.method} /v2/{path[:200]}"), request)
    method, name, last = found
    try:
        call = call_of(world, request, name, last, body)
        counted = ApiCall(method.name, method.mutating, call.caller, gone.is_set)
        return guarded(world, counted, lambda: permitted(call, method))
    except errors.RegistryError as error:
        return refused(error, request, f"repository:{name}:{'pull,push' if method.mutating else 'pull'}")
    except ApiFailure as injected:
        code = CODES.get(injected.http, "UNKNOWN")
        return refused(errors.RegistryError(injected.http, code, injected.message), request)
    except Exception:
        log.exception("registry call failed", extra={"method": method.name})
        return refused(errors.RegistryError(500, "UNKNOWN", "an internal error of the emulator: see its log"), request)


def call_of(world: World, request: Request, name: str, last: str, body: IO[bytes]) -> "Call":
    """The call of a request.

    Raises:
        RegistryError: Nobody we know, or no name of an image.
    """
    from emulator.apis.registry import auth, errors, wire  # noqa: PLC0415 - light at the start
    from emulator.images.reference import parse  # noqa: PLC0415 - light at the start

    caller = auth.caller(world, request.headers.get("authorization", ""))
    image = parse(name)
    if image is None or ":" in name or "@" in name:
        raise errors.RegistryError(400, "NAME_INVALID", f"invalid repository name {name[:200]!r}")
    query = dict(request.query_params.items())
    return wire.Call(world, request.method, name, image, last, query, dict(request.headers), body, caller)


def permitted(call: "Call", method: "Method") -> "Reply":
    """Run a method for a caller who may call it, in a repository that is there.

    Raises:
        RegistryError: The caller may not, there is no such repository, or the method's own.
    """
    from emulator.apis.artifactregistry.repositories import REPOSITORIES, seed  # noqa: PLC0415 - imports its messages
    from emulator.apis.registry import access, errors  # noqa: PLC0415 - light at the start

    seed(call.world, call.image.repository)
    access.check(call, method.name)
    found = REPOSITORIES.find(call.world, call.image.repository)
    if found is None:
        name = call.image.repository.rpartition("/")[2]
        raise errors.RegistryError(404, "NAME_UNKNOWN", f'Repository "{name}" not found')
    if found.format_ != type(found).DOCKER:
        raise errors.RegistryError(400, "NAME_INVALID", "The repository is not of the format DOCKER")
    return method.run(call)


def refused(error: Any, request: Request, scope: str = "") -> "Reply":
    """The answer for a refusal; who is not known is told where to get a token."""
    from emulator.apis.registry import auth, wire  # noqa: PLC0415 - light at the start

    reply = wire.failure(error)
    if error.status == 401:  # noqa: PLR2004 - HTTP's own number
        reply.headers |= auth.challenge(request.headers["host"], scope)
    return reply


def response(reply: "Reply") -> Response:
    """A reply as Starlette sends it."""
    headers = ALWAYS | reply.headers
    if reply.file is not None:
        return StreamingResponse(reply.chunks(), reply.status, headers)
    return Response(reply.content, reply.status, headers)
