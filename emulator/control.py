"""`/_emulator/…`: what tests, the command line and people use to steer the emulator. Google has nothing like it.

The routes run on the event loop or in Starlette's own threads, so calls that hang never block them.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator import cloud
from emulator.core import settings
from emulator.core.failures import ApiFailure
from emulator.core.faults import Rule
from emulator.core.world import PROJECT, World
from emulator.environment import environment
from emulator.wire.rest_server import refusal


def routes(world: World) -> list[Route]:
    """All of them."""
    control = Control(world)
    return [
        route("/_emulator/status", "GET", control.status),
        route("/_emulator/clock", "GET", control.clock),
        route("/_emulator/advance", "POST", control.advance),
        route("/_emulator/reset", "POST", control.reset),
        route("/_emulator/env", "GET", control.env),
        route("/_emulator/faults", "GET", control.get_faults),
        route("/_emulator/faults", "PUT", control.put_faults),
        route("/_emulator/faults", "DELETE", control.delete_faults),
        route("/_emulator/images", "POST", control.push_image),
        route("/_emulator/settings", "GET", control.get_settings),
        route("/_emulator/settings", "PUT", control.put_settings),
        route("/_emulator/calls", "GET", control.get_calls),
        route("/_emulator/calls", "DELETE", control.delete_calls),
    ]


class Control:
    """What the routes do: one method each, short enough for the event loop or handed to a thread."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def status(self, _: Request) -> Response:
        """Where the emulator is, and that it is ready."""
        world = self._world
        where = {"http": world.http_url, "grpc": world.grpc_target, "state": str(world.state_dir)}
        about = {"ready": True, "pid": os.getpid(), "project": PROJECT, "clock": clock_of(world)}
        return JSONResponse(about | where)

    async def clock(self, _: Request) -> Response:
        """The virtual time, and how far it is ahead of the real one."""
        return JSONResponse(clock_of(self._world))

    async def advance(self, request: Request) -> Response:
        """Let time pass; answers when every timer on the way has run."""
        seconds = (await body_of(request)).get("seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            return bad("'seconds' must be a number, 0 or more")
        await run_in_threadpool(self._world.clock.advance, float(seconds))
        return JSONResponse(clock_of(self._world))

    async def reset(self, _: Request) -> Response:
        """Empty the cloud; ports, key and credentials stay, so clients go on."""
        await run_in_threadpool(cloud.reset, self._world)
        return JSONResponse({})

    async def env(self, _: Request) -> Response:
        """Variables for clients."""
        return JSONResponse(environment(self._world))

    async def get_faults(self, _: Request) -> Response:
        """The rules with their counts."""
        return JSONResponse(self._world.faults.status())

    async def put_faults(self, request: Request) -> Response:
        """Replace all rules at once; calls that the old ones held go on."""
        try:
            raw = await request.json()
            if not isinstance(raw, list):
                return bad("faults are a list of rules")
            self._world.faults.replace([Rule.parse(each) for each in raw])
        except (ValueError, TypeError) as error:
            return bad(str(error))
        return JSONResponse(self._world.faults.status())

    async def delete_faults(self, _: Request) -> Response:
        """Drop the rules; calls that hang go on."""
        self._world.faults.replace([])
        return JSONResponse([])

    async def push_image(self, request: Request) -> Response:
        """Push a folder as an image: `{"image": reference, "folder": path, "command": [...], "env": {...}}`."""
        return await run_in_threadpool(self._push_image, await body_of(request))

    def _push_image(self, wanted: dict[str, Any]) -> Response:
        folder, command, env = Path(str(wanted.get("folder", ""))), wanted.get("command"), wanted.get("env", {})
        if not folder.is_absolute() or not folder.is_dir() or not isinstance(command, list) or not command:
            return bad("'folder' must be an absolute path of a folder, 'command' a list of words")
        from emulator.apis.artifactregistry.pushing import push  # noqa: PLC0415 - imports its messages

        try:
            image = push(self._world, str(wanted.get("image")), {"": folder}, command, env)
        except ApiFailure as failure:
            return refusal(failure)
        return JSONResponse({"digest": image.digest, "version": image.name})

    async def get_settings(self, _: Request) -> Response:
        """The switches, all of them, also those at their default."""
        return JSONResponse(asdict(settings.read(self._world.store)))

    async def put_settings(self, request: Request) -> Response:
        """Set the switches; one that is left out goes back to its default."""
        try:
            settings.write(self._world.store, settings.Settings.parse(await body_of(request)))
        except ValueError as error:
            return bad(str(error))
        return await self.get_settings(request)

    async def get_calls(self, _: Request) -> Response:
        """How often each method was called."""
        return JSONResponse(self._world.calls.counts())

    async def delete_calls(self, _: Request) -> Response:
        """Count from zero."""
        self._world.calls.clear()
        return JSONResponse([])


def route(path: str, verb: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    """One verb of one path."""
    return Route(path, endpoint, methods=[verb])


def clock_of(world: World) -> dict[str, Any]:
    """The time, and how far it is ahead of the real one in seconds."""
    return {"now": world.clock.now().isoformat(), "offset_s": world.clock.offset_s}


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request; empty for anything else."""
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def bad(message: str) -> Response:
    """A refused control call, in the shape of Google's errors so that every client can show it."""
    return JSONResponse({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": message}}, 400)
