"""Connections to the server's protocol classes in virtual time, without sockets."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.server import ServerState

from runtime.configuration.options import Options
from runtime.configuration.settings import ModelSettings, RuntimeSettings
from runtime.data.models import Part
from runtime.http.app import build
from runtime.http.guard import GuardedProtocol, sweep
from runtime.http.wire import WireProtocol
from runtime.serving.catalog import describe
from runtime.serving.records import Records
from runtime.serving.service import Service
from runtime.serving.warming import Warm
from tests.runtime import virtual_time
from tests.runtime.queues import TABLE, Doubling, Queue

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
        assert self.closed_at is None, "uvloop raises here"
        self.reading = False

    def resume_reading(self) -> None:
        assert self.closed_at is None, "uvloop raises here"
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


class Loaded(Service):
    """A service that need not load its models any more."""

    def start_loading(self, loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
        del loop
        then()


def doubling(loop: virtual_time.VirtualLoop, queue: Queue | None = None, **options: Any) -> Service:
    """A service with one model, which doubles a table of two columns; `queue` lends its model, cost and threads."""
    lent = queue or Queue(loop, model=Doubling(inputs=TABLE))
    runtime = RuntimeSettings(timeout=options.pop("timeout", "300s"))
    settings = Options(**options)
    service = Loaded(ModelSettings(), runtime, settings, Records(settings, runtime), loop.time, lent.worker)
    loaded = describe(Part("m", "1", Path(), ModelSettings()), lent.model)
    service.serve([Warm(loaded, lent.cost, lent.limits.max_rows)], loop)
    return service


def front_door(loop: virtual_time.VirtualLoop, kind: str, service: Service | None = None) -> Door:
    """The `wire` path, or `fastapi` for every path, in front of a service."""
    served = service or doubling(loop)
    return Door(loop, build(served), partial(WireProtocol, served) if kind == "wire" else GuardedProtocol)
