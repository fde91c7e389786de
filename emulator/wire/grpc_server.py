"""gRPC: one generic handler over the table."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc

from emulator.core.api import Call
from emulator.core.failures import ApiFailure, not_emulated
from emulator.core.world import World
from emulator.identity.callers import caller_of
from emulator.wire.dispatch import is_mutating, perform
from emulator.wire.doorkeeper import WEB_PAGE
from emulator.wire.table import Method

log = logging.getLogger(__name__)

WORKERS = 128
"""Calls held by a hang fault each keep one."""
UNLIMITED = -1
BROWSER = ("origin", "sec-fetch-site")
"""Browsers speak HTTP/2 only over TLS, so none comes here by itself; what comes through a proxy still says so."""
KINDS: dict[str | None, tuple[Any, bool]] = {
    None: (grpc.unary_unary_rpc_method_handler, False),
    "client-stream": (grpc.stream_unary_rpc_method_handler, False),
    "server-stream": (grpc.unary_stream_rpc_method_handler, True),
    "stream": (grpc.stream_stream_rpc_method_handler, True),
}
"""What makes a handler, and whether answers are streamed, by the table's mark."""


class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """Finds the method in the table and answers it."""

    def __init__(self, world: World, table: dict[str, Method]) -> None:
        self._world = world
        self._table = table

    def service(self, details: Any) -> Any:
        """The handler of one call: of a method that the table lacks, a refusal with its name."""
        name = details.method.lstrip("/")
        method = self._table.get(name)
        if method is None:
            return grpc.stream_stream_rpc_method_handler(lambda _, context: refuse(context, not_emulated(name)))
        make, answers = KINDS[method.stream]
        return make(
            partial(self._answer_many if answers else self._answer, method),
            request_deserializer=lambda body: method.request.FromString(body),  # noqa: PLW0108 - imports the class only now
            response_serializer=lambda message: message.SerializeToString(),
        )

    def _answer(self, method: Method, request: Any, context: Any) -> Any:
        """Answer with one message. `request` is an iterator of messages where they are streamed."""
        with refusing(method, context):
            return perform(self._world, self._call(method, context), request)

    def _answer_many(self, method: Method, request: Any, context: Any) -> Iterator[Any]:
        """Answer with the messages that the behaviour gives, as they come."""
        with refusing(method, context):
            yield from perform(self._world, self._call(method, context), request)

    def _call(self, method: Method, context: Any) -> Call:
        metadata = dict(context.invocation_metadata())
        if not metadata.keys().isdisjoint(BROWSER):
            raise WEB_PAGE
        caller = caller_of(self._world, str(metadata.get("authorization", "")))
        return Call(
            method.name, is_mutating(method.name), caller, lambda: not context.is_active(), context.add_callback
        )


@contextmanager
def refusing(method: Method, context: Any) -> Iterator[None]:
    """End the call with the status of what goes wrong inside."""
    try:
        yield
    except ApiFailure as failure:
        refuse(context, failure)
    except Exception:
        log.exception("behaviour failed", extra={"method": method.name})
        refuse(context, ApiFailure("INTERNAL", "an internal error of the emulator: see its log"))


def refuse(context: Any, failure: ApiFailure) -> None:
    """End a call with a status; its details ride in `grpc-status-details-bin`, where google.api_core looks for them."""
    if failure.details:
        from google.rpc import status_pb2  # noqa: PLC0415 - only the few failures with details need it

        status = status_pb2.Status(code=failure.number, message=failure.message)
        for detail in failure.details:
            status.details.add().Pack(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(next(code for code in grpc.StatusCode if code.value[0] == failure.number), failure.message)


def bind(world: World, table: dict[str, Method], port: int) -> tuple[Any, int]:
    """A server on 127.0.0.1, not started; returns it and the port it got (`port` 0: a free one).

    Raises:
        OSError: The port is taken.
    """
    options = [
        ("grpc.so_reuseport", 0),  # else a second emulator would silently share the port
        ("grpc.max_receive_message_length", UNLIMITED),
        ("grpc.max_send_message_length", UNLIMITED),
    ]
    server = grpc.server(ThreadPoolExecutor(WORKERS, thread_name_prefix="grpc"), options=options)
    server.add_generic_rpc_handlers((Handler(world, table),))
    try:
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
    except RuntimeError as error:
        raise OSError(str(error)) from error
    return server, bound
