"""Who holds which message, written down.

A message is kept as long as somebody holds it: a subscription that has not settled it or keeps settled ones, a
snapshot, a topic with a retention.
`pubsub.message` has the messages by number, `pubsub.held` the holders: `<holder>/<number>`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from emulator.apis.pubsub.backlog import Terms
from emulator.apis.pubsub.broker import Broker, Line, Note, Push, Sheet
from emulator.apis.pubsub.filters import compiled
from emulator.apis.pubsub.model import SUBSCRIPTIONS
from emulator.core.store import Store
from emulator.core.world import World

MESSAGE, HELD = "pubsub.message", "pubsub.held"
WAITING, ACKED = "w", "a"
PUSH_BACKOFF_S = (0.1, 60.0)
"""Rest of a message whose push failed, where the subscription has no retry policy.

Source: cloud.google.com/pubsub/docs/push, "Push backoff".
"""


def row(holder: str, number: int) -> str:
    """Under which name a holding is written down."""
    return f"{holder}/{number:016d}"


def written(note: Note, state: str = WAITING) -> bytes:
    """A holding as it is written down."""
    return f"{state} {note.size} {note.published!r} {note.attempts} {note.key}".encode()


def read(name: str, body: bytes) -> tuple[str, str, Note]:
    """Holder, state and note of a row."""
    holder, _, number = name.rpartition("/")
    state, size, published, attempts, key = body.decode().split(" ", 4)
    return holder, state, Note(int(number), int(size), float(published), key, int(attempts))


def broker(world: World) -> Broker:
    """This cloud's messages, read from the store when they are first needed."""
    found = world.find(Broker)
    if found is not None:
        return found
    with world.store.transaction():
        found = world.find(Broker)
        if found is None:
            found = loaded(world)
            world.add(found)
        return found


def on_arrival(world: World, name: str, look_soon: Callable[[World, Line], None]) -> None:
    """Have somebody look for messages from now on, also for what waits already.

    Args:
        world: The cloud.
        name: Who that is: once each.
        look_soon: Looks at a subscription, with the lock held.
    """
    found = broker(world)
    with found.lock:
        if name in found.begun or found.closed:
            return
        found.begun.add(name)
        found.arrivals.append(partial(look_soon, world))
        for line in found.lines.values():
            look_soon(world, line)


def stopping(world: World) -> bool:
    """Whether the emulator stops; else a subscription that is gone was deleted."""
    found = world.find(Broker)
    return found is not None and found.closed


def loaded(world: World) -> Broker:
    """Everything as it was written down. Leases and rests are not: after a restart all that waits is ready."""
    made = Broker()
    for subscription in SUBSCRIPTIONS.all(world):
        arrange(made.line(subscription.name), subscription)
    waiting: dict[str, list[Note]] = defaultdict(list)
    for name, body in world.store.list(HELD):
        holder, state, note = read(name, body)
        if state == ACKED and holder in made.lines:
            made.lines[holder].acked[note.number] = note
            made.holders[note.number] += 1
        else:
            waiting[holder].append(note)
    made.arrived(waiting)
    sweep(world.store, made)
    return made


def sweep(store: Store, found: Broker) -> None:
    """Delete messages that nobody holds: the emulator was killed before it could."""
    store.delete_all(MESSAGE, [name for name in store.names(MESSAGE) if int(name) not in found.holders])


def arrange(line: Line, subscription: Any) -> None:
    """Let a line work as its subscription says."""
    line.topic = "" if subscription.detached else subscription.topic
    line.detached = subscription.detached
    line.matches = compiled(subscription.filter)
    line.push = push_of(subscription)
    line.pulled = not any(map(subscription.HasField, ("bigquery_config", "cloud_storage_config", "bigtable_config")))
    line.sheet = sheet_of(subscription)
    line.dead_letter_topic = subscription.dead_letter_policy.dead_letter_topic
    line.backlog.terms = terms_of(subscription)


def push_of(subscription: Any) -> Push | None:
    """Where a subscription pushes."""
    config = subscription.push_config
    if not config.push_endpoint or subscription.detached:
        return None
    token = config.oidc_token
    return Push(
        config.push_endpoint,
        token.service_account_email,
        token.audience or config.push_endpoint,
        config.HasField("no_wrapper"),
        config.no_wrapper.write_metadata,
    )


def sheet_of(subscription: Any) -> Sheet | None:
    """Where a subscription writes rows."""
    if not subscription.HasField("bigquery_config") or subscription.detached:
        return None
    config = subscription.bigquery_config
    return Sheet(
        config.table,
        config.use_topic_schema,
        config.use_table_schema,
        config.write_metadata,
        config.drop_unknown_fields,
        config.service_account_email,
    )


def terms_of(subscription: Any) -> Terms:
    """How a subscription delivers."""
    policy = subscription.retry_policy
    pushed = bool(subscription.push_config.push_endpoint) or subscription.HasField("bigquery_config")
    chosen = (seconds(policy.minimum_backoff), seconds(policy.maximum_backoff))
    backoff = chosen if subscription.HasField("retry_policy") else PUSH_BACKOFF_S if pushed else None
    letters = subscription.dead_letter_policy
    return Terms(
        deadline_s=subscription.ack_deadline_seconds,
        retention_s=max(
            seconds(subscription.message_retention_duration), seconds(subscription.topic_message_retention_duration)
        ),
        ordered=subscription.enable_message_ordering,
        exact=subscription.enable_exactly_once_delivery,
        backoff_s=backoff,
        attempts_most=letters.max_delivery_attempts if letters.dead_letter_topic else 0,
        keep_acked=subscription.retain_acked_messages,
    )


def seconds(duration: Any) -> float:
    """A duration in seconds."""
    return float(duration.seconds + duration.nanos / 1e9)


def instant(when: Any) -> float:
    """A timestamp in seconds since 1970, always the same for the same time."""
    return float(when.ToNanoseconds() / 1e9)


def hold(store: Store, holder: str, note: Note, state: str = WAITING) -> None:
    """Write down that somebody holds a message."""
    store.put(HELD, row(holder, note.number), written(note, state))


def release(world: World, found: Broker, holder: str, numbers: Iterable[int]) -> None:
    """A holder needs these no more; what nobody holds is deleted. In a transaction, once per holding."""
    numbers = list(numbers)
    world.store.delete_all(HELD, (row(holder, number) for number in numbers))
    world.store.delete_all(MESSAGE, (f"{number:016d}" for number in found.let_go(numbers)))


def settle(world: World, found: Broker, line: Line, notes: Iterable[Note]) -> None:
    """A subscription has settled these: they are kept for a seek, or not needed any more. In a transaction."""
    if not line.backlog.terms.keep_acked:
        release(world, found, line.name, [note.number for note in notes])
        return
    for note in notes:
        line.acked[note.number] = note
        hold(world.store, line.name, note, ACKED)


def empty(world: World, subscription: str) -> None:
    """A subscription has no messages any more. In a transaction."""
    found = broker(world)
    with found.lock:
        line = found.line(subscription)
        numbers = [entry.number for entry in line.backlog.entries()]
        for number in numbers:
            line.backlog.remove(number)
        numbers += line.acked
        line.acked = {}
    release(world, found, subscription, numbers)


def forget(world: World, holder: str) -> None:
    """A holder is gone, with all that it holds. In a transaction."""
    found = broker(world)
    with found.lock:
        line = found.lines.get(holder)
        waiting = [] if line is None else [entry.number for entry in line.backlog.entries()]
        numbers = [*waiting, *(found.kept.pop(holder, {}) if line is None else line.acked)]
        found.remove(holder)
    release(world, found, holder, numbers)


def drop_old(world: World, found: Broker, line: Line) -> None:
    """Drop what has waited too long, settled or not. In a transaction."""
    now = world.clock.now().timestamp()
    oldest = now - line.backlog.terms.retention_s
    with found.lock:
        gone = line.backlog.expired(now)
        acked = [number for number, note in line.acked.items() if note.published <= oldest]
        for number in acked:
            del line.acked[number]
    release(world, found, line.name, [*gone, *acked])
