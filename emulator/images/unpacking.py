"""Images that came as layers, made into what the emulator can start: a folder and a command.

Only what lies below the image's working directory is laid out: the rest is the system that it brings, and the emulator
runs it on this one, with its own interpreter in place of the image's and the packages that are installed beside that.

Source: https://github.com/opencontainers/image-spec/blob/main/config.md and layer.md (whiteouts).
"""

import json
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from emulator.images.content import IGNORED

FILES_MOST = 50_000
BYTES_MOST = 4 * 1024**3
"""No image whose own files are more than this is laid out: a small layer may claim to unpack to anything."""
OURS = frozenset({"PATH", "HOST", "PORT", "HOME", "PYTHONPATH"})
"""Variables that mean something else on this system than in the image; servers listen on the loopback interface."""
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"


class NotAnImageError(Exception):
    """It holds nothing that the emulator could start; the text says why."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What an image's configuration says of running it: words, variables, and where in the image."""

    command: tuple[str, ...]
    env: dict[str, str]
    working_dir: PurePosixPath


def runs(config: bytes) -> Runs:
    """Read a configuration.

    Raises:
        NotAnImageError: It is none, or it names no command.
    """
    try:
        said: dict[str, Any] = json.loads(config).get("config") or {}
        words = [*(said.get("Entrypoint") or []), *(said.get("Cmd") or [])]
        pairs = dict(text.split("=", 1) for text in said.get("Env") or [])
        place = PurePosixPath("/") / (said.get("WorkingDir") or "/")
    except (ValueError, AttributeError, TypeError):
        raise NotAnImageError("its configuration is not that of a container image") from None
    if not words:
        raise NotAnImageError("its configuration names no command")
    env = {name: value for name, value in pairs.items() if name not in OURS}
    return Runs((_program(words[0]), *words[1:]), env, place)


def _program(word: str) -> str:
    """The image's interpreter is ours; another program is found on the PATH."""
    name = PurePosixPath(word).name
    return sys.executable if name in ("python", "python3") else name


def lay_out(layers: Iterable[AbstractContextManager[IO[bytes]]], working_dir: PurePosixPath, into: Path) -> None:
    """Unpack what lies below the working directory, each layer over those before it.

    Raises:
        NotAnImageError: A layer cannot be read, or there is too much in them.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=into.parent, prefix=".partial-"))
    budget = [FILES_MOST, BYTES_MOST]
    try:
        for opened in layers:
            with opened as file:
                _unpack(file, working_dir.relative_to("/"), partial, budget)
        partial.rename(into)
    except (tarfile.TarError, EOFError, OSError) as error:
        if not into.is_dir():  # else another start of the same image was first
            raise NotAnImageError(f"a layer of it cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpack(file: IO[bytes], below: PurePosixPath, into: Path, budget: list[int]) -> None:
    """Unpack one layer. What it deletes is of the layers below it, wherever in it that is said."""
    ours: set[Path] = set()
    with tarfile.open(fileobj=file, mode="r|*") as archive:
        for member in archive:
            place = _place(member.name, below)
            if place is None:
                continue
            target = into / place
            if place.name.startswith(WHITEOUT):
                hidden = target.with_name(place.name[len(WHITEOUT) :])
                _hide(target.parent.glob("*") if place.name == OPAQUE else [hidden], ours)
            elif member.isreg():
                _spend(budget, member.size)
                _write(archive, member, target)
                ours.add(target)


def _place(name: str, below: PurePosixPath) -> PurePosixPath | None:
    """Where a member goes, below the working directory; None: nowhere."""
    path = PurePosixPath(os.path.normpath(name.lstrip("/")))
    if ".." in path.parts or not path.is_relative_to(below):
        return None
    place = path.relative_to(below)
    return None if not place.parts or set(place.parts) & set(IGNORED) else place


def _spend(budget: list[int], size: int) -> None:
    budget[0] -= 1
    budget[1] -= size
    if min(budget) < 0:
        raise NotAnImageError(f"it unpacks to more than {FILES_MOST} files or {BYTES_MOST // 1024**3} GiB")


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Links and devices are never made, so nothing can be written through one."""
    content = archive.extractfile(member)
    if content is None:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    with target.open("wb") as written:
        shutil.copyfileobj(content, written)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _hide(targets: Iterable[Path], ours: set[Path]) -> None:
    """Delete files and folders, but for `ours` and what holds them."""
    for target in list(targets):
        for path in [*sorted(target.rglob("*"), reverse=True), target]:
            if not path.is_dir():
                if path not in ours:
                    path.unlink(missing_ok=True)
            elif not any(path.iterdir()):
                path.rmdir()
