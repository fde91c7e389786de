"""When a repository's cleanup is due: a day after its policies came, then daily."""

import json
from datetime import datetime, timedelta

from emulator.core.world import World

DUE = "artifactregistry.cleanup"
"""Repository -> when its next cleanup is due, ISO 8601, and the timer of it."""
EVERY = timedelta(days=1)
FIRE = "emulator.apis.artifactregistry.cleaning:fire"


def plan(world: World, name: str) -> None:
    """Have a repository cleaned a day from now, unless it is to be cleaned already."""
    if due(world, name) is None:
        begin(world, name, world.clock.now() + EVERY)


def due(world: World, name: str) -> str | None:
    """When its cleanup is due, or None."""
    body = world.store.get(DUE, name)
    return None if body is None else str(json.loads(body)["at"])


def begin(world: World, name: str, when: datetime) -> None:
    """Have a repository cleaned at a time."""
    at = when.isoformat()
    timer = world.clock.call_at(when, FIRE, {"repository": name, "at": at})
    world.store.put(DUE, name, json.dumps({"at": at, "timer": timer}).encode())


def end(world: World, name: str) -> None:
    """Have it cleaned no more."""
    body = world.store.get(DUE, name)
    if body is not None:
        world.clock.cancel(json.loads(body)["timer"])
        world.store.delete(DUE, name)
