"""Read large files of this machine in blocks, so that a run that is stopped stops within one."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from reconciler.core.errors import Interrupted

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 4 * 1024 * 1024
"""Milliseconds to hash, and a few tenths of a second to send over a slow line."""


def go_on(stopped: Event) -> None:
    """Return while the run goes on.

    Raises:
        Interrupted: It was stopped.
    """
    if stopped.is_set():
        raise Interrupted("stopped")


class _Blocks(io.FileIO):
    """A file that asks before every block whether the run goes on."""

    def __init__(self, path: Path, stopped: Event) -> None:
        super().__init__(path)
        self._stopped = stopped

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        go_on(self._stopped)
        return super().readinto(memoryview(buffer)[:BLOCK_BYTES])


def opened(path: Path, stopped: Event) -> io.BufferedReader:
    """Open a file whose reading ends with `Interrupted` once the run is stopped."""
    return io.BufferedReader(_Blocks(path, stopped), BLOCK_BYTES)


def sha256_of(path: Path, stopped: Event) -> str:
    """Give the SHA-256 of a file, in hexadecimal.

    Raises:
        Interrupted: The run was stopped meanwhile.
    """
    digest = hashlib.sha256()
    with opened(path, stopped) as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
