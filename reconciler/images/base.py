"""The image that ours stand on: Python on Debian, by digest, for Linux on x86_64."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from reconciler.core import errors
from reconciler.images.layers import GZIPPED, Blob, digest_of
from reconciler.images.lock import Platform
from reconciler.images.registry import BLOB_BYTES_MOST, Repository, Tell

_NAME = re.compile(
    r"(?P<name>[\w.-]+(?::\d{1,5}(?=/))?(?:/[\w.-]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
_LAYERS = {
    "application/vnd.oci.image.layer.v1.tar+gzip": GZIPPED,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": GZIPPED,
    "application/vnd.oci.image.layer.v1.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
"""Docker's types and OCI's are of the same bytes."""


class _Document(BaseModel):
    """What a registry says."""


Said = TypeVar("Said", bound=_Document)


class _Described(_Document):
    digest: Annotated[str, Field(pattern=_DIGEST.pattern)]
    size: Annotated[int, Field(ge=0, le=BLOB_BYTES_MOST)]
    media_type: Annotated[str, Field(alias="mediaType")]


def _known(media_type: str) -> str:
    if media_type not in _LAYERS:
        raise ValueError(f"layers of the type {media_type[:200]!r} are not known")
    return media_type


class _Layer(_Described):
    media_type: Annotated[str, Field(alias="mediaType"), AfterValidator(_known)]


class _Manifest(_Document):
    config: _Described
    layers: list[_Layer]


class _Unpacked(_Document):
    diff_ids: list[Annotated[str, Field(pattern=_DIGEST.pattern)]]


class _Runs(_Document):
    variables: Annotated[list[str] | None, Field(alias="Env")] = None


class _Config(_Document):
    rootfs: _Unpacked
    config: _Runs | None = None
    history: list[dict[str, Any]] = []


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
        said = self.config.get("config") or {}
        pairs = dict(text.split("=", 1) for text in said.get("Env") or [] if "=" in text)
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
    digest, content = _manifest(repository, reference.tag)
    listed = _checked(repository, _Manifest, content, "manifest")
    config = repository.content(Blob(listed.config.digest, listed.config.size, listed.config.media_type))
    said = _checked(repository, _Config, config, "configuration")
    if len(listed.layers) != len(said.rootfs.diff_ids):
        why = f"it has {len(listed.layers)} layers, and its configuration tells of {len(said.rootfs.diff_ids)}"
        raise errors.InvalidRequest("fetch", repository.place.shown, why)
    layers = [
        Blob(each.digest, each.size, _LAYERS[each.media_type], None, unpacked)
        for each, unpacked in zip(listed.layers, said.rootfs.diff_ids, strict=True)
    ]
    return Base(str(reference), digest, json.loads(config), layers)


def _checked(repository: Repository, sort: type[Said], content: bytes, what: str) -> Said:
    """Read a document of a registry that nobody vouches for; digests become names of files here."""
    try:
        return sort.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(each) for each in first["loc"])
        why = f"its {what} is none that can be read: {where or 'the whole'}: {first['msg']}"
        raise errors.InvalidRequest("fetch", repository.place.shown, why[:600]) from error


def _manifest(repository: Repository, tag: str) -> tuple[str, bytes]:
    """Give the digest and the bytes of the manifest for our platform."""
    for _ in range(2):
        content = repository.manifest(tag)[1]
        try:
            listed: dict[str, Any] = json.loads(content)
            if "manifests" not in listed:
                return digest_of(content), content
            tag = next(each["digest"] for each in listed["manifests"] if _fits(each))
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError) as error:
            why = "it is no image for linux/amd64"
            raise errors.InvalidRequest("fetch", repository.place.shown, why) from error
    raise errors.InvalidRequest("fetch", repository.place.shown, "an index in an index")


def _fits(listed: dict[str, Any]) -> bool:
    platform = listed.get("platform") or {}
    ours = (platform.get("os"), platform.get("architecture")) == ("linux", "amd64")
    return ours and _DIGEST.fullmatch(listed["digest"]) is not None


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
