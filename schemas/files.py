"""Which files are specs: named files, and folders that are searched for them."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.problems import Problem, SourceRef, SpecError
from schemas.yaml.reader import MAX_BYTES

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A file to read. `named`: the user named it, so it must be a spec; else it was found in a folder."""

    path: Path
    named: bool

    @property
    def place(self) -> SourceRef:
        """The file as a whole."""
        return SourceRef(str(self.path))


def spec_files(paths: str | Path | Iterable[str | Path]) -> tuple[list[SpecFile], list[Problem]]:
    """The files of `paths` in order, each once, and the paths that cannot be used."""
    files: dict[Path, SpecFile] = {}
    problems: list[Problem] = []
    for path in _as_paths(paths):
        try:
            for file in _files_of(path):
                files.setdefault(file.path.resolve(), file)
        except SpecError as error:
            problems += error.problems
    return list(files.values()), problems


def read_bytes(file: SpecFile) -> bytes:
    """The content, up to one byte more than is allowed.

    Raises:
        SpecError: The file cannot be read.
    """
    try:
        # Opening a pipe waits for somebody to write into it, unless it is told not to wait.
        with os.fdopen(os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(file.path, f"cannot read the file: {error.strerror}", "") from None
    raise _unusable(file.path, "is no regular file", "a pipe, a device or a link to one is no spec")


def _as_paths(paths: str | Path | Iterable[str | Path]) -> Iterator[Path]:
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        yield Path(path)


def _files_of(path: Path) -> Iterator[SpecFile]:
    try:
        if path.is_dir():
            return iter([SpecFile(found, named=False) for found in _search(path)])
        if path.is_file():
            return iter([SpecFile(path, named=True)])
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise _unusable(path, f"cannot be read: {error}", "") from None
    if exists:
        raise _unusable(path, "is neither a file nor a folder", "")
    raise _unusable(path, "no such file or folder", "`mlservice init` writes a first mlservice.yaml")


def _search(folder: Path) -> list[Path]:
    failures: list[OSError] = []
    found = [file for files in below(folder, failures.append) for file in files]
    if failures:
        raise _unusable(Path(failures[0].filename), f"cannot read the folder: {failures[0].strerror}", "")
    if not found:
        raise _unusable(folder, "no YAML file in this folder", "specs end in .yaml or .yml")
    return found


def below(folder: Path, failed: Callable[[OSError], None] | None = None) -> Iterator[list[Path]]:
    """The files of a folder and of each one below it that may be specs, folder by folder: links are not followed.

    Args:
        folder: Where to look.
        failed: Told of folders that cannot be read.
    """
    for here, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield [Path(here, name) for name in sorted(names) if name.endswith(SUFFIXES) and name[0] != "."]


def _unusable(path: Path, summary: str, hint: str) -> SpecError:
    return SpecError([Problem(SourceRef(str(path)), summary, hint, rule="unusable-path")])
