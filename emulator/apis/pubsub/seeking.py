"""Seek: a subscription goes back to, or on to, a time or a snapshot.

Source: comments of `SeekRequest`; cloud.google.com/pubsub/docs/replay-overview.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.pubsub_v1.types import pubsub

from emulator.apis.pubsub import delivering, holders
from emulator.apis.pubsub.broker import Broker, Line, Note
from emulator.apis.pubsub.model import API, SNAPSHOTS, SUBSCRIBER, invalid
from emulator.apis.pubsub.pulling import line_of
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id
from emulator.core.world import World

PubsubMessage = pubsub.PubsubMessage.pb()


@API.method(SUBSCRIBER + "Seek")
def seek(world: World, request: Any, _: Call) -> Any:
    """What the subscription then has not settled: what was published since the time, or what the snapshot holds."""
    line = line_of(world, request.subscription)
    target = request.WhichOneof("target")
    if target is None:
        raise invalid("target: a time or a snapshot is needed")
    found = holders.broker(world)
    with world.store.transaction(), found.lock:
        known = waiting(line) | line.acked
        kept = kept_for(world, found, line, by_id(world, request.snapshot) if target == "snapshot" else line.topic)
        all_notes = passing(world, line, kept, known) | known
        if target == "snapshot":
            wanted = kept.keys() & all_notes.keys()
        else:
            since = holders.instant(request.time)
            wanted = {number for number, note in all_notes.items() if note.published >= since}
        settle(world, found, line, known, {number: all_notes[number] for number in sorted(wanted)})
        found.wake(line)
    delivering.after(world, line)
    return pubsub.SeekResponse.pb()()


def waiting(line: Line) -> dict[int, Note]:
    """What a subscription has not settled."""
    return {entry.number: Note.of(entry) for entry in line.backlog.entries()}


def kept_for(world: World, found: Broker, line: Line, keeper: str) -> Mapping[int, Note]:
    """What a topic or a snapshot keeps.

    Raises:
        ApiFailure: The snapshot is not there, or is of another topic (comment of `SeekRequest.snapshot`).
    """
    if "/snapshots/" in keeper and SNAPSHOTS.get(world, keeper).topic != line.topic:
        raise ApiFailure("FAILED_PRECONDITION", "The snapshot is of another topic than the subscription.")
    return found.kept.get(keeper, {})


def passing(world: World, line: Line, kept: Mapping[int, Note], known: Iterable[int]) -> dict[int, Note]:
    """Of what is kept, the messages that the subscription's filter lets through."""
    known = set(known)
    if line.matches is None:
        return dict(kept)
    return {number: note for number, note in kept.items() if number in known or matches(world, line, number)}


def matches(world: World, line: Line, number: int) -> bool:
    """Whether the filter lets a stored message through."""
    body = world.store.get(holders.MESSAGE, f"{number:016d}")
    return body is not None and (line.matches is None or line.matches(PubsubMessage.FromString(body).attributes))


def settle(world: World, found: Broker, line: Line, known: Mapping[int, Note], wanted: Mapping[int, Note]) -> None:
    """Let just these wait; of the others those are settled that the subscription had."""
    for number in known:
        line.backlog.remove(number)
        line.acked.pop(number, None)
    for number, note in wanted.items():
        found.holders[number] += number not in known
        holders.hold(world.store, line.name, note)
        line.backlog.add(note.entry())
    holders.settle(world, found, line, [note for number, note in known.items() if number not in wanted])
