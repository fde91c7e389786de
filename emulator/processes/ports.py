"""Ports of the loopback interface for addresses and instances.

They are chosen below the range from which systems take the local ends of outgoing connections (Linux 32768, macOS
49152): a port from that range may be taken by any client in the moment before a container binds it, or while the
emulator is down.

They are given one after the other from a random one on, so that no two instances that start at once are told the same:
drawn each by itself, of fifty that start together two met in one of ten tries, and the later one failed to start.
"""

import itertools
import os
import random
import socket
from collections.abc import Iterator

FIRST, LAST = 20000, 32767
TRIES = 200
_TURNS: dict[int, Iterator[int]] = {}
"""By process: one that was forked takes turns of its own."""


def bound(wanted: int = 0) -> socket.socket:
    """Give a socket bound to `wanted` where that is free, else to a free port.

    Raises:
        OSError: No port is free.
    """
    chosen = [wanted] if wanted else []
    for port in itertools.chain(chosen, (_next() for _ in range(TRIES)), [0]):
        if _is_held(port):
            continue
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


def _is_held(port: int) -> bool:
    """Tell whether a port is kept for a program that has not bound it yet; see `Port`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as candidate:
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _next() -> int:
    start = itertools.count(random.randint(FIRST, LAST))  # noqa: S311 - a port, not a secret
    return FIRST + next(_TURNS.setdefault(os.getpid(), start)) % (LAST + 1 - FIRST)


class Port:
    """A port that nobody listens on, kept for a program that is to bind it.

    Its UDP side, which no container of Cloud Run has a use for, is held until it is released, by death at the latest:
    between the choice of a port and its use lies the start of a program, and other emulators on this machine choose
    too. A probe would find the other's program there, and requests would go to it.

    Args:
        wanted: Preferred, where it is free.
    """

    def __init__(self, wanted: int = 0) -> None:
        for turn in range(TRIES):
            with bound(0 if turn else wanted) as candidate:
                self.number = int(candidate.getsockname()[1])
            self._held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._held.bind(("127.0.0.1", self.number))
            except OSError:
                self._held.close()
            else:
                return
        raise OSError("no port is free")

    def release(self) -> None:
        """Let others have it."""
        self._held.close()
