"""REST: Starlette over the same table. What no route of an API takes falls through to the derived bindings."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from emulator.core.api import Call
from emulator.core.failures import ApiFailure, not_emulated
from emulator.core.world import World
from emulator.identity.callers import caller_of
from emulator.wire.dispatch import is_mutating, perform
from emulator.wire.paths import Route, Routes

log = logging.getLogger(__name__)

DISCONNECT_POLL_S = 0.25
INTERNAL = ApiFailure("INTERNAL", "an internal error of the emulator: see its log")


def refusal(failure: ApiFailure) -> Response:
    """A failure as an HTTP answer."""
    from emulator.wire.transcoding import write_failure  # noqa: PLC0415 - imports protobuf

    return Response(write_failure(failure), failure.http, media_type="application/json")


def call_of(world: World, request: Request, method: str, *, mutating: bool) -> tuple[Call, threading.Event]:
    """The call of an HTTP request, and the event that tells it that the client has gone."""
    gone = threading.Event()
    caller = caller_of(world, request.headers.get("authorization", ""))
    return Call(method, mutating, caller, gone.is_set), gone


async def in_thread(request: Request, pool: Executor, gone: threading.Event, work: Callable[[], Response]) -> Response:
    """Run `work` in the pool, and set `gone` when the client leaves before it is done."""
    running = asyncio.get_running_loop().run_in_executor(pool, work)
    while not (await asyncio.wait({running}, timeout=DISCONNECT_POLL_S))[0]:
        if not gone.is_set() and await request.is_disconnected():
            gone.set()
    return running.result()


class Rest:
    """Answers every path that the derived table knows."""

    def __init__(self, world: World, routes: Routes, pool: Executor) -> None:
        self._world = world
        self._routes = routes
        self._pool = pool

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        found = self._routes.match(request.method, request.scope["raw_path"].decode("latin-1"))
        if found is None:
            return refusal(not_emulated(f"{request.method} {request.url.path}"))
        route, variables = found
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=499)
        call, gone = call_of(self._world, request, route.method.name, mutating=is_mutating(route.method.name))
        return await in_thread(
            request,
            self._pool,
            gone,
            lambda: self._answer(call, route, variables, request.query_params.multi_items(), body),
        )

    def _answer(
        self, call: Call, route: Route, variables: dict[str, str], query: list[tuple[str, str]], body: bytes
    ) -> Response:
        from emulator.wire import transcoding  # noqa: PLC0415 - imports protobuf

        try:
            message: Any = transcoding.read(route, variables, query, body)
            answer = perform(self._world, call, message)
            numbers = transcoding.wants_enum_numbers(query)
            if route.method.stream:
                text = b"[" + b",\n".join(transcoding.write(each, enum_numbers=numbers) for each in answer) + b"]"
            else:
                text = transcoding.write(answer, enum_numbers=numbers)
        except ApiFailure as failure:
            return refusal(failure)
        except Exception:
            log.exception("behaviour failed", extra={"method": call.method})
            return refusal(INTERNAL)
        return Response(text, media_type="application/json")
