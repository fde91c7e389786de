"""What changed, told to open pages as server-sent events: an id for each moment, so that a reconnect misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from page.desk import Desk

HEARTBEAT_S = 15.0
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Events:
    """Looks whether documents are others than before.

    Args:
        desk: Knows what a page would show.
        look_s: How often it is looked, in seconds.
        heartbeat_s: After so many seconds of silence something is sent: who went away is noticed then.
    """

    desk: Desk
    look_s: float = LOOK_S
    heartbeat_s: float = HEARTBEAT_S

    async def after(self, seen: str, gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        """Tell of every moment after the one that was seen last.

        Args:
            seen: The last id that the page had, or the moment that it was made of.
            gone: Tells whether nobody listens any more.
        """
        known = seen.replace("\n", " ").replace("\r", " ")[:100]
        yield b"retry: 1000\n: here\n\n"
        quiet = 0.0
        while not await gone():
            key = await run_in_threadpool(self.desk.moment)
            if key != known:
                known, quiet = key, 0.0
                yield f"id: {key}\nevent: changed\ndata: {key}\n\n".encode()
            elif quiet >= self.heartbeat_s:
                quiet = 0.0
                yield b": still here\n\n"
            await asyncio.sleep(self.look_s)
            quiet += self.look_s
