"""Pushing an image, as `docker push` does: into a repository that is there, under a tag that may move.

Source: `Repository.DockerRepositoryConfig.immutable_tags` of artifactregistry v1.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator.apis.artifactregistry import scanning
from emulator.apis.artifactregistry.repositories import REPOSITORIES, seed
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.images import Image, Images
from emulator.images.reference import parse


def push(
    world: World, reference: str, sources: Mapping[str, Path], command: Sequence[str], env: Mapping[str, str]
) -> Image:
    """Store an image and move its tag to it.

    Args:
        world: Where.
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
    images = world.part(Images)
    image = images.build(found, sources, command, env)
    seed(world, found.repository)
    with world.store.transaction():
        repository = REPOSITORIES.find(world, found.repository)
        if repository is None:
            raise ApiFailure("NOT_FOUND", f"name unknown: Repository {found.repository!r} not found")
        check_movable(world, f"{found.package}/tags/{found.tag}", image.digest)
        kept = images.keep(image, found.tag)
    scanning.pushed(world, repository, kept)
    return kept


def check_movable(world: World, tag: str, digest: str | None) -> None:
    """Refuse to move or delete a tag of a repository whose tags are immutable.

    Args:
        world: Where.
        tag: Name of the tag.
        digest: Where it is to point; None when it is to be deleted.

    Raises:
        ApiFailure: FAILED_PRECONDITION.
    """
    current = world.part(Images).tagged(tag)
    if current is None or current == digest:
        return
    repository = REPOSITORIES.find(world, tag.partition("/packages/")[0])
    if repository is not None and repository.docker_config.immutable_tags:
        name = tag.rpartition("/")[2]
        text = f"cannot update tag {name}. The repository has enabled tag immutability"
        raise ApiFailure("FAILED_PRECONDITION", text)
