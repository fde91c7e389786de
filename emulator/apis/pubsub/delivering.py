"""What happens to a subscription's messages: taken, settled, given back. Used by pull, by streams and by pushes alike.

Each changes memory and store together: rows within a transaction of the store, so that a kill between any two steps
loses nothing and at worst delivers twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.pubsub_v1.types import pubsub

from emulator.apis.pubsub import dead_letters, handles, holders
from emulator.apis.pubsub.backlog import Delivery, Handle, Tab
from emulator.apis.pubsub.broker import Line, Note
from emulator.core.world import World

ReceivedMessage = pubsub.ReceivedMessage.pb()
PubsubMessage = pubsub.PubsubMessage.pb()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a taker takes.

    Attributes:
        most: So many messages.
        bytes_most: No further message once there are so many bytes; 0: no bound.
        deadline_s: For how long; 0: as the subscription says.
        per_key: How many of one ordering key; 0: no bound.
        tab: Who takes them.
    """

    most: int
    bytes_most: float = 0
    deadline_s: float = 0
    per_key: int = 0
    tab: Tab | None = None


def now_s(world: World) -> float:
    """The emulator's time in seconds since 1970."""
    return world.clock.now().timestamp()


def take(world: World, line: Line, wanted: Wanted) -> list[tuple[Delivery, Any]]:
    """Lease the messages that come next; returns each with its message."""
    found = holders.broker(world)
    if line.backlog.is_stale(now_s(world)):
        with world.store.transaction():
            holders.drop_old(world, found, line)
    with found.lock:
        taken = line.backlog.take(
            now_s(world),
            wanted.most,
            wanted.tab,
            deadline_s=wanted.deadline_s,
            bytes_most=wanted.bytes_most,
            per_key=wanted.per_key,
        )
        counted = bool(line.backlog.terms.attempts_most)
    if counted and taken:
        count(world, line, taken)
    after(world, line)
    return [(each, message) for each in taken if (message := content(world, line, each)) is not None]


def count(world: World, line: Line, taken: Sequence[Delivery]) -> None:
    """Write down how often messages were delivered: where that makes dead letters, a restart must not forget it."""
    with world.store.transaction():
        for each in taken:
            body = world.store.get(holders.HELD, name := holders.row(line.name, each.number))
            if body is not None:
                _, state, note = holders.read(name, body)
                noted = Note(note.number, note.size, note.published, note.key, each.attempt)
                holders.hold(world.store, line.name, noted, state)


def content(world: World, line: Line, delivery: Delivery) -> Any:
    """The message of a delivery; None: it was settled a moment ago."""
    body = world.store.get(holders.MESSAGE, f"{delivery.number:016d}")
    if body is None or delivery.number not in line.backlog:
        return None
    return PubsubMessage.FromString(body)


def received(line: Line, taken: Iterable[tuple[Delivery, Any]]) -> list[Any]:
    """As subscribers get them. Attempts are told only where they make dead letters."""
    shown = bool(line.dead_letter_topic)
    return [
        ReceivedMessage(
            ack_id=handles.written(line.name, each), message=message, delivery_attempt=each.attempt if shown else 0
        )
        for each, message in taken
    ]


def ack(world: World, line: Line, given: Iterable[Handle]) -> list[Handle]:
    """Settle messages; returns the handles that are no good (see `Backlog.ack`)."""
    found = holders.broker(world)
    with world.store.transaction():
        with found.lock:
            settled, invalid = line.backlog.ack(given, now_s(world))
            found.wake(line)  # a stream may take more now, and the next of a key may go
        holders.settle(world, found, line, map(Note.of, settled))
    after(world, line)
    return invalid


def extend(world: World, line: Line, given: Iterable[Handle], seconds: float) -> list[Handle]:
    """Give messages more time, or none: then they come back. Returns the handles whose lease is over."""
    found = holders.broker(world)
    with found.lock:
        over = line.backlog.extend(given, seconds, now_s(world))
        if seconds <= 0:
            found.wake(line)
    after(world, line)
    return over


def after(world: World, line: Line) -> None:
    """What is due later gets a timer; dead letters are sent."""
    found = holders.broker(world)
    with found.lock:
        dead, line.backlog.dead = line.backlog.dead, []
        due = line.backlog.next_due()
        late = due is None or (line.armed is not None and line.armed <= due)
        if not late:
            line.armed = due
    if due is not None and not late:
        world.clock.call_at(datetime.fromtimestamp(due, UTC), look, {"subscription": line.name})
    if dead:
        dead_letters.send(world, line, dead)


def look(world: World, payload: dict[str, Any]) -> None:
    """A lease or a rest may be over: whoever waits is told."""
    found = holders.broker(world)
    line = found.lines.get(payload["subscription"])
    if line is None:
        return
    with found.lock:
        line.armed = None
        line.backlog.settle(now_s(world))
        found.wake(line)
    with world.store.transaction():
        holders.drop_old(world, found, line)
    after(world, line)
