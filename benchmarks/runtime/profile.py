"""Where the time of a prediction goes: the whole server in this process, sockets replaced by nothing.

python -m benchmarks.runtime.profile [MODEL] [ROWS] [CONNECTIONS]      MODEL: onnx-forest, sklearn-linear
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import pstats
import sys
import time
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from benchmarks.runtime import models
from runtime.configuration.options import Options
from runtime.configuration.settings import Batching, ModelSettings, RuntimeSettings
from runtime.http.wire import WireProtocol
from runtime.serving.records import Records
from runtime.serving.service import Service


class Nowhere(asyncio.Transport):
    """A transport that throws away what is written."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Know nothing."""
        del name
        return default

    def write(self, data: Any) -> None:
        """Throw away."""

    def is_closing(self) -> bool:
        """Never."""
        return False


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Stand where FastAPI would: predictions never get there."""


async def main(model: str, rows: int, connections: int) -> None:
    """Print microseconds per request, then the profile."""
    folder = models.build()
    settings = ModelSettings(uri=str(folder / model))
    service = Service(settings, RuntimeSettings(batching=Batching()), Options(), Records(Options(), RuntimeSettings()))
    loop = asyncio.get_running_loop()
    loaded = asyncio.Event()
    service.start_loading(loop, loaded.set)
    await loaded.wait()
    config = uvicorn.Config("benchmarks.runtime.profile:nothing", log_config=None, lifespan="off", ws="none")
    config.load()
    state = ServerState()
    callers = [WireProtocol(service, config, state, {}, loop) for _ in range(connections)]
    for caller in callers:
        caller.connection_made(Nowhere())
    body = json.dumps({"instances": json.loads((folder / "rows.json").read_text())[:rows]}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    request = f"{head}\r\n\r\n".encode() + body
    tick = service.served[0].batcher._tick  # noqa: SLF001 - what the loop would call

    def rounds(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            for caller in callers:
                caller.data_received(request)
            tick()
        return time.perf_counter() - start

    count = 6000 // connections // rows + 1
    rounds(count)
    best = min(rounds(count) for _ in range(7)) / count / connections
    print(f"{model}, {rows} rows, {connections} connections: {best * 1e6:.1f} µs per request, without the socket")
    profile = cProfile.Profile()
    profile.runcall(rounds, count * 3)
    pstats.Stats(profile).sort_stats("tottime").print_stats(22)


if __name__ == "__main__":
    given = sys.argv[1:]
    uvloop.run(
        main(given[0] if given else "onnx-forest", *(int(a) for a in (*given[1:3], *("1", "32")[len(given[1:3]) :])))
    )
