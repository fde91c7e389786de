"""Cleanup policies at work: once a day a repository that has some loses what they say.

Google's runs "periodically", and what is written takes effect within about a day; here the first run is a day after the
policies came, and each further one a day later. With `cleanup_policy_dry_run` nothing goes: it is written into the log.

Source: https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview; comment of
    `Repository.cleanup_policy_dry_run`.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from emulator.apis.artifactregistry import turns
from emulator.apis.artifactregistry.repositories import REPOSITORIES
from emulator.apis.artifactregistry.rules import Candidate, removed
from emulator.core.world import World
from emulator.images import Image, Images

log = logging.getLogger(__name__)


def fire(world: World, payload: dict[str, Any]) -> None:
    """A day is over. Told again of one that was dealt with, or of a repository that is gone, it does nothing."""
    name, at = payload["repository"], payload["at"]
    if turns.due(world, name) != at:
        return
    now = datetime.fromisoformat(at)
    try:
        clean(world, name, now)
    finally:  # else the first cleanup that fails is the repository's last
        with world.store.transaction():
            if turns.due(world, name) == at:
                turns.begin(world, name, now + turns.EVERY)


def clean(world: World, name: str, now: datetime) -> None:
    """Delete what a repository's policies say, tags with it."""
    images = world.part(Images)
    known = {image.digest: images.parts(image) for image in found(images, name)}  # files, read before all others wait
    with world.store.transaction():
        repository = REPOSITORIES.find(world, name)
        if repository is None:
            return
        policies, immutable = repository.cleanup_policies.values(), repository.docker_config.immutable_tags
        versions = candidates(images, name, known)
        for each in removed(policies, list(versions), now, immutable=immutable):
            if repository.cleanup_policy_dry_run:
                log.info("cleanup would delete %s", versions[each].name)
            else:
                delete(images, versions[each], each.tags)


def found(images: Images, repository: str) -> list[Image]:
    """Every image of a repository."""
    return images.below(f"{repository}/packages/")


def candidates(images: Images, repository: str, known: Mapping[str, tuple[str, ...]]) -> dict[Candidate, Image]:
    """The images of a repository as policies see them.

    Args:
        images: Of the world.
        repository: Its name.
        known: Digest -> digests of the images of an index, as far as they were read; others are read now.
    """
    tags: dict[str, list[str]] = {}
    for name, version in images.tagging(f"{repository}/packages/"):
        tags.setdefault(version, []).append(name.rpartition("/")[2])
    return {
        Candidate(
            package=image.package.rpartition("/")[2].replace("%2F", "/"),
            digest=image.digest,
            tags=tuple(tags.get(image.name, ())),
            uploaded=datetime.fromisoformat(image.created),
            parts=known[image.digest] if image.digest in known else images.parts(image),
        ): image
        for image in found(images, repository)
    }


def delete(images: Images, image: Image, tags: Iterable[str]) -> None:
    """Remove a version and its tags; its files stay, for something may run from them."""
    for tag in tags:
        images.untag(f"{image.package}/tags/{tag}")
    images.forget(image.name)
