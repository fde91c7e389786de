"""Closing a port without losing who has just connected."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def stop_listening(server: asyncio.Server) -> list[socket.socket]:
    """Close a server's ports, and give the connections that it had not accepted yet.

    The kernel finishes handshakes by itself and keeps the connections in a queue. Closing the port resets them, though
    their clients were told that they are connected, and have sent a request that they may not dare to repeat.
    """
    handles = [_second_handle(listening) for listening in server.sockets]
    server.close()  # the event loop accepts no more; the ports stay open with our handles
    return [connection for listening in handles for connection in _last_accepted(listening)]


def _second_handle(listening: socket.socket) -> socket.socket:
    """Event loops let nobody accept on the sockets that they show."""
    return socket.socket(fileno=os.dup(listening.fileno()))


def _last_accepted(listening: socket.socket) -> list[socket.socket]:
    """Empty the queue and close the port, with as little as can be in between."""
    listening.settimeout(0)
    found = []
    with listening:
        while True:
            try:
                found.append(listening.accept()[0])
            except OSError:  # none is left
                return found
