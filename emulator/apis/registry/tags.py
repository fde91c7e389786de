"""What there is of an image: its tags, and what refers to it.

Source: https://cloud.google.com/artifact-registry/docs/docker/manage-images; the answer of Google's registries has
    more than the specification's: `manifest` and `child`, as github.com/google/go-containerregistry (pkg/v1/google)
    reads them.
"""

import json
from datetime import datetime
from typing import Any

from emulator.apis.registry.errors import RegistryError
from emulator.apis.registry.manifests import OCI_INDEX
from emulator.apis.registry.wire import Call, Reply, document
from emulator.images import Image, Images

PAGE_MOST = 10_000


def names(call: Call) -> Reply:
    """Tags, sorted; by `n` and `last` in pages."""
    images = call.world.part(Images)
    found = images.below(f"{call.image.package}/versions/")
    if not found:
        raise RegistryError(404, "NAME_UNKNOWN", f'Failed to compute list result for request "{call.name}"')
    every = [name.rpartition("/")[2] for name in images.tags(call.image.package)]
    rest = [name for name in every if name > call.query.get("last", "")]
    shown = rest[: page_size(call)]
    more = {"Link": f'<{call.base()}/tags/list?n={len(shown)}&last={shown[-1]}>; rel="next"'} if shown != rest else {}
    about = {image.digest: summary(images, image) for image in found}
    return document({"name": call.name, "tags": shown, "manifest": about, "child": []}, headers=more)


def page_size(call: Call) -> int:
    """How many tags one answer has.

    Raises:
        RegistryError: `n` is no number, or none that makes sense.
    """
    text = call.query.get("n", str(PAGE_MOST))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:  # noqa: PLR2004 - digits
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", "n is a number of at least 1")
    return min(int(text), PAGE_MOST)


def summary(images: Images, image: Image) -> dict[str, Any]:
    """What Google's registries say of one manifest in the list of tags."""
    tags = [name.rpartition("/")[2] for name in images.tags(image.package, image.digest)]
    made = int(datetime.fromisoformat(image.created).timestamp() * 1000)
    return {
        "imageSizeBytes": str(image.size_bytes),
        "mediaType": image.media_type,
        "tag": tags,
        "timeUploadedMs": str(made),
        "timeCreatedMs": str(made),
    }


def referrers(call: Call) -> Reply:
    """An index of what names an image as its subject: signatures, lists of what is in it."""
    images, digest = call.world.part(Images), call.digest()
    wanted = call.query.get("artifactType", "")
    found = []
    for image in images.below(f"{call.image.package}/versions/"):
        content = images.manifest(image)
        listed = json.loads(content)
        sort = listed.get("artifactType") or listed.get("config", {}).get("mediaType", "")
        if listed.get("subject", {}).get("digest") == digest and wanted in ("", sort):
            about = {"annotations": listed["annotations"]} if "annotations" in listed else {}
            described = {"mediaType": image.media_type, "digest": image.digest, "size": len(content)}
            found.append(described | {"artifactType": sort} | about)
    applied = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}
    return document(index, media_type=OCI_INDEX, headers=applied)
