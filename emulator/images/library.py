"""Every image of the emulated registries, by repository, tag and digest, and the files that they are made of."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

from emulator.core.world import World
from emulator.images import bundled
from emulator.images.content import (
    MANIFEST,
    Layer,
    Stamp,
    configuration,
    digest_of,
    files,
    manifest,
    snapshot,
    stamp_of,
    write_layer,
)
from emulator.images.reference import Reference, parse
from emulator.images.unpacking import NotAnImageError, lay_out, runs

VERSIONS = "image.version"
TAGS = "image.tag"
BLOBS = "image.blob"
"""`{repository}/{digest}` -> size in bytes: which files a repository has. They lie in the store, each once."""
IN_MEMORY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be started: run `command` in `folder` with `env`.

    Attributes:
        name: `{package}/versions/{digest}`.
        digest: `sha256:…` of the manifest.
        folder: The files; read only. Start the command with this as its working directory.
        created: When it was first pushed, ISO 8601, virtual time.
        updated: When it was last pushed or tagged.
        packed: It came as layers over the wire. `Images.ready` lays them out in its folder, and finds its command.
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
    packed: bool = False

    @property
    def repository(self) -> str:
        """The repository that it lies in."""
        return self.name.partition("/packages/")[0]

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
        self._seeded: set[str] = set()
        self._bundled: dict[tuple[tuple[str, Path], ...], tuple[Stamp, Layer]] = {}

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
        return self._made_of(snapshot(sources, self._folder), reference, command, env)

    def _made_of(self, layer: Layer, reference: Reference, command: Sequence[str], env: Mapping[str, str]) -> Image:
        config = configuration(layer, command, env)
        listed = manifest(layer, config)
        for content in (config, listed):
            self._world.store.put_blob(content)
        now, digest = self._world.clock.now().isoformat(), digest_of(listed)
        name = f"{reference.package}/versions/{digest}"
        return Image(name, digest, layer.folder, tuple(command), dict(env), layer.size_bytes, now, now)

    def receive(self, package: str, listed: bytes, media_type: str) -> Image:
        """Take a manifest that came over the wire; nobody can find it before it is kept.

        Args:
            package: Where it is to lie.
            listed: The manifest, checked, whose files the repository has.
            media_type: Its own.
        """
        hexdigest = self._world.store.put_blob(listed)
        parts = described(listed)
        folder = self._folder / f"packed-{hexdigest}"
        now, name = self._world.clock.now().isoformat(), f"{package}/versions/sha256:{hexdigest}"
        size = sum(int(part["size"]) for part in parts)
        return Image(name, f"sha256:{hexdigest}", folder, (), {}, size, now, now, media_type, packed=True)

    def keep(self, image: Image, tag: str | None) -> Image:
        """Show an image in its package, under a tag that moves to it. Built again, it keeps its first time."""
        with self._world.store.transaction():
            known = self.find(image.name)
            kept = image if known is None else replace(image, created=known.created)
            self._world.store.put(VERSIONS, kept.name, kept.dump())
            for part in described(self.manifest(kept)):
                self.add_blob(kept.repository, part["digest"], int(part["size"]))
            if tag is not None:
                self.tag(f"{kept.package}/tags/{tag}", kept.digest)
        return kept

    def ready(self, image: Image) -> Image:
        """The image with its files in its folder, so that its command can be started.

        Raises:
            NotAnImageError: It holds nothing that the emulator could start.
        """
        if not image.packed:
            return image
        listed: dict[str, Any] = json.loads(self.manifest(image))
        if "config" not in listed:
            return self.ready(self._of_an_index(image, listed))
        with self.open_blob(listed["config"]["digest"]) as file:
            found = runs(file.read())
        if not image.folder.is_dir():
            lay_out((self.open_blob(part["digest"]) for part in listed["layers"]), found.working_dir, image.folder)
        return replace(image, command=found.command, env=found.env)

    def _of_an_index(self, image: Image, listed: dict[str, Any]) -> Image:
        """The image for Linux on this sort of processor, as Cloud Run takes it from an index of several."""
        for each in listed.get("manifests", ()):
            platform = each.get("platform") or {}
            if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
                found = self.find(f"{image.package}/versions/{each['digest']}")
                if found is not None:
                    return found
        raise NotAnImageError("it has no image for linux/amd64")

    def manifest(self, image: Image) -> bytes:
        """The bytes whose digest is the image's."""
        return self._world.store.blob_path(image.digest.removeprefix("sha256:")).read_bytes()

    def parts(self, image: Image) -> tuple[str, ...]:
        """Digests of the images that an index names; of an image, none."""
        listed: dict[str, Any] = json.loads(self.manifest(image)) if image.packed else {}
        return tuple(each["digest"] for each in listed.get("manifests", ()))

    def platforms(self, image: Image) -> tuple[tuple[str, str, str], ...]:
        """Digest, system and processor of the images that an index names; of an image, none."""
        listed: dict[str, Any] = json.loads(self.manifest(image)) if image.packed else {}
        found = ((each["digest"], each.get("platform") or {}) for each in listed.get("manifests", ()))
        return tuple((digest, str(on.get("os", "")), str(on.get("architecture", ""))) for digest, on in found)

    def add_blob(self, repository: str, digest: str, size_bytes: int) -> None:
        """Let a repository have a file."""
        self._world.store.put(BLOBS, f"{repository}/{digest}", str(size_bytes).encode())

    def blob_size(self, repository: str, digest: str) -> int | None:
        """How large a repository's file is, in bytes; None where it does not have it."""
        body = self._world.store.get(BLOBS, f"{repository}/{digest}")
        return None if body is None else int(body)

    @contextmanager
    def open_blob(self, digest: str) -> Iterator[IO[bytes]]:
        """A file that some repository has: as it came, or written anew from the folder of an image built here."""
        hexdigest = digest.removeprefix("sha256:")
        kept, folder = self._world.store.blob_path(hexdigest), self._folder / hexdigest
        if kept.exists() or not folder.is_dir():
            with kept.open("rb") as file:
                yield file
            return
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as spooled:
            write_layer(files(folder), cast("IO[bytes]", spooled))
            spooled.seek(0)
            yield cast("IO[bytes]", spooled)

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

    def tagging(self, prefix: str) -> list[tuple[str, str]]:
        """Names of all tags that start with `prefix`, sorted, each with the name of the version that it points to."""
        found = self._world.store.list(TAGS, prefix)
        return [(name, f"{name.rpartition('/tags/')[0]}/versions/{body.decode()}") for name, body in found]

    def tag(self, name: str, digest: str) -> None:
        """Point a tag at a digest, whether it was there or not; who may move it, the registry decides."""
        self._world.store.put(TAGS, name, digest.encode())

    def untag(self, name: str) -> bool:
        """Remove a tag; False when it was not there."""
        return self._world.store.delete(TAGS, name)

    def forget(self, prefix: str) -> None:
        """Remove every version and tag whose name starts with `prefix`. Files stay: something may run from them."""
        for kind in (VERSIONS, TAGS, BLOBS):
            for name, _ in self._world.store.list(kind, prefix):
                self._world.store.delete(kind, name)

    def seed(self, name: str) -> None:
        """Push a project's bundled images when somebody first looks into one of its public repositories.

        Those of Google's project alone cost a tenth of what all of them do, and are all that most clouds need.
        """
        project = next(filter(name.startswith, bundled.PROJECTS), "")
        if not project or project in self._seeded:
            return
        with self._world.store.transaction():
            if project not in self._seeded:
                for image in bundled.images(project):
                    self._push(image)
                self._seeded.add(project)

    def _push(self, image: bundled.Bundled) -> None:
        """A tag moves when the content has changed since the last start."""
        reference = parse(image.reference)
        if reference is not None and reference.tag is not None:
            self.keep(self._made_of(self._layer(image), reference, image.command, {}), reference.tag)

    def _layer(self, image: bundled.Bundled) -> Layer:
        """The files of a bundled image, read again only where one of them was written since."""
        sources, stamp = tuple(image.sources.items()), stamp_of(image.sources)
        before = self._bundled.get(sources)
        if before is None or before[0] != stamp:
            before = self._bundled[sources] = (stamp, snapshot(image.sources, self._folder))
        return before[1]

    def reset(self) -> None:
        """After the store was cleared: remove the files, and seed again when asked.

        The bundled images' folders stay: they are named by their content, and each seeding would copy them anew.
        """
        self._seeded.clear()
        for folder in set(self._folder.glob("*")) - {layer.folder for _, layer in self._bundled.values()}:
            shutil.rmtree(folder, ignore_errors=True)


def described(listed: bytes) -> list[dict[str, Any]]:
    """The descriptors of the files that an image is made of: its configuration and its layers. An index has none."""
    document: dict[str, Any] = json.loads(listed)
    return [document["config"], *document["layers"]] if "config" in document else []
