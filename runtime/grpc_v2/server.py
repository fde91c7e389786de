"""The gRPC server: the same queue, checks and metrics as REST, in the same event loop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from runtime.data.answers import Answer, Headers, Refused, Request
from runtime.grpc_v2 import tensors
from runtime.grpc_v2.messages import MESSAGES, PACKAGE
from runtime.grpc_v2.raw import TooManyFieldsError, divided
from runtime.protocols import Query
from runtime.protocols.v2 import V2Codec
from runtime.serving.metadata import model_metadata, server_metadata
from runtime.telemetry.request_ids import request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from runtime.data.outputs import Outputs
    from runtime.serving.engine import Endpoint
    from runtime.serving.service import Service

log = logging.getLogger("runtime")

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
OK = 200
GRACE_S = 5.0
# What a connection may hold, as over HTTP: the names are those of gRPC's channel arguments. Without them there is no
# bound on calls of one connection, each of which may keep a message as large as a body.
BOUNDS = {
    "grpc.max_metadata_size": 32 * 1024,
    "grpc.absolute_max_metadata_size": 32 * 1024,
    "grpc.max_concurrent_streams": 128,
    "grpc.server_handshake_timeout_ms": 20_000,
    "grpc.max_connection_idle_ms": 90_000,
}
# Calls that are open at once, of all connections; more are refused with RESOURCE_EXHAUSTED.
MAX_CALLS = 1000


class GrpcCodec:
    """Messages for one model. An answer's body is the serialized message; an error's is its text."""

    def __init__(self, codec: V2Codec, name: str, version: str) -> None:
        self._codec = codec
        self._name = name
        self._version = version

    def decode(self, request: Request) -> Query:
        """Read a `ModelInferRequest`.

        Raises:
            Refused: 400 or 422, with what is wrong about which tensor; 413, too many rows.
        """
        described, raw = divided(request.body)
        asked = MESSAGES["ModelInferRequest"].FromString(described)
        given = asked.raw_input_contents if raw is None else raw
        outputs = self._codec.requested([output.name for output in asked.outputs])
        return self._codec.query(tensors.read(asked, given), outputs, asked.id, _parameters(asked.parameters))

    def encode(self, query: Query, outputs: Outputs, start: int, stop: int) -> Answer:
        """Write a `ModelInferResponse`: the tensors raw, in the order they were asked for."""
        answer = MESSAGES["ModelInferResponse"](model_name=self._name, model_version=self._version, id=query.state)
        tensors.write(answer, query.outputs, outputs, start, stop)
        return Answer(200, answer.SerializeToString())

    def error(self, refused: Refused) -> Answer:
        """Give the bare text: `model_infer` makes a status of it."""
        return Answer(refused.status, refused.message.encode())


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give parameters as plain values: each message holds one, in the field of its type."""
    return {name: getattr(value, value.WhichOneof("parameter_choice") or "bool_param") for name, value in given.items()}


class Servicer:
    """The six methods of `GRPCInferenceService`. An error is a status with the text that REST would give."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._endpoints: dict[int, Endpoint] = {}

    async def server_live(self, _request: Any, _context: Any) -> Any:
        """Say whether calls of the models still come back. Needs no key, as all probes."""
        return MESSAGES["ServerLiveResponse"](live=self._service.alive)

    async def server_ready(self, _request: Any, _context: Any) -> Any:
        """Say whether every model is ready."""
        return MESSAGES["ServerReadyResponse"](ready=self._service.ready)

    async def model_ready(self, request: Any, context: Any) -> Any:
        """Say whether a model is ready."""
        await self._find(request.name, request.version, context)
        return MESSAGES["ModelReadyResponse"](ready=self._service.ready)

    async def server_metadata(self, _request: Any, context: Any) -> Any:
        """Describe the server, to who has a key."""
        await self._admit(context)
        return MESSAGES["ServerMetadataResponse"](**server_metadata())

    async def model_metadata(self, request: Any, context: Any) -> Any:
        """Describe a version of a model, to who has a key."""
        await self._admit(context)
        served = await self._find(request.name, request.version, context)
        return MESSAGES["ModelMetadataResponse"](**model_metadata(self._service, served))

    async def model_infer(self, body: bytes, context: Any) -> bytes:
        """Predict. The body stays bytes until the codec reads it, so that decoding is measured there."""
        await self._admit(context)
        try:
            asked = MESSAGES["ModelInferRequest"].FromString(divided(body)[0])
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this is no ModelInferRequest")
        except TooManyFieldsError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        endpoint = self._endpoint(await self._find(asked.model_name, asked.model_version, context))
        headers = _headers(context)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        given = next((value for key, value in headers if key == b"x-request-id"), None)
        work = endpoint.handle(
            Request(body, headers, request_id(given)), lambda a: None if answer.done() else answer.set_result(a)
        )
        try:
            found = await answer
        except asyncio.CancelledError:
            if work is not None:
                work.abandoned = True
            raise
        if found.status != OK:
            await context.abort(_CODES.get(found.status, grpc.StatusCode.INTERNAL), found.body.decode())
        return found.body

    def _endpoint(self, served: Any) -> Endpoint:
        # Made when first asked for: a server of REST only has no metrics of gRPC. Versions live as long as the service.
        found = self._endpoints.get(id(served))
        if found is None:
            part = served.part
            codec = GrpcCodec(V2Codec(served.loaded, self._service.options.max_rows), part.name, part.version)
            found = self._endpoints[id(served)] = self._service.make_endpoint(served, "grpc", codec)
        return found

    async def _admit(self, context: Any) -> None:
        """Let in who has a key, where keys are asked for. Probes need none."""
        try:
            if self._service.records.keys is not None:
                self._service.records.keys.check(_headers(context))
        except Refused as refused:
            await context.abort(_CODES[refused.status], refused.message)

    async def _find(self, name: str, version: str, context: Any) -> Any:
        try:
            return self._service.find(name, version or None)
        except Refused as refused:
            await context.abort(_CODES.get(refused.status, grpc.StatusCode.INTERNAL), refused.message)


def _headers(context: Any) -> Headers:
    return [(key.encode(), _bytes(value)) for key, value in context.invocation_metadata() or ()]


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


class Door:
    """The gRPC port. It is opened again should gRPC's own loop end: a path that is no text ends it, in any call.

    The calls that are open then are lost; those that come a moment later are answered.
    """

    def __init__(self, service: Service, address: str) -> None:
        self._address = address
        self._max_body = service.max_body
        self._handlers = _handlers(Servicer(service))
        self._server: Any = None
        self._stopping = False
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the port."""
        options = [("grpc.max_receive_message_length", self._max_body), *BOUNDS.items()]
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=MAX_CALLS)
        self._server.add_generic_rpc_handlers((self._handlers,))
        self._server.add_insecure_port(self._address)
        before = asyncio.all_tasks()
        await self._server.start()
        # gRPC tells nobody that its loop ended, and shows nobody the task that it is.
        for task in asyncio.all_tasks() - before:
            task.add_done_callback(self._ended)
        log.info("gRPC is served", extra={"address": self._address})

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if self._stopping or task.cancelled() or task.exception() is None:
            return
        log.warning("gRPC is opened again", extra={"reason": repr(task.exception())})
        self._opening = asyncio.get_running_loop().create_task(self.open())

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, and let open ones finish."""
        self._stopping = True
        await self._server.stop(grace_s)


def _handlers(servicer: Servicer) -> Any:
    methods = {
        "ServerLive": servicer.server_live,
        "ServerReady": servicer.server_ready,
        "ModelReady": servicer.model_ready,
        "ServerMetadata": servicer.server_metadata,
        "ModelMetadata": servicer.model_metadata,
    }
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            _reading(method, f"{name}Request"), None, MESSAGES[f"{name}Response"].SerializeToString
        )
        for name, method in methods.items()
    }
    handlers["ModelInfer"] = grpc.unary_unary_rpc_method_handler(servicer.model_infer)
    return grpc.method_handlers_generic_handler(f"{PACKAGE}.GRPCInferenceService", handlers)


def _reading(method: Callable[[Any, Any], Awaitable[Any]], kind: str) -> Callable[[bytes, Any], Awaitable[Any]]:
    """Read the message before a method: one that is none is the caller's fault, where gRPC would call it ours."""

    async def answer(body: bytes, context: Any) -> Any:
        try:
            request = MESSAGES[kind].FromString(body)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"this is no {kind}")
        return await method(request, context)

    return answer


async def start(service: Service, address: str) -> Door:
    """Open the port.

    Returns:
        What `await stop(GRACE_S)` closes, and lets open calls finish.
    """
    door = Door(service, address)
    await door.open()
    return door
