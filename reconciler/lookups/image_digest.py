"""A tag becomes the digest it names now: what is applied cannot move unseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.core.keeping import Image
from reconciler.core.own_images import in_region, target_of
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from schemas.sections.image import Resolve

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedOperator, LoadedService, MLService, Operator
    from schemas.sections.sidecars import Sidecar


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
    found = Image.parse(reference)
    if found is None:
        return None
    return Place(found.repository.split("/")[1], found.repository, quote(found.package, safe=""))


def written(service: MLService, facts: Facts) -> str:
    """Give the image as the spec names it; ours, in its region, where it names none."""
    return service.spec.image.uri if service.spec.image else in_region(facts.runtime_image, service.spec.region)


def image_of(service: MLService, facts: Facts) -> str:
    """Give the image with its digest, or as written where that is wanted or cannot be found out."""
    here = written(service, facts)
    return facts.find(IMAGE_DIGEST, here) or here


def sidecar_image_of(sidecar: Sidecar, facts: Facts) -> str:
    """Give the image of a sidecar, as that of a service."""
    here = sidecar.image.uri
    return (facts.find(IMAGE_DIGEST, here) if sidecar.image.resolve is Resolve.DIGEST else None) or here


def _asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    image = loaded.service.spec.image
    if image is None or image.resolve is Resolve.DIGEST:
        yield Question(written(loaded.service, facts), "image.uri")
    for name, each in loaded.service.spec.sidecars.items():
        if each.image.resolve is Resolve.DIGEST:
            yield Question(each.image.uri, f"sidecars.{name}.image.uri")


def reconciler_of(operator: Operator, facts: Facts) -> str:
    """Give the image that an operator runs, as its document names it."""
    spec = operator.spec
    number = (spec.version or facts.version).replace("+", "-")
    return spec.image or in_region(f"{facts.reconciler_image}:{number}", spec.region)


def pinned(operator: Operator, facts: Facts) -> str:
    """Give that image with its digest."""
    here = reconciler_of(operator, facts)
    return facts.find(IMAGE_DIGEST, here) or here


def page_of(operator: Operator, facts: Facts) -> str:
    """Give the image of an operator's page, as its document names it: ours lies beside the reconciler's."""
    spec = operator.spec
    number = (spec.version or facts.version).replace("+", "-")
    ours = f"{facts.reconciler_image.rpartition('/')[0]}/page:{number}"
    return spec.page.image or in_region(ours, spec.region)


def pinned_page(operator: Operator, facts: Facts) -> str:
    """Give that image with its digest."""
    here = page_of(operator, facts)
    return facts.find(IMAGE_DIGEST, here) or here


def _operates(loaded: LoadedOperator, facts: Facts) -> Iterator[Question]:
    spec = loaded.operator.spec
    yield Question(reconciler_of(loaded.operator, facts), "image" if spec.image else "version")
    if spec.page.enabled:
        yield Question(page_of(loaded.operator, facts), "page.image" if spec.page.image else "page")


def _answer(connection: Connection, question: Question) -> str:
    """Ask Artifact Registry. What is not in Artifact Registry stays as written."""
    reference = question.key
    found, place = Image.parse(reference), repository_of(reference)
    if found is None or place is None or found.digest:
        return reference
    api: Any = connection.client("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    try:
        with calling("resolve", f"image {reference}"):
            name = f"{place.path}/packages/{place.image}/tags/{found.tag}"
            tag = api.get_tag(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.NotFoundError as error:
        hint = "push it first, or name a tag that is there"
        if (target := target_of(reference)) is not None:
            hint = f"`mlservice image push --target {target}` builds and pushes it, with no container engine"
        raise errors.NotFoundError("resolve", f"image '{reference}'", "there is no such tag", hint=hint) from error
    bare = reference.removesuffix(f":{found.tag}")
    return f"{bare}@{tag.version.rpartition('/')[2]}"


IMAGE_DIGEST = Lookup(
    "image_digest", str, _asks, _answer, "artifactregistry.tags.get", "artifactregistry.googleapis.com", _operates
)
