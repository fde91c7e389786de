"""When a repository's cleanup is due: a day after its policies came, then daily."""

from datetime import datetime, timedelta

from emulator.core.world import World

DUE = "artifactregistry.cleanup"
"""Repository -> when its next cleanup is due, ISO 8601."""
EVERY = timedelta(days=1)
FIRE = "emulator.apis.artifactregistry.cleaning:fire"


def plan(world: World, name: str) -> None:
    """Have a repository cleaned a day from now, unless it is to be cleaned already."""
    if due(world, name) is None:
        begin(world, name, world.clock.now() + EVERY)


def due(world: World, name: str) -> str | None:
    """When its cleanup is due, or None."""
    body = world.store.get(DUE, name)
    return None if body is None else body.decode()


def begin(world: World, name: str, when: datetime) -> None:
    """Have a repository cleaned at a time."""
    at = when.isoformat()
    world.store.put(DUE, name, at.encode())
    world.clock.call_at(when, FIRE, {"repository": name, "at": at})


def end(world: World, name: str) -> None:
    """Have it cleaned no more."""
    world.store.delete(DUE, name)
