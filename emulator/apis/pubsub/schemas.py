"""Schemas of messages."""

from collections.abc import Sequence
from typing import Any

from emulator.apis.pubsub.broker import Route
from emulator.core.world import World


def check_messages(world: World, to: Route, messages: Sequence[Any]) -> None:
    """Refuse messages that do not fit."""
