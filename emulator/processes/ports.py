"""Ports of the loopback interface for addresses and instances.

They are chosen below the range from which systems take the local ends of outgoing connections (Linux 32768, macOS
49152): a port from that range may be taken by any client in the moment before a container binds it, or while the
emulator is down.
"""

import random
import socket

FIRST, LAST = 20000, 32767
TRIES = 200


def bound(wanted: int = 0) -> socket.socket:
    """Give a socket bound to `wanted` where that is free, else to a free port.

    Raises:
        OSError: No port is free.
    """
    chosen = [wanted] if wanted else []
    chosen += [random.randint(FIRST, LAST) for _ in range(TRIES)]  # noqa: S311 - a port, not a secret
    for port in [*chosen, 0]:
        candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            candidate.close()
            if port == 0:
                raise
        else:
            return candidate
    raise OSError("no port is free")


def free_port() -> int:
    """Find a port that nobody listens on, for somebody else to bind."""
    with bound() as candidate:
        return int(candidate.getsockname()[1])
