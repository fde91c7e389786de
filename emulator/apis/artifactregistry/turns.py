"""When a repository's cleanup is due: a day after its policies came, then daily."""

import json
from datetime import datetime, timedelta

from emulator.core.world import World

DUE = "artifactregistry.cleanup"
"""Repository -> when its next cleanup is due, ISO 8601, and the timer of it.

A state of before has the moment alone, without the timer: that one finds nothing due, and does nothing.
"""
EVERY = timedelta(days=1)
FIRE = "emulator.apis.artifactregistry.cleaning:fire"


def plan(world: World, name: str) -> None:
    """Have a repository cleaned a day from now, unless it is to be cleaned already."""
    if due(world, name) is None:
        begin(world, name, world.clock.now() + EVERY)


def due(world: World, name: str) -> str | None:
    """When its cleanup is due, or None."""
    at, _ = _planned(world, name)
    return at


def begin(world: World, name: str, when: datetime) -> None:
    """Have a repository cleaned at a time."""
    at = when.isoformat()
    timer = world.clock.call_at(when, FIRE, {"repository": name, "at": at})
    world.store.put(DUE, name, json.dumps({"at": at, "timer": timer}).encode())


def end(world: World, name: str) -> None:
    """Have it cleaned no more."""
    at, timer = _planned(world, name)
    if timer is not None:
        world.clock.cancel(timer)
    if at is not None:
        world.store.delete(DUE, name)


def _planned(world: World, name: str) -> tuple[str | None, str | None]:
    """When its cleanup is due, and the timer of it; None for what is not, or is not known."""
    body = world.store.get(DUE, name)
    if body is None:
        return None, None
    if not body.startswith(b"{"):
        return body.decode(), None
    found = json.loads(body)
    return str(found["at"]), found["timer"]
