"""The process: port first, model in a thread beside it, a drain at SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import threading
from typing import TYPE_CHECKING

import uvicorn

from runtime.batching import Batcher, Limits
from runtime.engine import Endpoint
from runtime.loading import NotLoaded, Warm, load
from runtime.protocols.plain import PlainCodec
from runtime.settings import Batching, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from runtime.settings import ModelSettings, RuntimeSettings

log = logging.getLogger("runtime")

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_ROWS = 10_000
# Cloud Run sends SIGKILL 10 s after SIGTERM. For the first second we still take what a proxy had already sent us.
DRAIN_S = 1.0
SHUTDOWN_S = 7
CLOSE = (b"connection", b"close")


class Service:
    """What the routes look at: the model's state, and the endpoint once there is one."""

    def __init__(self, model: ModelSettings, runtime: RuntimeSettings) -> None:
        self.name = model.name or "model"
        self.version = model.version or "1"
        self.max_body = MAX_BODY_BYTES
        self.state = "loading"
        self.endpoint: Endpoint | None = None
        self._model = model
        self._timeout_s = seconds(runtime.timeout)
        batching = runtime.batching or Batching()
        self._limits = Limits(
            max_rows=batching.max_size, timeout_s=self._timeout_s, max_delay_s=seconds(batching.max_delay)
        )
        self._batcher: Batcher | None = None

    @property
    def ready(self) -> bool:
        """Loaded, warm, and not on the way out."""
        return self.state == "ready"

    @property
    def alive(self) -> bool:
        """False once a prediction is so late that only a restart helps."""
        return self._batcher is None or self._batcher.stuck_s < self._timeout_s

    def start_loading(self, loop: asyncio.AbstractEventLoop) -> None:
        """Load in a thread; the port is open meanwhile."""
        threading.Thread(target=self._load, args=(loop,), name="load", daemon=True).start()

    def drain(self) -> None:
        """Stop being ready; what is in flight, and what still arrives, is answered."""
        self.state = "draining"

    def _load(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            warm = load(self._model, self._limits.max_rows)
        except NotLoaded as error:
            log.error("model not loaded: %s", error)  # noqa: TRY400 - the message is the whole story
            loop.call_soon_threadsafe(setattr, self, "state", "failed")
            return
        loop.call_soon_threadsafe(self._serve, warm, loop)

    def _serve(self, warm: Warm, loop: asyncio.AbstractEventLoop) -> None:
        self._batcher = Batcher(warm.loaded.model, self._limits, warm.cost, loop)
        self.endpoint = Endpoint(PlainCodec(warm.loaded, MAX_ROWS), self._batcher, self._timeout_s)
        gc.collect()
        gc.freeze()  # the model and the libraries are not looked at again by the collector
        if self.state == "loading":
            self.state = "ready"
        log.info("model ready")


class Server(uvicorn.Server):
    """uvicorn, with a drain before its own shutdown."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._draining: asyncio.TimerHandle | None = None

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Open the port, then load."""
        await super().startup(sockets)  # type: ignore[arg-type]
        self._service.start_loading(asyncio.get_running_loop())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals through the loop, so that the drain can run on it."""
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
        self._service.drain()
        # Every answer from here on closes its connection, so that no caller sends into a socket about to close.
        # uvicorn makes the list anew each second from the one of its configuration.
        self.config.encoded_headers.append(CLOSE)
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        self._draining = asyncio.get_running_loop().call_later(DRAIN_S, self._end)

    def _end(self) -> None:
        self.should_exit = True


def serve(model: ModelSettings, runtime: RuntimeSettings, *, host: str, port: int) -> None:
    """Serve until a signal."""
    from runtime.app import build  # noqa: PLC0415 - FastAPI is half of the start-up time

    service = Service(model, runtime)
    config = uvicorn.Config(
        build(service),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        timeout_keep_alive=75,
    )
    Server(config, service).run()
