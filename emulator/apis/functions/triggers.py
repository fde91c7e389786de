"""Event triggers of functions, as Eventarc makes them."""

from typing import Any

from emulator.core.failures import ApiFailure
from emulator.core.world import World


def wire(world: World, function: Any, uri: str) -> str:
    """Let a function's events come to its service; answers the name of the trigger, or nothing without one.

    Raises:
        ApiFailure: What it is triggered by is not there.
    """
    del world, uri
    if function.HasField("event_trigger"):
        raise ApiFailure("UNIMPLEMENTED", "The emulator does not deliver events to functions yet.")
    return ""


def unwire(world: World, name: str) -> None:
    """Take a function's trigger away; one that is gone is gone."""
    del world, name
