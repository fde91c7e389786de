"""What a schedule waits for: one timer, by a key that only its own run knows."""

import json
from typing import Any

from emulator.core.world import World

KIND = "aiplatform.schedule_turn"


def keep(world: World, name: str, *, key: str, timer: str) -> None:
    """Write down what a schedule waits for."""
    world.store.put(KIND, name, json.dumps({"key": key, "timer": timer}).encode())


def stop(world: World, schedule: Any) -> None:
    """Let a schedule wait for nothing any more; the caller saves it."""
    if (turn := turn_of(world, schedule.name)) is not None:
        world.clock.cancel(turn["timer"])
        world.store.delete(KIND, schedule.name)
    schedule.ClearField("next_run_time")


def turn_of(world: World, name: str) -> dict[str, str] | None:
    """What a schedule waits for."""
    body = world.store.get(KIND, name)
    found: dict[str, str] | None = None if body is None else json.loads(body)
    return found
