"""An image of one of our programs, made of a base, wheels and our packages: the same input, the same digest."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from reconciler.core import errors
from reconciler.images import wheels
from reconciler.images.base import Base
from reconciler.images.layers import Blob, kept, layer
from reconciler.images.lock import LockError, pins, requirements

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
FRAMEWORKS = "dev.mlservice.frameworks"
"""Label that says which a runtime holds."""
EPOCH = "1970-01-01T00:00:00Z"
"""When every image was made: the time would be the only thing in it that differs."""
NOBODY = "65532:65532"
APP = "app"
SITE = f"{APP}/.venv/site-packages"
"""On `PYTHONPATH`, so that any base will do, wherever its Python has its own packages."""
_PACKAGES = {
    "runtime": ("schemas", "runtime"),
    "reconciler": ("schemas", "reconciler", "runtime"),
    "page": ("schemas", "page"),
}
"""The job packs the retraining function, which is of the package `runtime`."""
_COMMANDS: Mapping[str, dict[str, Any]] = {
    "runtime": {"Cmd": ["python", "-m", "runtime"], "ExposedPorts": {"8080/tcp": {}}},
    "reconciler": {"Entrypoint": ["python", "-m", "reconciler.cli"], "Cmd": ["reconcile"]},
    "page": {"Cmd": ["python", "-m", "page"], "ExposedPorts": {"8080/tcp": {}}},
}
_ENVIRONMENT = {
    # Nothing is written but model downloads, under /tmp: the root may be read-only.
    "HOME": "/tmp",  # noqa: S108 - a path in the image
    "HOST": "0.0.0.0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}


_compiled = shutil.ignore_patterns("__pycache__", "*.pyc")
Tracked = Callable[[Path], Collection[str] | None]
"""Gives the files of a folder that are under version control, as paths in it; None: it is of no clone."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be built.

    Args:
        target: `runtime`, `reconciler` or `page`.
        frameworks: Extras of the runtime.
    """

    target: str
    frameworks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """An image, with every file of it here.

    Args:
        digest: Of its manifest.
        blobs: Configuration and layers.
        compiled: Whether modules were compiled.
        weights: What its packages weigh, in bytes, the largest first.
    """

    digest: str
    manifest: bytes
    blobs: Sequence[Blob]
    compiled: bool
    weights: Sequence[tuple[str, int]]

    @property
    def size_bytes(self) -> int:
        """What a pull of it moves."""
        return sum(blob.size_bytes for blob in self.blobs)


def build(wanted: Wanted, base: Base, folder: Path, tracked: Tracked, say: Callable[[str], None]) -> Built:
    """Build an image.

    Args:
        wanted: What.
        base: On what, fetched.
        folder: An empty folder for what is made.
        tracked: Asked for the files of each package of ours.
        say: Told of steps.

    Raises:
        ReconcilerError: A package of ours is not here, or the wheels are not to be had.
    """
    platform = base.platform
    try:
        listed = pins(lock_text(), wanted.target, wanted.frameworks, platform)
    except LockError as error:
        raise errors.UsageError(str(error)) from error
    say(f"{len(listed)} packages of the lock file, for Python {platform.python} on linux/amd64")
    packages, ours = folder / "packages", folder / "ours"
    packages.mkdir()
    try:
        wheels.install(requirements(listed), platform, packages)
    except wheels.WheelsError as error:
        raise errors.ReconcilerError(str(error), hint=error.hint) from error
    for name in _PACKAGES[wanted.target]:
        copy_package(_source(name), ours / name, tracked, say)
    wheels.describe_ourselves(packages, metadata.version("mlservice"))
    weights = wheels.weights(packages)
    compiled = [wheels.compile_all(part, f"/{where}", platform) for part, where in ((packages, SITE), (ours, APP))]
    layers = [layer({SITE: packages}, folder / "packages.tgz"), layer({APP: ours}, folder / "ours.tgz")]
    config = kept(_json(_config(wanted, base, layers)), CONFIG, folder)
    blobs = [config, *base.layers, *layers]
    manifest = _json(_manifest(wanted, base, blobs))
    return Built(kept(manifest, MANIFEST, folder).digest, manifest, blobs, all(compiled), weights)


def lock_text() -> str:
    """Give the lock file: the one beside this package in a clone, the one in the wheel otherwise.

    Raises:
        ReconcilerError: It is in neither.
    """
    here = Path(__file__).resolve()
    for path in (here.parents[2] / "uv.lock", here.with_name("uv.lock")):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise errors.ReconcilerError("the lock file is not here, so an image would not be the one that was tested")


def copy_package(source: Path, into: Path, tracked: Tracked, say: Callable[[str], None]) -> None:
    """Copy a package of ours: of a clone what is under version control, so that no file lands in an image by accident.

    Args:
        source: Its folder.
        into: A folder that is not there yet.
        tracked: Asked for the files of its clone.
        say: Told of what is left out.
    """
    known = tracked(source)
    wanted = (
        None if known is None else {*known, *(str(above) for path in known for above in PurePosixPath(path).parents)}
    )

    def ignored(folder: str, names: list[str]) -> set[str]:
        here = Path(folder).relative_to(source)
        strange = {name for name in names if wanted is not None and (here / name).as_posix() not in wanted}
        return strange | _compiled(folder, names)

    shutil.copytree(source, into, ignore=ignored)
    strange = sorted(_files(source) - {*known}) if known is not None else []
    if strange:
        names = ", ".join(f"{source.name}/{path}" for path in strange[:10])
        say(f"left out, since git does not know them: {names}{' and others' if len(strange) > 10 else ''}")  # noqa: PLR2004 - a line's worth


def _files(folder: Path) -> set[str]:
    """Give the files of a folder, but what Python compiled."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    paths = (path.relative_to(folder) for path in found)
    return {path.as_posix() for path in paths if "__pycache__" not in path.parts and path.suffix != ".pyc"}


def _source(name: str) -> Path:
    """Find a package of ours without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise errors.ReconcilerError(f"the package {name} is not installed here")
    return Path(spec.origin).parent


def _config(wanted: Wanted, base: Base, layers: Sequence[Blob]) -> dict[str, Any]:
    """The configuration: the base's, with what runs ours."""
    said = base.config.get("config") or {}
    variables = dict(text.split("=", 1) for text in said.get("Env") or [] if "=" in text)
    variables |= _ENVIRONMENT | {"PYTHONPATH": f"/{APP}:/{SITE}"}
    runs = {
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "User": NOBODY,
        "WorkingDir": f"/{APP}",
        "Labels": _labels(wanted, base),
        **_COMMANDS[wanted.target],
    }
    steps = [{"created": EPOCH, "created_by": f"mlservice image push: {what}"} for what in ("packages", wanted.target)]
    diffs = [*base.config["rootfs"]["diff_ids"], *(each.unpacked for each in layers)]
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": EPOCH,
        "config": runs,
        "rootfs": {"type": "layers", "diff_ids": diffs},
        "history": [*base.config.get("history", []), *steps],
    }


def _labels(wanted: Wanted, base: Base) -> Mapping[str, str]:
    named = "org.opencontainers.image"
    return {
        f"{named}.title": f"mlservice {wanted.target}",
        f"{named}.version": metadata.version("mlservice"),
        f"{named}.licenses": "Apache-2.0",
        f"{named}.base.name": base.name,
        f"{named}.base.digest": base.digest,
        FRAMEWORKS: ",".join(wanted.frameworks),
    }


def _manifest(wanted: Wanted, base: Base, blobs: Sequence[Blob]) -> dict[str, Any]:
    config, *layers = blobs
    named = "org.opencontainers.image"
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor,
        "layers": [blob.descriptor for blob in layers],
        "annotations": {key: value for key, value in _labels(wanted, base).items() if key.startswith(f"{named}.base")},
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
