"""Manifests: what an image is made of, by tag or digest.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md and image-index.md;
    https://distribution.github.io/distribution/spec/manifest-v2-2/. The first version of docker's is
    not taken.
"""

import json
from typing import Any

from emulator.apis.artifactregistry import scanning
from emulator.apis.artifactregistry.pushing import check_movable
from emulator.apis.artifactregistry.repositories import REPOSITORIES
from emulator.apis.registry.errors import RegistryError, digest_invalid, manifest_invalid, manifest_unknown
from emulator.apis.registry.uploads import require_blob
from emulator.apis.registry.wire import DIGEST, TAG, Call, Reply, check_digest
from emulator.core.failures import ApiFailure
from emulator.core.json_text import read_json
from emulator.images import Image, Images
from emulator.images.content import MANIFEST, digest_of

BYTES_MOST = 4 * 1024 * 1024
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
SINGLE, SEVERAL = (MANIFEST, OCI_MANIFEST), (LIST, OCI_INDEX)
PARTS_MOST = 1000
"""Layers of an image, or images of an index."""


def find(call: Call) -> Image:
    """The image of a tag or digest.

    Raises:
        RegistryError: There is none.
    """
    images = call.world.part(Images)
    digest = call.last if DIGEST.fullmatch(call.last) else images.tagged(f"{call.image.package}/tags/{call.last}")
    image = images.find(f"{call.image.package}/versions/{digest}") if digest else None
    if image is None:
        raise manifest_unknown(call.last)
    return image


def get(call: Call) -> Reply:
    """The manifest, as it was put there; with HEAD only its size."""
    image = find(call)
    content = call.world.part(Images).manifest(image)
    headers = {"Content-Type": image.media_type, "Docker-Content-Digest": image.digest}
    if call.verb == "HEAD":
        return Reply(200, headers | {"Content-Length": str(len(content))})
    scanning.pulled(call.world, image)
    return Reply(200, headers, content)


def put(call: Call) -> Reply:
    """Keep a manifest whose parts are here, under a tag or just by its digest."""
    content = call.body.read(BYTES_MOST + 1)
    if len(content) > BYTES_MOST:
        raise RegistryError(413, "SIZE_INVALID", f"a manifest has at most {BYTES_MOST // 1024**2} MiB")
    media_type, document = read(content, call.headers.get("content-type", ""))
    digest, tag = digest_of(content), None if call.last.startswith("sha256:") else call.last
    if tag is None and check_digest(call.last) != digest:
        raise digest_invalid(f"provided digest {call.last} does not match the manifest's {digest}")
    if tag is not None and not TAG.fullmatch(tag):
        raise RegistryError(400, "TAG_INVALID", f"invalid tag {tag[:100]!r}")
    check_parts(call, document)
    images = call.world.part(Images)
    image = images.receive(call.image.package, content, media_type)
    with call.world.store.transaction():
        if tag is not None:
            check_tag(call, tag, digest)
        known = images.find(image.name)  # one that was built here has a folder and a command already
        kept = images.keep(image if known is None else known, tag)
        repository = REPOSITORIES.find(call.world, kept.repository)
    if repository is not None:
        scanning.pushed(call.world, repository, kept)
    subject = {"OCI-Subject": document["subject"]["digest"]} if "subject" in document else {}
    where = {"Location": f"{call.base()}/manifests/{digest}", "Docker-Content-Digest": digest}
    return Reply(201, where | subject)


def check_tag(call: Call, tag: str, digest: str) -> None:
    """Refuse to move a tag that may not move, in the registry's words.

    Raises:
        RegistryError: MANIFEST_INVALID.
    """
    try:
        check_movable(call.world, f"{call.image.package}/tags/{tag}", digest)
    except ApiFailure as failure:
        raise manifest_invalid(failure.message) from failure


def read(content: bytes, declared: str) -> tuple[str, dict[str, Any]]:
    """Type and content of a manifest.

    Raises:
        RegistryError: It is none that the registry takes.
    """
    try:
        found = read_json(content)
    except ValueError:
        raise manifest_invalid("it is not JSON") from None
    if not isinstance(found, dict) or found.get("schemaVersion") != 2:  # noqa: PLR2004 - the version of the format
        raise manifest_invalid("its schemaVersion is not 2")
    declared = declared.partition(";")[0].strip()
    media_type = found.get("mediaType") or declared
    if media_type not in (*SINGLE, *SEVERAL) or declared not in ("", media_type):
        raise manifest_invalid(f"media type {str(media_type)[:100]!r}, sent as {declared[:100]!r}")
    parts = [found.get("config"), *_list(found, "layers")] if media_type in SINGLE else _list(found, "manifests")
    subject = [found["subject"]] if "subject" in found else []
    for each in (*parts, *subject):
        check_descriptor(each)
    return media_type, found


def _list(found: dict[str, Any], name: str) -> list[Any]:
    parts = found.get(name)
    if not isinstance(parts, list) or len(parts) > PARTS_MOST:
        raise manifest_invalid(f"{name} is not a list of at most {PARTS_MOST}")
    return parts


def check_descriptor(each: Any) -> None:
    """A part of a manifest names what it is by digest and size.

    Raises:
        RegistryError: It does not.
    """
    whole = isinstance(each, dict) and isinstance(each.get("mediaType"), str)
    digest, size = (each.get("digest"), each.get("size")) if whole else (None, None)
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise manifest_invalid("a descriptor in it has no digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise manifest_invalid(f"the descriptor of {digest} has no size")


def check_parts(call: Call, document: dict[str, Any]) -> None:
    """All that an image is made of must be in the repository, in the size that is said.

    Raises:
        RegistryError: It is not.
    """
    images = call.world.part(Images)
    for each in document.get("manifests", ()):
        if images.find(f"{call.image.package}/versions/{each['digest']}") is None:
            raise RegistryError(404, "MANIFEST_BLOB_UNKNOWN", f"manifest unknown to registry: {each['digest']}")
    if "config" not in document:
        return
    for each in (document["config"], *document["layers"]):
        if require_blob(call, each["digest"]) != each["size"]:
            raise RegistryError(400, "SIZE_INVALID", f"the size of {each['digest']} is not {each['size']}")


def delete(call: Call) -> Reply:
    """Take a tag away; or, by digest, an image that no tag and no index names any more."""
    images = call.world.part(Images)
    with call.world.store.transaction():
        image = find(call)
        if not call.last.startswith("sha256:"):
            check_gone(call, call.last)
            images.untag(f"{call.image.package}/tags/{call.last}")
            return Reply(202)
        tags = images.tags(image.package, image.digest)
        if tags:
            names = ", ".join(name.rpartition("/")[2] for name in tags)
            text = f"Manifest is still referenced by tag: {names}"
            raise RegistryError(400, "GOOGLE_MANIFEST_DANGLING_TAG", text)
        if any(holds(images.manifest(each), image.digest) for each in images.below(f"{image.package}/versions/")):
            text = "Manifest is still referenced by one or more parent images"
            raise RegistryError(400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", text)
        images.forget(image.name)
    return Reply(202)


def check_gone(call: Call, tag: str) -> None:
    """Refuse to take a tag away that may not move.

    Raises:
        RegistryError: DENIED.
    """
    try:
        check_movable(call.world, f"{call.image.package}/tags/{tag}", None)
    except ApiFailure as failure:
        raise RegistryError(400, "DENIED", failure.message) from failure


def holds(content: bytes, digest: str) -> bool:
    """Whether a manifest is an index with an image in it."""
    return any(each["digest"] == digest for each in json.loads(content).get("manifests", ()))
