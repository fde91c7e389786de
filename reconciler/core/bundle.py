"""A bundle: the files of some specs as one archive named by its content, and the pointer that says which is current.

Source:
    The pax format of tar, IEEE Std 1003.1-2001; sorted, without times and owners, so that equal files give equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from schemas.problems import Problem
from schemas.refusal import shown

FORMAT = 1
LARGEST = 16 << 20
"""Bytes of an archive, at most: some ten thousand specs."""
MOST_FILES = 20_000
MOST_FOLDERS = 5_000
_LONGEST = 64 << 10
_LONGEST_NAME = 1024
_LONGEST_PART = 255
"""Bytes of a path and of a part of it, at most: what file systems take."""
_MODE = 0o644


class BundleError(ValueError):
    """It cannot be used. The text says why."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which bundle is current.

    Args:
        digest: SHA-256 of the archive, in hexadecimal.
        written: When what it holds was written, ISO 8601 in UTC: the commit's time. Older ones are refused.
        published: When it was published, ISO 8601 in UTC.
        commit: Which; empty where there is none.
        author: Whose commit it is.
        run: Address of the run that published it.
        older: It was published over a newer one, and that was meant.
        documents: Names of the documents in it.
    """

    digest: str
    written: str
    published: str
    commit: str = ""
    author: str = ""
    run: str = ""
    older: bool = False
    documents: tuple[str, ...] = ()

    @property
    def archive(self) -> str:
        """Name of the archive's object, below the bundle's folder."""
        return f"bundles/{self.digest}.tar"

    def older_than(self, before: Pointer | None) -> bool:
        """Tell whether it was written before another one. The same content is never older, whenever it was written."""
        return before is not None and self.digest != before.digest and self.written < before.written

    def to_json(self) -> dict[str, Any]:
        """Give the stored form."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {"format": FORMAT, **fields, "documents": list(self.documents)}

    @classmethod
    def read(cls, content: bytes) -> Pointer:
        """Read the stored form.

        Raises:
            BundleError: It is none.
        """
        try:
            said = json.loads(content) if len(content) <= LARGEST else None
            if not isinstance(said, dict) or said.get("format") != FORMAT:
                raise BundleError("the pointer is none of this version")
            documents = tuple(map(str, said["documents"]))
            texts = {name: _text(said[name]) for name in _TEXTS}
            found = cls(**texts, older=said["older"] is True, documents=documents)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise BundleError(f"the pointer cannot be read: {error}") from error
        if len(found.digest) != len(hashlib.sha256().hexdigest()) or not set(found.digest) <= set("0123456789abcdef"):
            raise BundleError("the pointer names no archive")
        return found


@dataclass(frozen=True, slots=True)
class Fetched:
    """Specs, as they were fetched.

    Args:
        files: By path. None: there are none that may be used.
        pointer: Which they are; without files, which were applied last.
        trouble: Why these are not the current ones; empty where they are.
        hint: What to do about it.
        odd: Files that cannot be used, beside those that can.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    pointer: Pointer | None = None
    trouble: str = ""
    hint: str = ""
    odd: tuple[Problem, ...] = ()


_TEXTS = ("digest", "written", "published", "commit", "author", "run")


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise TypeError("not a text")
    return value


def pack(files: Mapping[str, bytes]) -> bytes:
    """Make an archive of files by their path."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), _MODE
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def digest_of(archive: bytes) -> str:
    """Give the digest that an archive is called by."""
    return hashlib.sha256(archive).hexdigest()


def unpack(archive: bytes, digest: str) -> dict[str, bytes]:
    """Read an archive: files by their path. Nothing is written anywhere.

    Raises:
        BundleError: It is not the one of that digest, or holds anything but plain files below its folder.
    """
    if len(archive) > LARGEST:
        raise BundleError(f"the archive has more than {LARGEST} bytes")
    if digest_of(archive) != digest:
        raise BundleError("the archive is not the one that the pointer names")
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened:
            for entry in opened:
                name = _name(entry)
                if name in files:
                    raise BundleError(f"the archive holds a file twice: {shown(ascii(name)[1:-1])}")
                files[name] = _content(opened, entry)
                if len(files) > MOST_FILES:
                    raise BundleError(f"the archive has more than {MOST_FILES} files")
    except (tarfile.TarError, EOFError, UnicodeError, OverflowError) as error:
        raise BundleError(f"the archive cannot be read: {error}") from error
    _refuse_clashes(files)
    return files


def _refuse_clashes(files: Mapping[str, bytes]) -> None:
    """Refuse names that no folder can hold together, and more folders than specs have."""
    folders: set[str] = set()
    for name in files:
        for parent in PurePosixPath(name).parents:
            if str(parent) in folders:
                break
            folders.add(str(parent))
    if len(folders) > MOST_FOLDERS:
        raise BundleError(f"the archive has more than {MOST_FOLDERS} folders")
    for name in sorted(folders & files.keys()):
        raise BundleError(f"the archive holds a file where it holds a folder: {shown(ascii(name)[1:-1])}")


def _name(entry: tarfile.TarInfo) -> str:
    path = PurePosixPath(entry.name)
    odd = not entry.name.isprintable() or "\\" in entry.name or path.is_absolute() or ".." in path.parts
    if odd or not path.parts or _too_long(path) or not entry.isfile() or entry.issparse() or str(path) != entry.name:
        raise BundleError(
            f"the archive holds something that is no plain file of a spec: {shown(ascii(entry.name)[1:-1])}"
        )
    return entry.name


def _too_long(path: PurePosixPath) -> bool:
    parts = [len(part.encode()) for part in path.parts]
    return max(parts) > _LONGEST_PART or sum(parts) + len(parts) > _LONGEST_NAME


def _content(opened: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    stream = opened.extractfile(entry)
    content = stream.read() if stream else b""
    if len(content) != entry.size:
        raise BundleError("the archive is cut off")
    return content
