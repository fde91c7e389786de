"""The page on one's own machine: one address, of this machine alone, until somebody stops it."""

from __future__ import annotations

import socket

from page.access import Own
from page.clock import clock
from page.desk import Desk
from page.shelf import Shelf
from page.sources import Source

HOST = "127.0.0.1"


def listening(port: int) -> socket.socket:
    """Take a port of this machine's.

    Args:
        port: Which; 0 for any that is free.

    Raises:
        OSError: Somebody has it.
    """
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind((HOST, port))
    taken.listen(128)
    return taken


def serve(source: Source, taken: socket.socket, *, emulator: str = "", fresh_s: float = 0.5) -> None:
    """Serve the page until the process is told to end.

    Args:
        source: Where documents lie.
        taken: As `listening` gives it.
        emulator: Address of the emulator whose time it is; empty for the system's.
        fresh_s: For how long what was listed is believed.
    """
    import uvicorn  # noqa: PLC0415 - late, for start-up

    from page.server import server  # noqa: PLC0415 - late, for start-up

    desk = Desk(Shelf(source, fresh_s=fresh_s, past_fresh_s=2.0, local=bool(emulator)), clock(emulator))
    app = server(desk, Own(), live="events")
    options = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    uvicorn.Server(options).run(sockets=[taken])
