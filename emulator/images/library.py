"""Every image of the emulated registries, by repository, tag and digest."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emulator.core.world import World
from emulator.images import bundled
from emulator.images.content import MANIFEST, manifest, snapshot
from emulator.images.reference import Reference, parse

VERSIONS = "image.version"
TAGS = "image.tag"


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

    def __init__(self, world: World) -> None:
        self._world = world
        self._seeded = False
        self._bundled: set[Path] = set()

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

    def build(
        self, reference: Reference, sources: Mapping[str, Path], command: Sequence[str], env: Mapping[str, str]
    ) -> Image:
        """Copy the files of an image; nobody can find it before it is kept.

        Args:
            reference: Where it is to lie.
            sources: Folder in the image (`""`: its root) -> folder to copy.
            command: What starts it.
            env: Its own environment, which a service's environment overrides.
        """
        layer = snapshot(sources, self._folder)
        digest = f"sha256:{hashlib.sha256(manifest(layer, command, env)).hexdigest()}"
        now = self._world.clock.now().isoformat()
        name = f"{reference.package}/versions/{digest}"
        return Image(name, digest, layer.folder, tuple(command), dict(env), layer.size_bytes, now, now)

    def keep(self, image: Image, tag: str) -> Image:
        """Show a built image in its package, under a tag that moves to it. Built again, it keeps its first time."""
        with self._world.store.transaction():
            known = self.find(image.name)
            kept = image if known is None else replace(image, created=known.created)
            self._world.store.put(VERSIONS, kept.name, kept.dump())
            self.tag(f"{kept.package}/tags/{tag}", kept.digest)
        return kept

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
        """Point a tag at a digest, whether it was there or not; who may move it, the registry decides."""
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
                for image in bundled.images():
                    self._push(image)
                self._seeded = True

    def _push(self, image: bundled.Bundled) -> None:
        """A tag moves when the content has changed since the last start."""
        reference = parse(image.reference)
        if reference is not None and reference.tag is not None:
            built = self.build(reference, image.sources, image.command, {})
            self._bundled.add(built.folder)
            self.keep(built, reference.tag)

    def reset(self) -> None:
        """After the store was cleared: remove the files, and seed again when asked.

        The bundled images' folders stay: they are named by their content, and each seeding would copy them anew.
        """
        self._seeded = False
        for folder in set(self._folder.glob("*")) - self._bundled:
            shutil.rmtree(folder, ignore_errors=True)
