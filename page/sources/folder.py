"""Documents in a folder, named as in the bucket: for tests, and for copies of a bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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
        try:
            found = sorted(each.name for each in (self.root / below).iterdir() if each.is_dir())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise SourceError(f"cannot list {self.root / below}: {error.strerror}") from error
        return tuple(f"{below}{name}/" for name in found)

    def listed(self, below: str) -> Mapping[str, str]:
        """Give the files below a folder, with time and size."""
        try:
            return dict(self._files(self.root / below))
        except OSError as error:
            raise SourceError(f"cannot list {self.root / below}: {error.strerror}") from error

    def _files(self, folder: Path) -> Iterator[tuple[str, str]]:
        for path in sorted(folder.rglob("*.json")):
            found = path.stat()
            yield path.relative_to(self.root).as_posix(), f"{found.st_mtime_ns}-{found.st_size}"

    def read(self, name: str) -> bytes | None:
        """Read one file."""
        path = self.root / name
        try:
            if path.stat().st_size > LARGEST:
                raise TooLarge(name)
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error
