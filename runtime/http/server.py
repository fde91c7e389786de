"""The process: port first, models in a thread beside it, a drain at SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from runtime.http.closing import stop_listening
from runtime.http.guard import GuardedProtocol, sweep
from runtime.http.lazy import LazyApplication
from runtime.http.wire import WireProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from runtime.serving.service import Service

log = logging.getLogger("runtime")

# Cloud Run sends SIGKILL 10 s after SIGTERM. For the first second we still take what a proxy had already sent us.
DRAIN_S = 1.0
SHUTDOWN_S = 6
FLUSH_S = 1.0
CLOSE = (b"connection", b"close")
# Connections the kernel keeps for us while the loop is busy.
BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen, and whether predict requests take the short way."""

    host: str
    port: int
    wire: bool = True


class Server(uvicorn.Server):
    """uvicorn, with a drain before its own shutdown."""

    def __init__(self, config: uvicorn.Config, service: Service, application: LazyApplication) -> None:
        super().__init__(config)
        self._application = application
        self._service = service
        self._draining: asyncio.TimerHandle | None = None
        self._grpc: Any = None

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Open the port, then load: probes get an answer from the first moment on, and readiness means the models."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        sweep(self.server_state.connections, loop)
        if self._service.options.grpc_port:
            from runtime.grpc_v2.server import start  # noqa: PLC0415 - an option, and an extra

            self._grpc = await start(self._service, f"{self.config.host}:{self._service.options.grpc_port}")
        self._service.start_loading(loop, self._application.warm_up)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals through the loop, so that the drain can run on it.

        As in uvicorn, a server in another thread than the main one gets none: Python delivers them there only.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, end at the second."""
        del frame
        log.info("signal received", extra={"signal": signal.Signals(sig).name})
        if self._draining is not None:
            self._end()
            return
        self._drain()

    def _drain(self) -> None:
        self._service.drain()
        # Every answer from here on closes its connection, so that no caller sends into a socket about to close.
        # uvicorn makes the list anew each second from the one of its configuration.
        self.config.encoded_headers.append(CLOSE)
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        self._draining = asyncio.get_running_loop().call_later(DRAIN_S, self._end)

    async def on_tick(self, counter: int) -> bool:
        """Also end when only another process can go on: whoever caused it, and who was behind, is answered first."""
        if self._service.lost and self._draining is None:
            log.error("the device is lost: this process ends, so that another one takes its place")
            self._drain()
        return await super().on_tick(counter)

    def _end(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Finish what is open, on both ports in the same time, then what is in the background."""
        finished = (
            [self._finish(sockets)] if self._grpc is None else [self._finish(sockets), self._grpc.stop(SHUTDOWN_S)]
        )
        await asyncio.gather(*finished)
        await asyncio.get_running_loop().run_in_executor(None, self._service.records.flush, FLUSH_S)

    async def _finish(self, sockets: list[Any] | None) -> None:
        await self._close_ports()
        await super().shutdown(sockets)

    async def _close_ports(self) -> None:
        """Stop listening. Who is connected already is taken in, and has the moment that every new connection has."""
        loop = asyncio.get_running_loop()
        for connection in [each for server in self.servers for each in stop_listening(server)]:
            with contextlib.suppress(OSError):  # it has hung up meanwhile
                await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        return cast("asyncio.Protocol", make(self.config, self.server_state, self.lifespan.state))


def serve(service: Service, listening: Listening) -> None:
    """Serve until a signal, or until the device is lost.

    Raises:
        SettingsError: What the user adds cannot be added.
    """
    make(service, listening).run()


def make(service: Service, listening: Listening) -> Server:
    """Make the server. What a user adds to the application sees every request: then there is no wire path.

    Raises:
        SettingsError: What the user adds cannot be added.
    """
    extended = bool(service.options.app)
    protocol: Any = partial(WireProtocol, service) if listening.wire and not extended else GuardedProtocol
    application = LazyApplication(service, _application)
    if extended:
        application.make()
    config = uvicorn.Config(
        application,
        host=listening.host,
        port=listening.port,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=SHUTDOWN_S,
        timeout_keep_alive=75,
    )
    return Server(config, service, application)


def _application(service: Service) -> Any:
    from runtime.http.app import build  # noqa: PLC0415 - FastAPI is half of the start-up time
    from runtime.http.extension import extend  # noqa: PLC0415 - the same

    app = build(service)
    return extend(app, service.options.app) if service.options.app else app
