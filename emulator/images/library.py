"""Every image of the emulated registries, by repository, tag and digest."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.core.failures import ApiFailure
from emulator.images import bundled
from emulator.images.content import MANIFEST, manifest, snapshot
from emulator.images.reference import Reference, parse

if TYPE_CHECKING:
    from emulator.core.world import World

VERSIONS = "image.version"
TAGS = "image.tag"
REPOSITORIES = "artifactregistry.repository"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be started: run `command` in `folder` with `env`.

    Attributes:
        name: `{package}/versions/{digest}`.
        digest: `sha256:…` of the manifest.
        folder: The files; read only. Start the command with this as its working directory.
        created: When it was first pushed, ISO 8601, virtual time.
        updated: When it was last pushed or tagged.
    """

    name: str
    digest: str
    folder: Path
    command: tuple[str, ...]
    env: dict[str, str]
    size_bytes: int
    created: str
    updated: str
    media_type: str = MANIFEST

    @property
    def package(self) -> str:
        """The package it belongs to."""
        return self.name.rpartition("/versions/")[0]

    def dump(self) -> bytes:
        """As stored."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps(fields | {"folder": str(self.folder)}).encode()

    @classmethod
    def load(cls, body: bytes) -> "Image":
        """From the store."""
        found: dict[str, Any] = json.loads(body)
        return cls(**found | {"folder": Path(found["folder"]), "command": tuple(found["command"])})


class Images:
    """The images. Thread-safe; names are Artifact Registry resource names."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._seeded = False

    @property
    def _folder(self) -> Path:
        return self._world.state_dir / "images"

    def resolve(self, reference: str) -> Image | None:
        """The image behind a reference as a spec or a Cloud Run service writes it, or None."""
        found = parse(reference)
        if found is None:
            return None
        self.seed(found.repository)
        digest = found.digest or self.tagged(f"{found.package}/tags/{found.tag}")
        return None if digest is None else self.find(f"{found.package}/versions/{digest}")

    def push(
        self, reference: str, sources: Mapping[str, Path], command: Sequence[str], env: Mapping[str, str]
    ) -> Image:
        """Store an image and move its tag to it.

        Args:
            reference: With a tag; `latest` when it has none.
            sources: Folder in the image (`""`: its root) -> folder to copy.
            command: What starts it.
            env: Its own environment, which a service's environment overrides.

        Raises:
            ApiFailure: No such repository, or the tag is taken and the repository's tags are immutable.
        """
        found = parse(reference)
        if found is None or found.tag is None:
            raise ApiFailure("INVALID_ARGUMENT", f"{reference!r} is not an Artifact Registry reference with a tag.")
        layer = snapshot(sources, self._folder)
        digest = f"sha256:{hashlib.sha256(manifest(layer, command, env)).hexdigest()}"
        now = self._world.clock.now().isoformat()
        name = f"{found.package}/versions/{digest}"
        image = Image(name, digest, layer.folder, tuple(command), dict(env), layer.size_bytes, now, now)
        return self._keep(found, image)

    def _keep(self, reference: Reference, image: Image) -> Image:
        with self._world.store.transaction():
            if self._world.store.get(REPOSITORIES, reference.repository) is None:
                raise ApiFailure("NOT_FOUND", f"name unknown: Repository {reference.repository!r} not found")
            self.check_movable(f"{reference.package}/tags/{reference.tag}", image.digest)
            known = self.find(image.name)
            kept = image if known is None else replace(image, created=known.created)
            self._world.store.put(VERSIONS, kept.name, kept.dump())
            self._world.store.put(TAGS, f"{reference.package}/tags/{reference.tag}", kept.digest.encode())
        return kept

    def check_movable(self, tag: str, digest: str | None) -> None:
        """Refuse to move or delete a tag of a repository whose tags are immutable.

        Args:
            tag: Name of the tag.
            digest: Where it is to point; None when it is to be deleted.

        Raises:
            ApiFailure: FAILED_PRECONDITION.

        Source:
            `Repository.DockerRepositoryConfig.immutable_tags` of artifactregistry v1.
        """
        current = self.tagged(tag)
        if current is None or current == digest:
            return
        from google.cloud.artifactregistry_v1.types import repository  # noqa: PLC0415 - pushing is rare

        body = self._world.store.get(REPOSITORIES, tag.partition("/packages/")[0])
        if body is not None and repository.Repository.pb().FromString(body).docker_config.immutable_tags:
            name = tag.rpartition("/")[2]
            text = f"cannot update tag {name}. The repository has enabled tag immutability"
            raise ApiFailure("FAILED_PRECONDITION", text)

    def find(self, name: str) -> Image | None:
        """The image with this version name, or None."""
        body = self._world.store.get(VERSIONS, name)
        return None if body is None else Image.load(body)

    def below(self, prefix: str) -> list[Image]:
        """Every image whose version name starts with `prefix`."""
        self.seed(prefix)
        return [Image.load(body) for _, body in self._world.store.list(VERSIONS, prefix)]

    def tagged(self, tag: str) -> str | None:
        """The digest a tag points to, or None."""
        body = self._world.store.get(TAGS, tag)
        return None if body is None else body.decode()

    def tags(self, package: str, digest: str | None = None) -> list[str]:
        """Names of a package's tags (of one digest), sorted."""
        found = self._world.store.list(TAGS, f"{package}/tags/")
        return [name for name, body in found if digest in (None, body.decode())]

    def tag(self, name: str, digest: str) -> None:
        """Set a tag."""
        self._world.store.put(TAGS, name, digest.encode())

    def untag(self, name: str) -> bool:
        """Remove a tag; False when it was not there."""
        return self._world.store.delete(TAGS, name)

    def forget(self, prefix: str) -> None:
        """Remove every version and tag whose name starts with `prefix`. Files stay: something may run from them."""
        for kind in (VERSIONS, TAGS):
            for name, _ in self._world.store.list(kind, prefix):
                self._world.store.delete(kind, name)

    def seed(self, name: str) -> None:
        """Push the bundled images when somebody first looks into one of Google's or our own public repositories."""
        if self._seeded or not name.startswith(bundled.PROJECTS):
            return
        with self._world.store.transaction():
            if not self._seeded:
                bundled.push(self._world)
                self._seeded = True

    def reset(self) -> None:
        """After the store was cleared: remove the files, and seed again when asked."""
        self._seeded = False
        shutil.rmtree(self._folder, ignore_errors=True)
