"""Artifact Registry v1: docker images, packages, versions and tags inside a repository.

Source: artifactregistry v1 definition (messages of google-cloud-artifact-registry 1.23.0); kinds.md section 6.
"""

from datetime import datetime
from typing import Any

from google.cloud.artifactregistry_v1.types import artifact, package, service, tag, version
from google.protobuf.empty_pb2 import Empty

from emulator.apis.artifactregistry.pushing import check_movable
from emulator.apis.artifactregistry.repositories import API, REPOSITORIES, SERVICE, finish_delete, seen
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import check_id, missing, refuse_query, timestamp
from emulator.core.world import World
from emulator.images import Image, Images
from emulator.images.reference import registry_path

DockerImage = artifact.DockerImage.pb()
Package = package.Package.pb()
Version = version.Version.pb()
Tag = tag.Tag.pb()
FULL = version.VersionView.FULL
TAG_ID = r"\w[\w.-]{0,127}"


def check_repository(world: World, name: str) -> None:
    """The repository that a name lies in must exist.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    REPOSITORIES.get(world, seen(world, "/".join(name.split("/")[:6])))


def docker_image(world: World, image: Image) -> Any:
    """An image as `dockerImages` shows it: slashes are escaped in the name, not in the uri."""
    repository = "/".join(image.name.split("/")[:6])
    path = f"{image.package.rpartition('/')[2]}@{image.digest}"
    return DockerImage(
        name=f"{repository}/dockerImages/{path}",
        uri=f"{registry_path(repository)}/{path.replace('%2F', '/')}",
        tags=[name.rpartition("/")[2] for name in world.part(Images).tags(image.package, image.digest)],
        image_size_bytes=image.size_bytes,
        media_type=image.media_type,
        image_manifests=[
            artifact.ImageManifest.pb()(digest=part, os=system, architecture=processor)
            for part, system, processor in world.part(Images).platforms(image)
        ],
        upload_time=timestamp(datetime.fromisoformat(image.created)),
        update_time=timestamp(datetime.fromisoformat(image.updated)),
    )


@API.method(SERVICE + "ListDockerImages")
def list_docker_images(world: World, request: Any, _: Call) -> Any:
    """Every image of a repository, by name."""
    check_repository(world, request.parent)
    refuse_query(request)
    images = world.part(Images).below(f"{request.parent}/packages/")
    shown, token = page_of(request, images)
    found = [docker_image(world, image) for image in shown]
    return artifact.ListDockerImagesResponse.pb()(docker_images=found, next_page_token=token)


@API.method(SERVICE + "GetDockerImage")
def get_docker_image(world: World, request: Any, _: Call) -> Any:
    """One image by `dockerImages/{image}@{digest}`."""
    check_repository(world, request.name)
    repository, _, path = request.name.partition("/dockerImages/")
    image_name, _, digest = path.partition("@")
    image = world.part(Images).find(f"{repository}/packages/{image_name}/versions/{digest}")
    if image is None:
        raise missing(request.name)
    return docker_image(world, image)


def packages(world: World, prefix: str) -> list[Any]:
    """The packages of images whose names start with `prefix`."""
    grouped: dict[str, list[Image]] = {}
    for image in world.part(Images).below(prefix):
        grouped.setdefault(image.package, []).append(image)
    return [
        Package(
            name=name,
            display_name=name.rpartition("/")[2].replace("%2F", "/"),
            create_time=timestamp(datetime.fromisoformat(min(image.created for image in images))),
            update_time=timestamp(datetime.fromisoformat(max(image.updated for image in images))),
        )
        for name, images in grouped.items()
    ]


@API.method(SERVICE + "ListPackages")
def list_packages(world: World, request: Any, _: Call) -> Any:
    """Image names of a repository."""
    check_repository(world, request.parent)
    refuse_query(request)
    shown, token = page_of(request, packages(world, f"{request.parent}/packages/"))
    return package.ListPackagesResponse.pb()(packages=shown, next_page_token=token)


@API.method(SERVICE + "GetPackage")
def get_package(world: World, request: Any, _: Call) -> Any:
    """One image name; it is there as long as it has a version."""
    check_repository(world, request.name)
    return require_package(world, request.name)


def require_package(world: World, name: str) -> Any:
    """A package that has images.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    found = packages(world, f"{name}/versions/")
    if not found:
        raise missing(name)
    return found[0]


@API.method(SERVICE + "DeletePackage")
def delete_package(world: World, request: Any, _: Call) -> Any:
    """All versions and tags of an image name."""
    check_repository(world, request.name)
    require_package(world, request.name)
    world.part(Images).forget(request.name + "/")
    return deleted(world, request.name)


def version_of(world: World, image: Image, view: int) -> Any:
    """An image as a version; the tags only show in the full view."""
    shown = Version(
        name=image.name,
        create_time=timestamp(datetime.fromisoformat(image.created)),
        update_time=timestamp(datetime.fromisoformat(image.updated)),
    )
    if view == FULL:
        names = world.part(Images).tags(image.package, image.digest)
        shown.related_tags.extend(Tag(name=name, version=image.name) for name in names)
    return shown


@API.method(SERVICE + "ListVersions")
def list_versions(world: World, request: Any, _: Call) -> Any:
    """Digests of an image name, each a version; tags show only in the full view."""
    check_repository(world, request.parent)
    refuse_query(request)
    images = world.part(Images).below(f"{request.parent}/versions/")
    shown, token = page_of(request, images)
    found = [version_of(world, image, request.view) for image in shown]
    return version.ListVersionsResponse.pb()(versions=found, next_page_token=token)


def require_version(world: World, name: str) -> Image:
    """An image by its version name.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    check_repository(world, name)
    image = world.part(Images).find(name)
    if image is None:
        raise missing(name)
    return image


@API.method(SERVICE + "GetVersion")
def get_version(world: World, request: Any, _: Call) -> Any:
    """One digest."""
    return version_of(world, require_version(world, request.name), request.view)


@API.method(SERVICE + "DeleteVersion")
def delete_version(world: World, request: Any, _: Call) -> Any:
    """One digest; with tags only by force, and never from under an immutable tag."""
    with world.store.transaction():
        image = require_version(world, request.name)
        tags = world.part(Images).tags(image.package, image.digest)
        if tags and not request.force:
            text = f"The version {image.digest} is tagged: delete its tags first or set force."
            raise ApiFailure("FAILED_PRECONDITION", text)
        for name in tags:
            check_movable(world, name, None)
            world.part(Images).untag(name)
        world.part(Images).forget(image.name)
    return deleted(world, request.name)


def deleted(world: World, name: str) -> Any:
    """What a delete answers: an operation below the location, with an empty result."""
    parent = name.rpartition("/repositories/")[0].partition("/repositories/")[0]
    metadata = service.OperationMetadata.pb()()
    return world.operations.start_task(parent, metadata, finish_delete)


@API.method(SERVICE + "ListTags")
def list_tags(world: World, request: Any, _: Call) -> Any:
    """Tags of an image name. The only filter is `version="…"`."""
    check_repository(world, request.parent)
    digest = filtered_digest(request.filter)
    names = world.part(Images).tags(request.parent, digest)
    shown, token = page_of(request, names)
    found = [show_tag(world, name) for name in shown]
    return tag.ListTagsResponse.pb()(tags=found, next_page_token=token)


def filtered_digest(text: str) -> str | None:
    """The digest that a `version="…"` filter asks for.

    Raises:
        ApiFailure: UNIMPLEMENTED for another filter.
    """
    if not text:
        return None
    field, _, value = text.partition("=")
    if field.strip() != "version":
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know the filter {text!r}.")
    return value.strip().strip('"').rpartition("/versions/")[2]


def show_tag(world: World, name: str) -> Any:
    """A tag with the version it points to.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    digest = world.part(Images).tagged(name)
    if digest is None:
        raise missing(name)
    return Tag(name=name, version=f"{name.rpartition('/tags/')[0]}/versions/{digest}")


@API.method(SERVICE + "GetTag")
def get_tag(world: World, request: Any, _: Call) -> Any:
    """One tag, with the version it points to now."""
    check_repository(world, request.name)
    return show_tag(world, request.name)


@API.method(SERVICE + "CreateTag")
def create_tag(world: World, request: Any, _: Call) -> Any:
    """Point a new tag at a version of the same package."""
    check_id("tag_id", request.tag_id, TAG_ID)
    name = f"{request.parent}/tags/{request.tag_id}"
    with world.store.transaction():
        if world.part(Images).tagged(name) is not None:
            raise ApiFailure("ALREADY_EXISTS", "the resource already exists")
        point(world, name, request.tag.version)
    return show_tag(world, name)


@API.method(SERVICE + "UpdateTag")
def update_tag(world: World, request: Any, _: Call) -> Any:
    """Point a tag at another version of its package, unless the repository's tags are immutable."""
    with world.store.transaction():
        show_tag(world, request.tag.name)
        check_movable(world, request.tag.name, request.tag.version.rpartition("/")[2])
        point(world, request.tag.name, request.tag.version)
    return show_tag(world, request.tag.name)


def point(world: World, name: str, version_name: str) -> None:
    """Set a tag to a version of its own package.

    Raises:
        ApiFailure: NOT_FOUND, or INVALID_ARGUMENT for a version of another package.
    """
    image = require_version(world, version_name)
    if image.package != name.rpartition("/tags/")[0]:
        raise ApiFailure("INVALID_ARGUMENT", "The version belongs to another package.")
    world.part(Images).tag(name, image.digest)


@API.method(SERVICE + "DeleteTag")
def delete_tag(world: World, request: Any, _: Call) -> Any:
    """Remove a tag; the version stays."""
    with world.store.transaction():
        show_tag(world, request.name)
        check_movable(world, request.name, None)
        world.part(Images).untag(request.name)
    return Empty()
