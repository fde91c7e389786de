"""Bundles in Cloud Storage: an archive by its digest, then the pointer, each by a conditional write.

Whoever reads the pointer finds the whole of what it names: half of a push is never seen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from reconciler.core import errors
from reconciler.core.bundle import LARGEST, BundleError, Pointer, digest_of, unpack
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling
from reconciler.gcp.connection import Connection

POINTER = "current.json"
_TRIES = 5


class BundleRefused(errors.ReconcilerError):
    """A bundle is not published, or not applied."""


@dataclass(frozen=True, slots=True)
class Current:
    """The pointer, and the generation of its object; 0 where there is none."""

    pointer: Pointer | None
    generation: int


@dataclass(frozen=True, slots=True)
class Bundles:
    """The bundles of one place.

    Args:
        connection: How to reach Cloud Storage.
        place: `gs://bucket/folder`.
    """

    connection: Connection
    place: str

    def publish(self, archive: bytes, pointer: Pointer) -> bool:
        """Put an archive there and point at it.

        Args:
            archive: Its bytes.
            pointer: About it. `older` lets it replace a newer one.

        Returns:
            Whether anything was changed: what is current already is left.

        Raises:
            BundleRefused: A newer one is current, or others publish all the time.
        """
        for _ in range(_TRIES):
            now = self.current()
            if now.pointer and now.pointer.digest == pointer.digest and now.pointer.commit == pointer.commit:
                return False
            refuse_older(pointer, now.pointer, self.place)
            self._write(pointer.archive, archive, "application/x-tar", 0)
            body = json.dumps(pointer.to_json(), indent=1).encode()
            if self._write(POINTER, body, "application/json", now.generation):
                return True
        raise BundleRefused(f"cannot publish to {self.place}: others keep publishing", hint="try again")

    def current(self) -> Current:
        """Read the pointer.

        Raises:
            BundleRefused: It cannot be read as one.
        """
        found = self._read(POINTER, "read the bundle at")
        if found is None:
            return Current(None, 0)
        content, generation = found
        try:
            return Current(Pointer.read(content), generation)
        except BundleError as error:
            raise BundleRefused(f"cannot use {self.place}/{POINTER}: {error}", hint="publish anew") from error

    def latest(self) -> Pointer:
        """Give the pointer.

        Raises:
            BundleRefused: There is none, or it cannot be read.
        """
        found = self.current().pointer
        if found is None:
            raise BundleRefused(f"there is no bundle at {self.place}", hint="mlservice publish")
        return found

    def files(self, pointer: Pointer) -> dict[str, bytes]:
        """Read the files of a bundle.

        Raises:
            BundleRefused: It is not there, or is not what the pointer says.
        """
        content, _ = self._read(pointer.archive, "read the bundle at") or (b"", 0)
        try:
            return unpack(content, pointer.digest)
        except BundleError as error:
            where = f"{self.place}/{pointer.archive}"
            raise BundleRefused(f"cannot use {where}: {error}", hint="publish anew: mlservice publish") from error

    def _read(self, name: str, verb: str) -> tuple[bytes, int] | None:
        with calling(verb, f"{self.place}/{name}"):
            blob = self._bucket().get_blob(self._name(name), timeout=CALL_TIMEOUT_S)
            if blob is None:
                return None
            if blob.size > LARGEST:
                raise BundleRefused(f"{self.place}/{name} has more than {LARGEST} bytes")
            return blob.download_as_bytes(timeout=CALL_TIMEOUT_S), int(blob.generation)

    def _write(self, name: str, content: bytes, kind: str, generation: int) -> bool:
        """Write an object if it is as it was; tell whether it was."""
        try:
            with calling("write", f"{self.place}/{name}"):
                blob = self._bucket().blob(self._name(name))
                blob.upload_from_string(
                    content, kind, if_generation_match=generation, timeout=CALL_TIMEOUT_S, checksum="crc32c"
                )
        except errors.Conflict:
            return False
        return True

    def _bucket(self) -> Any:
        return self.connection.storage.bucket(self.place.removeprefix("gs://").partition("/")[0])

    def _name(self, name: str) -> str:
        return f"{self.place.removeprefix('gs://').partition('/')[2].strip('/')}/{name}"


def refuse_older(pointer: Pointer, before: Pointer | None, place: str) -> None:
    """Refuse a bundle that was written before another one: a CI job that is run again must not roll back production.

    Raises:
        BundleRefused: It is older, and nobody said that this is meant.
    """
    if before is None or pointer.older or pointer.written >= before.written:
        return
    what = f"commit {pointer.commit[:12]}" if pointer.commit else "it"
    why = f"{what} was written at {pointer.written}, and what is there at {before.written}"
    raise BundleRefused(
        f"the bundle for {place} is older: {why}", hint="if that is meant: mlservice publish --allow-older"
    )


def digested(archive: bytes, **about: Any) -> Pointer:
    """Make the pointer to an archive."""
    return Pointer(digest=digest_of(archive), **about)
