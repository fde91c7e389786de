"""What an image is made of: files copied into a folder that is named by the digest of its layer, and a manifest.

The layer is a tar file that is written again whenever somebody pulls it, since the folder holds all that is in it.
"""

import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
"""Not packed: what gzip makes of the same bytes is not the same everywhere."""
Stamp = tuple[tuple[str, str, int, int], ...]
"""Of each file: folder in the image, place, size in bytes, when it was last written."""
IGNORED = ("__pycache__", ".git", ".venv")
"""Not part of an image: a build leaves them out, and they differ between two equal builds."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The files of an image.

    Attributes:
        digest: sha256 of the tar file of them.
        size_bytes: Of that file.
        folder: Where the copy lies.
    """

    digest: str
    size_bytes: int
    folder: Path


class _Digest:
    """A file that keeps no more than size and digest of what is written to it."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        """Take note."""
        self.sha256.update(data)
        self.size_bytes += len(data)
        return len(data)


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Relative path and place of every file, sorted."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not set(relative.parts) & set(IGNORED):
            yield relative.as_posix(), path


def stamp_of(sources: Mapping[str, Path]) -> Stamp:
    """What changes when a file of a source is written, added or removed; reading them all takes ten times as long."""
    return tuple((below, *each) for below, folder in sources.items() for each in sorted(_stamps(str(folder))))


def _stamps(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in IGNORED:
                continue
            if entry.is_dir():
                yield from _stamps(entry.path)
            elif entry.is_file():
                state = entry.stat()
                yield entry.path, state.st_size, state.st_mtime_ns


def snapshot(sources: Mapping[str, Path], into: Path) -> Layer:
    """Copy folders into one image folder below `into`.

    Args:
        sources: Folder in the image (`""`: its root) -> folder to copy.
        into: Holds one folder per digest; equal content is copied once.
    """
    found = [(f"{below}/{name}".lstrip("/"), path) for below, root in sources.items() for name, path in files(root)]
    seen = _Digest()
    write_layer(found, cast("IO[bytes]", seen))
    digest = seen.sha256.hexdigest()
    if not (into / digest).is_dir():
        _copy(found, into / digest)
    return Layer(f"sha256:{digest}", seen.size_bytes, into / digest)


def write_layer(found: Iterable[tuple[str, Path]], into: IO[bytes]) -> None:
    """Write files as a layer: equal files, equal bytes, whoever owns them and whenever they were written."""
    with tarfile.open(fileobj=into, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name, path in sorted(found):
            member = tarfile.TarInfo(name)
            state = path.stat()
            member.size, member.mode = state.st_size, 0o755 if state.st_mode & 0o100 else 0o644
            with path.open("rb") as content:
                archive.addfile(member, content)


def _copy(found: Sequence[tuple[str, Path]], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".partial-"))
    for name, path in found:
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, partial / name)
    try:
        partial.rename(folder)
    except OSError:  # another push of the same content was first
        shutil.rmtree(partial)


def configuration(layer: Layer, command: Sequence[str], env: Mapping[str, str]) -> bytes:
    """The configuration of an image, as its manifest names it.

    The interpreter that runs the emulator counts as `python`, wherever it lies.
    """
    portable = ["python" if word == sys.executable else word for word in command]
    runs = {"Cmd": portable, "Env": sorted(f"{key}={value}" for key, value in env.items()), "WorkingDir": "/"}
    root = {"type": "layers", "diff_ids": [layer.digest]}
    return _json({"architecture": "amd64", "os": "linux", "config": runs, "rootfs": root})


def manifest(layer: Layer, config: bytes) -> bytes:
    """A docker manifest. Its sha256 is the image's digest: equal content, equal digest, on every machine."""
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(config), "digest": digest_of(config)},
            "layers": [{"mediaType": LAYER, "size": layer.size_bytes, "digest": layer.digest}],
        }
    )


def digest_of(content: bytes) -> str:
    """`sha256:…`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
