"""What an image is made of: files copied into a folder that is named by their digest, and a manifest over them."""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
IGNORED = ("__pycache__", ".git", ".venv")
"""Not part of an image: a build leaves them out, and they differ between two equal builds."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The files of an image.

    Attributes:
        digest: sha256 over path, executable bit and content of each file.
        size_bytes: Sum of the files.
        folder: Where the copy lies.
    """

    digest: str
    size_bytes: int
    folder: Path


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Relative path and place of every file, sorted."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not set(relative.parts) & set(IGNORED):
            yield relative.as_posix(), path


def snapshot(sources: Mapping[str, Path], into: Path) -> Layer:
    """Copy folders into one image folder below `into`.

    Args:
        sources: Folder in the image (`""`: its root) -> folder to copy.
        into: Holds one folder per digest; equal content is copied once.
    """
    found = [(f"{below}/{name}".lstrip("/"), path) for below, root in sources.items() for name, path in files(root)]
    digest, size = hashlib.sha256(), 0
    for name, path in sorted(found):
        content = path.read_bytes()
        digest.update(f"{name}\0{bool(path.stat().st_mode & 0o100)}\0{hashlib.sha256(content).hexdigest()}\n".encode())
        size += len(content)
    folder = into / digest.hexdigest()
    if not folder.is_dir():
        _copy(found, folder)
    return Layer(f"sha256:{digest.hexdigest()}", size, folder)


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


def manifest(layer: Layer, command: Sequence[str], env: Mapping[str, str]) -> bytes:
    """A docker-like manifest. Its sha256 is the image's digest: equal content, equal digest, on every machine.

    The interpreter that runs the emulator counts as `python`, wherever it lies.
    """
    portable = ["python" if word == sys.executable else word for word in command]
    config = _json({"config": {"Cmd": portable, "Env": sorted(f"{key}={value}" for key, value in env.items())}})
    config_digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(config), "digest": config_digest},
            "layers": [{"mediaType": LAYER, "size": layer.size_bytes, "digest": layer.digest}],
        }
    )


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
