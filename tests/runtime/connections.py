"""A connection to the server's protocol class in virtual time, without a socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.server import ServerState

from runtime.http.guard import GuardedProtocol, sweep
from tests.runtime import virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable


class Pipe(asyncio.Transport):
    """The client's end: keeps what is written, and notes when it is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self.protocol: Any = None
        self.written = b""
        self.closed_at: float | None = None
        self.aborted = False
        self.reading = True

    def write(self, data: bytes) -> None:
        assert self.closed_at is None, "written after the end"
        self.written += data

    def is_closing(self) -> bool:
        return self.closed_at is not None

    def close(self) -> None:
        if self.closed_at is None:
            self.closed_at = round(self._loop.time() - virtual_time.START_S, 3)
            self._loop.call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return 0


class Door:
    """Connections to one application, swept as the server does."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, app: Any, protocol: Callable[..., Any] = GuardedProtocol
    ) -> None:
        self.loop = loop
        self.state = ServerState()
        self._protocol = protocol
        self._config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_keep_alive=75)
        self._config.load()
        sweep(self.state.connections, loop)

    def connect(self) -> Any:
        """Open a connection; its `transport` is a `Pipe`."""
        connection = self._protocol(self._config, self.state, {}, _loop=self.loop)
        pipe = Pipe(self.loop)
        pipe.protocol = connection
        connection.connection_made(pipe)
        return connection
