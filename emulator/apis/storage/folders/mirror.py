"""A bucket as a folder: what changes on one side is changed on the other.

At Google a file becomes an object when it is closed, and an object is seen when its name is next looked up
(https://cloud.google.com/run/docs/configuring/services/cloud-storage-volume-mounts). Here both sides are compared
several times a second: a file becomes an object once it has been the same twice, or its instance is over. Of two
writers of one name the last one counts, as there. A folder that a container makes is no object by itself.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emulator.apis.storage.folders.bucket import Bucket, RefusedError

Stamp = tuple[int, int, int]
"""Of a file: when it was changed, how large it is, which one it is."""


@dataclass(frozen=True, slots=True)
class Known:
    """A name that both sides have: which object, and which file."""

    generation: str
    stamp: Stamp


class Mirror:
    """One mount of a bucket by one instance. One thread at a time.

    Args:
        bucket: What is mounted.
        folder: Where it lies, and nothing else.
        writable: What is written there is written to the bucket.
        note: Told what could not be done, in words.
    """

    def __init__(self, bucket: Bucket, folder: Path, note: Callable[[str], None], *, writable: bool) -> None:
        self.folder = folder
        self._bucket = bucket
        self._writable = writable
        self._note = note
        self._known: dict[str, Known] = {}
        self._seen: dict[str, Stamp] = {}
        self._refused: dict[str, Stamp] = {}
        self._changes = -1
        folder.mkdir(parents=True, exist_ok=True)

    def compare(self, *, last: bool = False) -> None:
        """Bring both sides together. `last`: nobody writes any more, so what there is, is whole."""
        if self._writable:
            self._push(last=last)
        changes = self._bucket.changes()
        if changes != self._changes:
            self._pull()
            self._changes = changes

    def _push(self, *, last: bool) -> None:
        files = dict(stamps(self.folder))
        for name, stamp in files.items():
            known = self._known.get(name)
            if (known is None or known.stamp != stamp) and (last or self._seen.get(name) == stamp):
                self._write(name, stamp)
        self._seen = files
        for name in [name for name in self._known if name not in files]:
            self._remove(name)

    def _write(self, name: str, stamp: Stamp) -> None:
        if self._refused.get(name) == stamp:
            return
        try:
            generation = self._bucket.write(name, self.folder / name)
        except RefusedError as error:
            self._refused[name] = stamp
            self._note(f"gs://{self._bucket.name}/{self._bucket.below}{name} cannot be written: {error}")
        except OSError:
            return  # it was removed, or renamed, meanwhile: the next look will tell
        else:
            self._known[name] = Known(generation, stamp)

    def _remove(self, name: str) -> None:
        known = self._known.pop(name)
        try:
            self._bucket.remove(name, known.generation)
        except RefusedError as error:
            if self._bucket.objects().get(name, ("",))[0] == known.generation:
                self._note(f"gs://{self._bucket.name}/{self._bucket.below}{name} cannot be removed: {error}")

    def _pull(self) -> None:
        objects = self._bucket.objects()
        for name, (generation, content) in objects.items():
            if name.endswith("/") and fits(name[:-1]):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            known = self._known.get(name)
            if (known is None or known.generation != generation) and fits(name) and not self._has_news(name):
                with suppress(OSError):  # a name that is a folder's, too, has no place as a file
                    self._known[name] = Known(generation, self._place(name, content))
        for name in [name for name in self._known if name not in objects]:
            if not self._has_news(name):
                (self.folder / name).unlink(missing_ok=True)
                del self._known[name]

    def _has_news(self, name: str) -> bool:
        """Whether a file was written here that is not an object yet."""
        if not self._writable:
            return False
        found, known = stamp_of(self.folder / name), self._known.get(name)
        return found is not None and (known is None or known.stamp != found) and self._refused.get(name) != found

    def _place(self, name: str, content: Path) -> Stamp:
        """Put an object's bytes in place, whole from one moment to the next."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".new-") as new:
            fresh = Path(new) / "file"
            shutil.copyfile(content, fresh)
            fresh.chmod(0o644)
            fresh.replace(target)
        found = stamp_of(target)
        if found is None:
            raise FileNotFoundError(target)
        return found


def stamps(folder: Path) -> list[tuple[str, Stamp]]:
    """Name and stamp of every file below a folder."""
    found = []
    for here, _, names in os.walk(folder):
        for name in names:
            path = Path(here) / name
            stamp = stamp_of(path)
            if stamp is not None:
                found.append((path.relative_to(folder).as_posix(), stamp))
    return found


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if path.is_file() else None


def fits(name: str) -> bool:
    """Whether an object's name is one that a file can have, below the folder."""
    parts = name.split("/")
    return all(part not in ("", ".", "..") and "\0" not in part for part in parts) and PurePosixPath(name).name != ""
