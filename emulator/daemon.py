"""The emulator as a process: both servers, one state folder, a clean stop."""

import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path
from typing import IO, Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from emulator import cloud, control
from emulator.core import state_dir
from emulator.core.world import EMULATOR_ACCOUNT, PROJECT, World
from emulator.identity import oauth
from emulator.identity.tokens import Tokens
from emulator.wire import grpc_server, table
from emulator.wire.doorkeeper import Doorkeeper
from emulator.wire.paths import Routes
from emulator.wire.rest_server import Rest

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
WORKERS = 128
STOP_WITHIN_S = 2
KEEP_ALIVE_S = 610
"""How long a connection may be idle. After uvicorn's own 5 seconds a client that pauses as long sends its next request
on a connection that is just being closed, and must not send it again: it does not know whether it was heard.

Source: Google's front ends keep one for 610 s, https://cloud.google.com/load-balancing/docs/https#timeout-keepalive-client.
"""
LOOK_EVERY_S = 1.0
"""How often the state folder is looked for."""
SWITCH_S = 0.0005
"""For how long a thread runs while others wait: many do a little each, and one that waited for SQLite or a socket
should not wait 5 ms more for its turn."""


def serve(state: Path, *, port: int, grpc_port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        state: The state folder, made when it is not there.
        port: HTTP port; 0 means the one used last, else a free one.
        grpc_port: gRPC port, by the same rule.

    Raises:
        StateInUseError: Another daemon has the folder.
        OSError: A port that was asked for is taken.
    """
    held = state_dir.lock(state)
    table.use_bare_packages(table.packages())
    world = cloud.build(state)
    methods = table.load()
    listener = bind_http(world, port)
    server, bound = bind_grpc(world, methods, grpc_port)
    world.http_url, world.grpc_target = f"http://{HOST}:{listener.getsockname()[1]}", f"{HOST}:{bound}"
    remember_ports(world, listener.getsockname()[1], bound)
    write_credentials(world)
    cloud.start(world)
    collect_seldom()
    threading.Thread(target=end_without, args=(state, held), name="state", daemon=True).start()
    server.start()
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="rest")
    run(world, application(world, Routes(methods.values()), pool), listener)
    server.stop(grace=STOP_WITHIN_S).wait()
    cloud.stop(world)
    state_dir.forget_ready(state)
    held.close()
    logging.shutdown()
    # What still runs is work of pending operations: the next start takes it up, so nobody waits for it here.
    os._exit(0)


def end_without(state: Path, held: IO[str]) -> None:
    """End as by a power cut when the state folder is gone: the next command starts another one in its place.

    What is written now would be nowhere, and two emulators, of which nobody finds this one, would say that they are the
    one of this folder.
    """
    while state_dir.is_there(state, held):
        time.sleep(LOOK_EVERY_S)
    log.error("its state folder %s was removed: this emulator ends", state)
    logging.shutdown()
    os._exit(1)


def collect_seldom() -> None:
    """Leave what a start made out of garbage collections, and have fewer of them: every stream waits while one runs.

    Going through all takes 25 to 50 ms, which a thousand streams that open together bring about; as it is here, 3 ms.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def application(world: World, routes: Routes, pool: ThreadPoolExecutor) -> Any:
    """The ASGI app: control, tokens, the APIs' own routes, then the derived table."""
    apis = cloud.living(world)
    own = [route for api in apis for make in api.routes for route in make(world)]
    rest = Rest(world, routes, pool)
    verbs = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    fallback = Route("/{path:path}", rest.answer, methods=verbs)
    app: Any = Starlette(routes=[*control.routes(world), *oauth.routes(world), *own, fallback])
    wraps = [*(wrap for api in apis for wrap in api.wrap), Doorkeeper]
    return reduce(lambda inner, wrap: wrap(world, inner), wraps, app)


class Server(uvicorn.Server):
    """uvicorn, which says when it accepts connections."""

    def __init__(self, config: uvicorn.Config, world: World) -> None:
        super().__init__(config)
        self._world = world

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then write `emulator.json`."""
        await super().startup(sockets)
        world = self._world
        token = world.part(control.Identity, control.Identity).token
        state_dir.write_ready(world.state_dir, http=world.http_url, grpc=world.grpc_target, token=token)
        log.info("emulator ready", extra={"http": world.http_url, "grpc": world.grpc_target})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of calls that hang or wait, then stop."""
        cloud.let_go(self._world)
        await super().shutdown(sockets)


def run(world: World, app: Any, listener: socket.socket) -> None:
    """Serve HTTP in this thread until a signal comes."""
    sys.setswitchinterval(SWITCH_S)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: None)  # uvicorn raises the signal again after its own clean stop
    Server(configuration(app), world).run(sockets=[listener])


def configuration(app: Any) -> uvicorn.Config:
    """How HTTP is served."""
    return uvicorn.Config(
        app,
        ws="none",  # there are none, and what a browser sends for one is a request like any other
        log_level="warning",
        access_log=False,
        date_header=False,  # the door says what time it is in this cloud
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


def last_port(world: World, name: str) -> int:
    """The port used before; 0 when there was none."""
    try:
        return int(json.loads((world.state_dir / "ports.json").read_text())[name])
    except (OSError, ValueError, KeyError):
        return 0


def remember_ports(world: World, http: int, grpc: int) -> None:
    """Prefer the same ports at the next start: addresses that were handed out stay good."""
    state_dir.write(world.state_dir / "ports.json", json.dumps({"http": http, "grpc": grpc}))


def bind_http(world: World, port: int) -> socket.socket:
    """A listening socket: on the port that is asked for, else on the one used last where that is still free."""
    try:
        return listen(port or last_port(world, "http"))
    except OSError:
        if port:
            raise
        return listen(0)


def listen(port: int) -> socket.socket:
    """A listening socket on one port."""
    listener = socket.create_server((HOST, port), backlog=512)
    listener.set_inheritable(False)
    return listener


def bind_grpc(world: World, methods: dict[str, table.Method], port: int) -> tuple[Any, int]:
    """The gRPC server, not started, and its port."""
    try:
        return grpc_server.bind(world, methods, port or last_port(world, "grpc"))
    except OSError:
        if port:
            raise
        return grpc_server.bind(world, methods, 0)


def write_credentials(world: World) -> None:
    """A key file whose tokens this emulator gives."""
    text = world.part(Tokens).key_file(EMULATOR_ACCOUNT, PROJECT, f"{world.http_url}/token")
    state_dir.write(world.state_dir / "credentials.json", text)
