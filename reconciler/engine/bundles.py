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
from schemas.checks.operator import BUNDLE
from schemas.refusal import shown

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

    Raises:
        UsageError: The place is none.
    """

    connection: Connection
    place: str

    def __post_init__(self) -> None:
        """Check the place.

        Raises:
            UsageError: It is none.
        """
        if not BUNDLE.fullmatch(self.place.rstrip("/")):
            raise errors.UsageError(f"{shown(self.place)} is no place of bundles", hint="gs://BUCKET/FOLDER")

    def publish(self, archive: bytes, pointer: Pointer) -> bool:
        """Put an archive there and point at it.

        Args:
            archive: Its bytes.
            pointer: About it. `older` lets it replace a newer one, and one that cannot be read.

        Returns:
            Whether anything was changed: what is current already, and whole, is left; with `older`, where its pointer
            says that as well.

        Raises:
            BundleRefused: It could not be read back, a newer one is current, or others publish all the time.
        """
        body = json.dumps(pointer.to_json(), indent=1).encode()
        self._refuse_unreadable(archive, pointer, body)
        for _ in range(_TRIES):
            now = self.current(broken=pointer.older)
            same = now.pointer and _as_wanted(pointer, now.pointer)
            if not same:
                refuse_older(pointer, now.pointer, self.place)
            mended = self._keep(archive, pointer)
            if same or self._write(POINTER, body, "application/json", now.generation):
                return mended or not same
        raise self._crowded()

    def _refuse_unreadable(self, archive: bytes, pointer: Pointer, body: bytes) -> None:
        """Read what is to be published as the job will: what it would refuse must not become current."""
        try:
            unpack(archive, pointer.digest)
            Pointer.read(body)
        except BundleError as error:
            hint = "fewer or shorter files, with plain names"
            raise BundleRefused(f"cannot publish to {self.place}: {error}", hint=hint) from error

    def _keep(self, archive: bytes, pointer: Pointer) -> bool:
        """Have the archive there, whole; tell whether it was written. One that is damaged is written again."""
        for _ in range(_TRIES):
            content, generation = self._read(pointer.archive, "read the bundle at") or (b"", 0)
            if generation and digest_of(content) == pointer.digest:
                return False
            if self._write(pointer.archive, archive, "application/x-tar", generation):
                return True
        raise self._crowded()

    def _crowded(self) -> BundleRefused:
        return BundleRefused(f"cannot publish to {self.place}: others keep publishing", hint="try again")

    def current(self, *, broken: bool = False) -> Current:
        """Read the pointer.

        Args:
            broken: One that cannot be read counts as none.

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
            if broken:
                return Current(None, generation)
            # It cannot be told what it would replace, so a person says that this is meant.
            hint = "replace it: mlservice publish --allow-older"
            raise BundleRefused(f"cannot use {self.place}/{POINTER}: {error}", hint=hint) from error

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
        try:
            return self._read_once(name, verb)
        except errors.NotFoundError:  # replaced between its two calls, which ask for one generation
            return self._read_once(name, verb)

    def _read_once(self, name: str, verb: str) -> tuple[bytes, int] | None:
        """Give content and generation; what is too large to be ours has no content."""
        with calling(verb, f"{self.place}/{name}"):
            blob = self._bucket().get_blob(self._name(name), timeout=CALL_TIMEOUT_S)
            if blob is None:
                return None
            if blob.size > LARGEST:
                return b"", int(blob.generation)
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
    if before is None or pointer.older or not pointer.older_than(before):
        return
    what = f"commit {pointer.commit[:12]}" if pointer.commit else "it"
    why = f"{what} was written at {pointer.written}, and what is there at {before.written}"
    raise BundleRefused(
        f"the bundle for {place} is older: {why}", hint="if that is meant: mlservice publish --allow-older"
    )


def _as_wanted(pointer: Pointer, now: Pointer) -> bool:
    """Tell whether what is current says the same. What was meant to replace a newer one says so in its pointer."""
    same = (now.digest, now.commit) == (pointer.digest, pointer.commit)
    return same and (not pointer.older or (now.older and now.written == pointer.written))


def digested(archive: bytes, **about: Any) -> Pointer:
    """Make the pointer to an archive."""
    return Pointer(digest=digest_of(archive), **about)
