"""From settings to a server that listens, until it is told to end."""

import asyncio
import signal
from contextlib import suppress

from .api import Api
from .engine import Engine
from .settings import Settings
from .wire import MOST_HEAD, Connection


async def serve(settings: Settings) -> None:
    """Load, as long as that is said to take; then listen, and answer until SIGTERM, which lets answers finish."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    print(f"loading {', '.join(settings.models)}", flush=True)  # noqa: T201 - a container's log
    if await over(ended, settings.start_s):
        return
    engine = Engine(settings)
    api = Api(settings, engine)
    open_ones: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            open_ones.add(task)
            task.add_done_callback(open_ones.discard)
        await Connection(api, reader, writer).run()

    server = await asyncio.start_server(accept, settings.host, settings.port, limit=MOST_HEAD, backlog=2048)
    print(f"listening on {settings.host}:{settings.port}", flush=True)  # noqa: T201 - a container's log
    await ended.wait()
    server.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(engine.done(), settings.grace_s)
    for task in list(open_ones):
        task.cancel()
    await asyncio.gather(*open_ones, return_exceptions=True)


async def over(ended: asyncio.Event, wait_s: float) -> bool:
    """Wait, and tell whether the end came before."""
    if not wait_s:
        return False
    try:
        await asyncio.wait_for(ended.wait(), wait_s)
    except TimeoutError:
        return False
    return True
