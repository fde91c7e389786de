"""Cleanup policies at work: once a day a repository that has some loses what they say.

Google's runs "periodically", and what is written takes effect within about a day; here the first run is a day after the
policies came, and each further one a day later. With `cleanup_policy_dry_run` nothing goes: it is written into the log.

Source: https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview; comment of
    `Repository.cleanup_policy_dry_run`.
"""

import logging
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
    with world.store.transaction():
        if turns.due(world, name) != at:
            return
        repository, now = REPOSITORIES.find(world, name), datetime.fromisoformat(at)
        if repository is None or not repository.cleanup_policies:
            turns.end(world, name)
            return
        clean(world, repository, now)
        turns.begin(world, name, now + turns.EVERY)


def clean(world: World, repository: Any, now: datetime) -> None:
    """Delete what the policies say, tags with it."""
    images = world.part(Images)
    found = {(each.package, each.digest): each for each in images.below(f"{repository.name}/packages/")}
    candidates = [candidate(images, image) for image in found.values()]
    names = {(each.package, each.digest): image for each, image in zip(candidates, found.values(), strict=True)}
    policies = list(repository.cleanup_policies.values())
    for each in removed(policies, candidates, now, immutable=repository.docker_config.immutable_tags):
        image = names[each.package, each.digest]
        if repository.cleanup_policy_dry_run:
            log.info("cleanup would delete", extra={"version": image.name})
        else:
            delete(images, image)


def candidate(images: Images, image: Image) -> Candidate:
    """An image as policies see it."""
    return Candidate(
        package=image.package.rpartition("/")[2].replace("%2F", "/"),
        digest=image.digest,
        tags=tuple(name.rpartition("/")[2] for name in images.tags(image.package, image.digest)),
        uploaded=datetime.fromisoformat(image.created),
        parts=images.parts(image),
    )


def delete(images: Images, image: Image) -> None:
    """Remove a version and its tags; its files stay, for something may run from them."""
    for name in images.tags(image.package, image.digest):
        images.untag(name)
    images.forget(image.name)
