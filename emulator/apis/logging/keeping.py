"""How entries are kept: with their times and an id, for thirty days, a bounded number of each project."""

import uuid
from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict, SerializeToJsonError

from emulator.apis.logging.model import ENTRIES, KEPT_S, MOST_KEPT, key_of, prefix
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World

LARGEST = 256 * 1024
"""Bytes of an entry."""
AHEAD_S = 86_400
"""An entry may be of tomorrow."""


def checked(entry: Any) -> Any:
    """An entry that answers can show, and no larger than Google takes.

    Raises:
        ApiFailure: INVALID_ARGUMENT: kept, it would be in the way of every list.
    """
    try:
        MessageToDict(entry)
    except (ValueError, SerializeToJsonError) as error:
        raise ApiFailure("INVALID_ARGUMENT", f"Log entry that is no JSON: {error}") from error
    if entry.ByteSize() > LARGEST:
        text = f"Log entry with size {entry.ByteSize()} exceeds maximum size of {LARGEST}"
        raise ApiFailure("INVALID_ARGUMENT", text)
    return entry


def dated(world: World, entry: Any) -> Any:
    """An entry with its times and an id."""
    now = world.clock.now()
    entry.receive_timestamp.CopyFrom(timestamp(now))
    if not entry.HasField("timestamp"):
        entry.timestamp.CopyFrom(entry.receive_timestamp)
    if entry.timestamp.seconds > now.timestamp() + AHEAD_S:
        raise ApiFailure("INVALID_ARGUMENT", "Log entry timestamp is too far in the future.")
    entry.insert_id = entry.insert_id or uuid.uuid4().hex[:16]
    return entry


def keep(world: World, entries: Sequence[Any]) -> Sequence[Any]:
    """Keep entries that are complete; returns those that are kept: what is too old is let go silently, as at Google."""
    since = world.clock.now().timestamp() - KEPT_S
    young = [entry for entry in entries if entry.timestamp.seconds >= since]
    with world.store.transaction():
        world.store.put_all(ENTRIES, ((key_of(entry), entry.SerializeToString()) for entry in young))
    world.part(Room, Room).came(world, len(young))
    return young


class Room:
    """Lets the oldest entries go now and then: to count them at each write would read all their names."""

    def __init__(self) -> None:
        self._left = 0

    def came(self, world: World, count: int) -> None:
        """Tell of new entries."""
        self._left -= count
        if self._left > 0:
            return
        self._left = MOST_KEPT // 10
        names = world.store.names(ENTRIES)
        with world.store.transaction():
            for project in {name.partition("/")[0] for name in names} if len(names) > MOST_KEPT else ():
                mine = [name for name in names if name.startswith(prefix(project))]
                world.store.delete_all(ENTRIES, mine[:-MOST_KEPT])
