"""The image that ours stand on: Python on Debian, by digest, for Linux on x86_64."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.core import errors
from reconciler.images.layers import GZIPPED, Blob, digest_of
from reconciler.images.lock import Platform
from reconciler.images.registry import Repository, Tell

DEFAULT = "docker.io/library/python:3.12-slim-bookworm"
_NAME = re.compile(
    r"(?P<name>[\w.-]+(?::\d{1,5}(?=/))?(?:/[\w.-]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LAYERS = {
    "application/vnd.oci.image.layer.v1.tar+gzip": GZIPPED,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": GZIPPED,
    "application/vnd.oci.image.layer.v1.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
"""Docker's types and OCI's are of the same bytes."""
CONFIG_BYTES_MOST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reference:
    """A name of an image, taken apart.

    Args:
        host: Registry; `docker.io` where none is written.
        path: Repository, `library/python`.
        tag: Tag or digest, which wins.
    """

    host: str
    path: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a name as container tools write it.

        Raises:
            UsageError: It is none.
        """
        found = _NAME.fullmatch(text)
        if found is None:
            raise errors.UsageError(f"'{text[:200]}' is no name of an image", hint="such as python:3.12-slim-bookworm")
        host, slash, path = found["name"].partition("/")
        if not slash or not ("." in host or ":" in host or host == "localhost"):
            host, path = "docker.io", found["name"]
        if host == "docker.io" and "/" not in path:
            path = f"library/{path}"
        return cls(host, path, found["digest"] or found["tag"] or "latest")

    @property
    def url(self) -> str:
        """Where the registry listens; one on this machine speaks plain HTTP."""
        host = "registry-1.docker.io" if self.host == "docker.io" else self.host
        here = re.fullmatch(r"(?:localhost|127\.0\.0\.1)(?::\d+)?", host)
        return f"{'http' if here else 'https'}://{host}"

    def __str__(self) -> str:
        """As written, without the tag."""
        return f"{self.host}/{self.path}"


@dataclass(frozen=True, slots=True)
class Base:
    """An image to stand on, whose layers may lie in their registry still.

    Args:
        name: Without a tag.
        digest: Of its manifest for this platform.
        config: Its configuration.
        layers: From the lowest.
    """

    name: str
    digest: str
    config: dict[str, Any]
    layers: Sequence[Blob]

    @property
    def platform(self) -> Platform:
        """What wheels must be for.

        Raises:
            UsageError: The image does not say which Python it has, as Docker's own do.
        """
        pairs = dict(text.split("=", 1) for text in self.config.get("config", {}).get("Env") or [] if "=" in text)
        found = re.match(r"3\.\d+", pairs.get("PYTHON_VERSION", ""))
        if found is None:
            hint = "take one whose PYTHON_VERSION says it, such as python:3.12-slim-bookworm"
            raise errors.UsageError(f"the base {self.name} does not say which Python it has", hint=hint)
        return Platform(found[0])


def find(repository: Repository, reference: Reference) -> Base:
    """Find an image and what it is made of; its layers are not fetched yet.

    Raises:
        ApiError: It cannot be had, or is none for Linux on x86_64.
    """
    digest, listed = _manifest(repository, reference.tag)
    config = Blob(listed["config"]["digest"], listed["config"]["size"], listed["config"]["mediaType"])
    said = _config(repository, config)
    layers = [
        Blob(each["digest"], each["size"], _LAYERS[each["mediaType"]], None, unpacked)
        for each, unpacked in zip(listed["layers"], said["rootfs"]["diff_ids"], strict=True)
    ]
    return Base(str(reference), digest, said, layers)


def _manifest(repository: Repository, tag: str) -> tuple[str, dict[str, Any]]:
    for _ in range(2):
        content = repository.manifest(tag)[1]
        try:
            listed: dict[str, Any] = json.loads(content)
            if "manifests" not in listed:
                return digest_of(content), listed
            tag = next(each["digest"] for each in listed["manifests"] if _fits(each.get("platform") or {}))
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            why = "it is no image for linux/amd64"
            raise errors.InvalidRequest("fetch", repository.place.shown, why) from error
    raise errors.InvalidRequest("fetch", repository.place.shown, "an index in an index")


def _fits(platform: dict[str, Any]) -> bool:
    return (platform.get("os"), platform.get("architecture")) == ("linux", "amd64")


def _config(repository: Repository, blob: Blob) -> dict[str, Any]:
    import tempfile  # noqa: PLC0415 - late, for start-up

    if blob.size_bytes > CONFIG_BYTES_MOST or not _DIGEST.fullmatch(blob.digest):
        raise errors.InvalidRequest("fetch", repository.place.shown, "its configuration is none")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        repository.fetch(blob, path)
        found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def fetch(repository: Repository, base: Base, into: Path, tell: Tell) -> Base:
    """Fetch the layers that are not here yet.

    Args:
        repository: Where they lie.
        base: The image.
        into: Folder of files by digest, which later builds use again.
        tell: Told of bytes as they come.
    """
    into.mkdir(parents=True, exist_ok=True)
    here = []
    for blob in base.layers:
        path = into / blob.digest.removeprefix("sha256:")
        if not path.exists():
            repository.fetch(blob, path, tell)
        here.append(replace(blob, path=path))
    return replace(base, layers=here)
