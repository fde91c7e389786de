"""A tag becomes the digest it names now: what is applied cannot move unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.core.own_images import in_region, target_of
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from schemas.sections.image import Resolve

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedOperator, LoadedService, MLService, Operator

_REFERENCE = re.compile(
    r"^(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/"
    r"(?P<image>[^:@]+)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?$"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies in Artifact Registry.

    Args:
        project: Project id.
        path: Full name of the repository.
        image: Name of the package as its API writes it.
    """

    project: str
    path: str
    image: str


def repository_of(reference: str) -> Place | None:
    """Give where an image lies; None where that is not Artifact Registry."""
    found = _REFERENCE.match(reference)
    if found is None:
        return None
    path = f"projects/{found['project']}/locations/{found['location']}/repositories/{found['repository']}"
    return Place(found["project"], path, quote(found["image"], safe=""))


def written(service: MLService, facts: Facts) -> str:
    """Give the image as the spec names it; ours, in its region, where it names none."""
    return service.spec.image.uri if service.spec.image else in_region(facts.runtime_image, service.spec.region)


def image_of(service: MLService, facts: Facts) -> str:
    """Give the image with its digest, or as written where that is wanted or cannot be found out."""
    here = written(service, facts)
    return facts.find(IMAGE_DIGEST, here) or here


def _asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    image = loaded.service.spec.image
    if image is None or image.resolve is Resolve.DIGEST:
        yield Question(written(loaded.service, facts), "image.uri")


def reconciler_of(operator: Operator, facts: Facts) -> str:
    """Give the image that an operator runs, as its document names it."""
    spec = operator.spec
    number = (spec.version or facts.version).replace("+", "-")
    return spec.image or in_region(f"{facts.reconciler_image}:{number}", spec.region)


def pinned(operator: Operator, facts: Facts) -> str:
    """Give that image with its digest."""
    here = reconciler_of(operator, facts)
    return facts.find(IMAGE_DIGEST, here) or here


def _operates(loaded: LoadedOperator, facts: Facts) -> Iterator[Question]:
    yield Question(reconciler_of(loaded.operator, facts), "image" if loaded.operator.spec.image else "version")


def _answer(connection: Connection, question: Question) -> str:
    """Ask Artifact Registry. What is not in Artifact Registry stays as written."""
    reference = question.key
    found = _REFERENCE.match(reference)
    if found is None or found["digest"]:
        return reference
    parts = found.groupdict()
    api: Any = connection.client("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    place = repository_of(reference)
    package = f"{place.path}/packages/{place.image}" if place else ""
    try:
        with calling("resolve", f"image {reference}"):
            name = f"{package}/tags/{parts['tag'] or 'latest'}"
            tag = api.get_tag(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.NotFoundError as error:
        hint = "push it first, or name a tag that is there"
        if (target := target_of(reference)) is not None:
            hint = f"`mlservice image push --target {target}` builds and pushes it, with no container engine"
        raise errors.NotFoundError("resolve", f"image '{reference}'", "there is no such tag", hint=hint) from error
    bare = reference.removesuffix(f":{parts['tag']}")
    return f"{bare}@{tag.version.rpartition('/')[2]}"


IMAGE_DIGEST = Lookup(
    "image_digest", str, _asks, _answer, "artifactregistry.tags.get", "artifactregistry.googleapis.com", _operates
)
