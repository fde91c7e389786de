"""One server's models and endpoints: what the front doors look at."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from runtime.configuration.settings import Batching, seconds
from runtime.data.answers import Refused
from runtime.data.models import Part
from runtime.serving.batching import Batcher, Limits
from runtime.serving.catalog import latest
from runtime.serving.engine import Endpoint
from runtime.serving.loading import NotLoaded, discover, load
from runtime.serving.routes import routes_of
from runtime.serving.worker import Worker
from runtime.telemetry.metrics import EndpointMetrics, Gauge, ModelMetrics, model_labels, render

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from runtime.configuration.options import Options
    from runtime.configuration.settings import ModelSettings, RuntimeSettings
    from runtime.data.models import Loaded
    from runtime.protocols import Codec
    from runtime.serving.records import Records
    from runtime.serving.routes import Route
    from runtime.serving.warming import Warm

log = logging.getLogger("runtime")

LOADING, READY, FAILED = "loading", "ready", "failed"
# Collections this rare cost nothing, and requests leave no cycles behind.
GC_THRESHOLDS = (50_000, 20, 50)
# A thread that hands a device its next call waits for the interpreter's lock no longer than this: Python's own 5 ms is
# as long as many a call, and the device would have nothing to do.
SWITCH_S = 0.0005


@dataclass(frozen=True, slots=True)
class Served:
    """One loaded version of one model."""

    loaded: Loaded
    batcher: Batcher
    metrics: ModelMetrics

    @property
    def part(self) -> Part:
        """Whose version it is, and what its folder and settings are."""
        return self.loaded.part


@dataclass(slots=True)
class Service:
    """State that is written on the event loop only.

    `endpoints` maps a request's path, as it is on the wire, to who answers it; empty until models are ready. Queues
    measure time by `clock` and make threads with `worker`.
    """

    model: ModelSettings
    runtime: RuntimeSettings
    options: Options
    records: Records
    clock: Callable[[], float] = perf_counter
    worker: Callable[[str], Worker] = Worker
    state: str = LOADING
    draining: bool = False
    served: list[Served] = field(default_factory=list)
    endpoints: dict[bytes, Any] = field(default_factory=dict)
    counted: list[EndpointMetrics] = field(default_factory=list)

    @property
    def max_body(self) -> int:
        """Bytes a body may have; a larger one is refused with 413."""
        return self.options.max_body

    @property
    def timeout_s(self) -> float:
        """Seconds a request may take; then it is answered with 504."""
        return seconds(self.runtime.timeout)

    @property
    def ready(self) -> bool:
        """Every model is loaded and warm, and the server is not on its way out."""
        return self.state == READY and not self.draining and not self.lost

    @property
    def condition(self) -> str:
        """Say why the server is ready or not: its state, or that it is on its way out."""
        return "device lost" if self.lost else "draining" if self.draining else self.state

    @property
    def alive(self) -> bool:
        """False once only a restart helps: a prediction is too late, or the device is lost."""
        return not self.lost and all(served.batcher.stuck_s < self.timeout_s for served in self.served)

    @property
    def lost(self) -> bool:
        """Whether a call failed so that this process can no longer use its device, whatever it is asked."""
        return any(served.batcher.lost for served in self.served)

    def newest(self) -> dict[str, Served]:
        """Give the latest version of each model, by name."""
        last = latest(served.part for served in self.served)
        return {served.part.name: served for served in self.served if last[served.part.name] is served.part}

    def find(self, name: str, version: str | None = None) -> Served:
        """Give a model by name, and by version or alias; the latest version when none is named.

        Raises:
            Refused: 404, or 503 while it may still come.
        """
        if version is None:
            found = self.newest().get(name)
        else:
            found = next((s for s in self.served if s.part.name == name and version in s.part.names), None)
        if found is None:
            raise self._absent()
        return found

    def endpoint(self, path: str) -> Any:
        """Give who answers a path.

        Raises:
            Refused: 404, or 503 while it may still come.
        """
        found = self.endpoints.get(path.encode())
        if found is None:
            raise self._absent()
        return found

    def _absent(self) -> Refused:
        if self.state == LOADING:
            return Refused(503, "the model is loading", retry_after_s=1)
        if self.state == FAILED:
            return Refused(503, "the model is not available", retry_after_s=10)
        return Refused(404, "no such model or version")

    def metrics_text(self) -> str:
        """Write all metrics as Prometheus reads them."""
        gauges = [Gauge("mlservice_ready", "1 when every model is loaded and warm.", "", float(self.ready))]
        for served in self.served:
            labels = model_labels(served.part.name, served.part.version)
            gauges.append(Gauge("mlservice_queue_requests", "Waiting for the model.", labels, served.batcher.waiting))
        return render(self.counted, [served.metrics for served in self.served], [*gauges, *self.records.gauges()])

    def start_loading(self, loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
        """Load in a thread; the port is open meanwhile. `then` is called on the loop once models are ready."""
        threading.Thread(target=self._load, args=(loop, then), name="load", daemon=True).start()

    def drain(self) -> None:
        """Stop being ready; what is in flight, and what still arrives, is answered."""
        self.draining = True

    def _load(self, loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
        try:
            batching = self.runtime.batching or Batching()
            warm = [load(part, batching.max_size) for part in discover(self.model, self.options.service)]
        except NotLoaded as error:
            log.error("model not loaded: %s", error)  # noqa: TRY400 - the message is the whole story
            loop.call_soon_threadsafe(setattr, self, "state", FAILED)
            return
        except BaseException:  # a class may end in SystemExit as well: nobody may wait for a model that never comes
            log.exception("model not loaded")
            loop.call_soon_threadsafe(setattr, self, "state", FAILED)
            raise
        self.records.begin()
        loop.call_soon_threadsafe(self._begin, warm, loop, then)

    def _begin(self, warm: list[Warm], loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
        self.serve(warm, loop)
        gc.collect()
        gc.freeze()  # the collector need not look at models and libraries again
        gc.set_threshold(*GC_THRESHOLDS)
        if any(one.workers for one in warm):
            sys.setswitchinterval(SWITCH_S)
        then()

    def serve(self, warm: list[Warm], loop: asyncio.AbstractEventLoop) -> None:
        """Put loaded models behind their paths, and be ready. Called on the loop, once."""
        self.served = [self._served(one, loop) for one in warm]
        newest = self.newest()
        for served in self.served:
            first = newest[served.part.name] is served
            alone = first and len(newest) == 1
            for route in routes_of(served.loaded, self.runtime, self.options, first=first, alone=alone):
                endpoint = self._behind(route, served, loop)
                self.endpoints.update({path.encode(): endpoint for path in route.paths})
        self.state = READY
        log.info("model ready", extra={"models": [f"{s.part.name}:{s.part.version}" for s in self.served]})

    def _served(self, warm: Warm, loop: asyncio.AbstractEventLoop) -> Served:
        part = warm.loaded.part
        metrics = ModelMetrics(part.name, part.version)
        batching = self.runtime.batching or Batching()
        limits = Limits(
            warm.max_rows,
            self.options.max_waiting,
            timeout_s=self.timeout_s,
            max_delay_s=seconds(batching.max_delay),
            beside_rows=warm.beside_rows or warm.max_rows,
        )
        batcher = Batcher(
            warm.loaded.model,
            limits,
            warm.cost,
            metrics,
            loop,
            clock=self.clock,
            worker=self.worker,
            workers=warm.workers,
        )
        return Served(warm.loaded, batcher, metrics)

    def _behind(self, route: Route, served: Served, loop: asyncio.AbstractEventLoop) -> Any:
        endpoint = self.make_endpoint(served, route.protocol, route.codec)
        return self.records.published(endpoint, loop) if route.publishes else endpoint

    def make_endpoint(self, served: Served, protocol: str, codec: Codec) -> Endpoint:
        """Put one protocol before a model."""
        metrics = EndpointMetrics(served.part.name, served.part.version, protocol)
        self.counted.append(metrics)
        return Endpoint(
            codec,
            served.batcher,
            self.timeout_s,
            metrics,
            keys=self.records.keys,
            max_body=self.max_body,
            followers=self.records.followers(),
            failures=self.records.failures(),
            sample=self.records.sample(served.loaded),
        )
