"""Documents in a folder, named as in the bucket: for tests, and for copies of a bucket."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from page.sources.source import LARGEST, SourceError, TooLarge


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that holds `operators/` and `history/`.

    Args:
        root: Its path.
    """

    root: Path

    @property
    def place(self) -> str:
        """Give its path."""
        return str(self.root)

    def folders(self, below: str) -> tuple[str, ...]:
        """Name the folders in one of its folders; none where that is missing."""
        if _is_none(below):
            return ()
        try:
            found = sorted(
                each.name for each in (self.root / below).iterdir() if each.is_dir() and not each.is_symlink()
            )
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise SourceError(f"cannot list {self.root / below}: {error.strerror}") from error
        return tuple(f"{below}{name}/" for name in found)

    def listed(self, below: str) -> Mapping[str, str]:
        """Give the files below a folder, with time and size. What is no plain file, such as a link, is none of ours."""
        return {} if _is_none(below) else dict(self._files(self.root / below))

    def _files(self, folder: Path) -> Iterator[tuple[str, str]]:
        for path in sorted(folder.rglob("*.json")):
            try:
                found = path.lstat()
            except OSError:  # gone since
                continue
            if stat.S_ISREG(found.st_mode):
                yield path.relative_to(self.root).as_posix(), f"{found.st_mtime_ns}-{found.st_size}"

    def read(self, name: str) -> bytes | None:
        """Read one file."""
        if _is_none(name):
            return None
        path = self.root / name
        try:
            with open(path, "rb", opener=_plain) as file:
                content = file.read(LARGEST + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error
        if len(content) > LARGEST:
            raise TooLarge(name)
        return content


def _is_none(name: str) -> bool:
    """Tell whether no file has a name, or it leads out of a folder: in a bucket it may be one like any other."""
    spelt = name.encode("utf-8", "ignore").decode()  # half a character is none in a file's name
    return spelt != name or "\0" in name or ".." in PurePosixPath(name).parts


def _plain(path: str, flags: int) -> int:
    """Open a file that is no link, and waits for nobody."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
