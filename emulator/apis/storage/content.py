"""The bytes of objects: hashed and kept as content-addressed files, never whole in memory."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

import google_crc32c

from emulator.apis.storage import errors
from emulator.apis.storage.wire import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.core.world import World


class Stream(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Content:
    """Kept bytes and what Cloud Storage says of them. `md5` is absent for composed objects."""

    sha256: str
    size: int
    crc32c: str
    md5: str | None

    def fields(self) -> dict[str, str]:
        """As part of an object's resource."""
        said = {"size": str(self.size), "crc32c": self.crc32c}
        return said | ({"md5Hash": self.md5} if self.md5 else {})

    def check(self, claims: dict[str, Any]) -> None:
        """Compare with the checksums the caller sent along.

        Raises:
            StorageError: 400, in the words of the service (quoted in googleapis/google-cloud-* issues).
        """
        for field, label, actual in (("crc32c", "CRC32C", self.crc32c), ("md5Hash", "MD5 hash", self.md5)):
            claimed = claims.get(field)
            if claimed and claimed != actual:
                raise errors.invalid(f'Provided {label} "{claimed}" doesn\'t match calculated {label} "{actual}".')


class Slice:
    """A part of a file, readable as a stream."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._left = end - start
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all that is left if negative."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data


def keep(world: World, stream: Stream, *, composed: bool = False) -> Content:
    """Read a stream to its end into the content-addressed files."""
    hashed = _Hashing(stream)
    sha256 = world.store.put_blob(cast("BinaryIO", hashed))
    md5 = base64.b64encode(hashed.md5.digest()).decode()
    crc32c = base64.b64encode(hashed.crc32c.to_bytes(4, "big")).decode()
    return Content(sha256, hashed.size, crc32c, None if composed else md5)


def chunks(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The bytes from start up to, not including, end."""
    with path.open("rb") as file:
        part = Slice(file, start, end)
        while data := part.read(CHUNK_BYTES):
            yield data


class _Hashing:
    """Hashes what is read through it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.size = 0
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.crc32c = 0

    def read(self, size: int = -1) -> bytes:
        """Pass the read on."""
        data = self._stream.read(size)
        self.size += len(data)
        self.md5.update(data)
        self.crc32c = google_crc32c.extend(self.crc32c, data)
        return data
