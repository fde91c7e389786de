"""A folder that a report is written to, and nothing outside it: whoever made links in it chose what they lead to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path, PurePosixPath

MARK = ".mlservice-report"
"""A file that says whose the folder is, what was written there, and with which digest."""
_HEAD = "`mlservice report` writes this folder, and writes over what is in it. It removes what it wrote before:"
_LINE = re.compile(r"([0-9a-f]{64}) {2}(.+)")
_LONGEST = 64 << 20
"""Bytes of a mark, or of a file that it names: more than a page of a hundred thousand services has."""


class NotOurs(OSError):
    """The folder holds something else, or leads elsewhere: nothing more is written. The text says what."""


class Place:
    """A folder that is written to."""

    def __init__(self, folder: Path, *, force: bool = False) -> None:
        """Take a folder.

        Args:
            folder: Which; it is made. It may be a link itself, since it was named.
            force: Whatever is in it.

        Raises:
            NotOurs: Something is in it, and no report was written there before.
            OSError: It cannot be made or listed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._known = folder, {folder}
        self._before = _lines(folder / MARK) if _is_plain(folder / MARK) else None
        self._written: dict[str, str] = {}
        if self._before is None and not force and any(folder.iterdir()):
            raise NotOurs(f"something is in {folder} that no report wrote")
        self._mark(
            self._before or {}
        )  # whatever ends this, the folder is known to be ours, and so is what is put there

    def put(self, name: str, content: bytes) -> int:
        """Write a file; one of its name goes before, and where that is a link, what it leads to stays as it is.

        Args:
            name: Below the folder.
            content: Of the file.

        Returns:
            Its size.

        Raises:
            NotOurs: A folder on the way is a link.
            OSError: It cannot be written. It names the file.
        """
        digest = hashlib.sha256(content).hexdigest()
        with (self._folder / MARK).open("ab") as mark:
            mark.write(f"{_line(name, digest)}\n".encode())
        self._written[name] = digest
        return self._put(name, content)

    def close(self) -> int:
        """Remove what an earlier report wrote and this one did not, as far as nobody changed it since; tell how much.

        Raises:
            OSError: It cannot be removed, or the mark cannot be written.
        """
        gone = [name for name in self._before or {} if name not in self._written and self._is_as_written(name)]
        for name in gone:
            (self._folder / name).unlink()
        for folder in sorted({each for name in gone for each in self._above(name)}, reverse=True):
            with suppress(OSError):  # something else is in it
                folder.rmdir()
        self._mark({name: {digest} for name, digest in self._written.items()})
        return len(gone)

    def _mark(self, names: Mapping[str, AbstractSet[str]]) -> None:
        lines = [_HEAD, *(_line(name, digest) for name, digests in sorted(names.items()) for digest in sorted(digests))]
        self._put(MARK, "\n".join([*lines, ""]).encode())

    def _put(self, name: str, content: bytes) -> int:
        path = self._folder / name
        for parent in reversed(path.relative_to(self._folder).parents):
            self._enter(self._folder / parent)
        path.unlink(missing_ok=True)
        with path.open("xb") as opened:
            return opened.write(content)

    def _enter(self, folder: Path) -> None:
        if folder in self._known:
            return
        folder.mkdir(exist_ok=True)
        if folder.is_symlink():
            raise NotOurs(f"{folder} is a link")
        self._known.add(folder)

    def _is_as_written(self, name: str) -> bool:
        """Tell whether a file is the one that an earlier report wrote: a mark may be forged, and name anything."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            return False
        found = self._folder / path
        try:
            if any(each.is_symlink() for each in self._above(name)) or not _is_plain(found):
                return False
            if found.stat().st_size > _LONGEST:
                return False
            return hashlib.sha256(found.read_bytes()).hexdigest() in (self._before or {})[name]
        except OSError:  # no file can be called so, or it cannot be read
            return False

    def _above(self, name: str) -> list[Path]:
        """Give the folders between ours and one of its files."""
        return [self._folder / each for each in PurePosixPath(name).parents if each.parts]


def _line(name: str, digest: str) -> str:
    return f"{digest}  {name}"


def _lines(mark: Path) -> dict[str, set[str]]:
    """Read what reports wrote, by name, with the digests of each: one that was stopped leaves those of two.

    Of an older mark nothing is known.
    """
    known: dict[str, set[str]] = {}
    if mark.stat().st_size <= _LONGEST:
        for line in mark.read_text(encoding="utf-8", errors="replace").splitlines():
            if found := _LINE.fullmatch(line):
                known.setdefault(found[2], set()).add(found[1])
    return known


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
