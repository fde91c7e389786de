"""Publish: messages get their number and time, and go to whoever holds the topic's messages.

Source: `google.pubsub.v1.Publisher.Publish`, `PubsubMessage`; cloud.google.com/pubsub/quotas, "Resource limits". Where
no source is named the words of refusals are in the service's style, not seen there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.pubsub_v1.types import pubsub, schema

from emulator.apis.pubsub import holders, schemas
from emulator.apis.pubsub.broker import Broker, Note, Route
from emulator.apis.pubsub.model import API, PUBLISHER, SNAPSHOTS, TOPICS
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, timestamp
from emulator.core.world import World

COUNTER, LAST = "pubsub.counter", "message"
MOST, MOST_BYTES = 1000, 10_000_000
ATTRIBUTES_MOST, NAME_BYTES, VALUE_BYTES, KEY_BYTES = 100, 256, 1024, 1024
NONE = "The value for message_count is too small. You passed 0 in the request, but the minimum value is 1."
"""Source: googleapis/google-cloud-python issue 1955."""
EMPTY = (
    "One or more messages in the publish request is empty. Each message must contain either non-empty data, or at least"
    " one attribute."
)
"""Source: snowplow/snowbridge issue 34."""


@API.method(PUBLISHER + "Publish")
def publish(world: World, request: Any, _: Call) -> Any:
    """All messages of a request, or none."""
    check(request.messages)
    numbers = put(world, by_id(world, request.topic), request.messages)
    return pubsub.PublishResponse.pb()(message_ids=map(str, numbers))


def put(world: World, topic: str, messages: Sequence[Any]) -> list[int]:
    """Give messages to those who hold the topic's; returns their numbers.

    Raises:
        ApiFailure: The topic is not there, or has a schema that a message does not fit.
    """
    found = holders.broker(world)
    with world.store.transaction():
        to = route(world, found, topic)
        told = schemas.check_messages(world, to, messages) if to.schema else {}
        numbers = numbered(world, len(messages))
        notes = write(world, to, dict(zip(numbers, messages, strict=True)), told)
        if notes:
            world.store.after(lambda: found.arrived(notes))
        drop_old(world, found, topic)
        for line in to.lines:
            if line.backlog.is_stale(world.clock.now().timestamp()):
                holders.drop_old(world, found, line)
    return numbers


def write(world: World, to: Route, messages: Mapping[int, Any], told: Mapping[str, str]) -> dict[str, list[Note]]:
    """Write down messages that somebody holds, by number; returns what each holder holds of them.

    `told` are attributes that subscribers get besides the publisher's.
    """
    now = world.clock.now()
    when = timestamp(now.replace(microsecond=now.microsecond // 1000 * 1000))  # with milliseconds, as Google's
    published = holders.instant(when)
    bodies: list[tuple[str, bytes]] = []
    notes: dict[str, list[Note]] = defaultdict(list)
    for number, message in messages.items():
        takers = takers_of(to, message)
        if takers:
            message.attributes.update(told)
            message.message_id = str(number)
            message.publish_time.CopyFrom(when)
            body = message.SerializeToString()
            bodies.append((f"{number:016d}", body))
            note = Note(number, len(body), published, message.ordering_key)
            for taker in takers:
                notes[taker].append(note)
    world.store.put_all(holders.MESSAGE, bodies)
    held = ((holders.row(taker, note.number), holders.written(note)) for taker, of in notes.items() for note in of)
    world.store.put_all(holders.HELD, held)
    return notes


def takers_of(to: Route, message: Any) -> list[str]:
    """Who holds a message: the subscriptions whose filters let it through, and who keeps all of the topic's."""
    lines = (line for line in to.lines if line.matches is None or line.matches(message.attributes))
    return [*(line.name for line in lines), *to.keepers]


def route(world: World, found: Broker, topic: str) -> Route:
    """Where a topic leads. In a transaction, since nothing may change meanwhile.

    Raises:
        ApiFailure: It is not there.
    """
    known = found.routes.get(topic)
    if known is not None:
        return known
    message = TOPICS.get(world, topic)
    keepers = [each.name for each in SNAPSHOTS.all(world) if each.topic == topic]
    if message.HasField("message_retention_duration"):
        keepers.append(topic)
    settings = message.schema_settings
    with found.lock:
        lines = tuple(line for _, line in sorted(found.lines.items()) if line.topic == topic)
        binary = settings.encoding == schema.Encoding.BINARY
        made = found.routes[topic] = Route(lines, tuple(keepers), settings.schema, binary)
    return made


def numbered(world: World, count: int) -> list[int]:
    """The next numbers: microseconds since 1970, and always more than any before. In a transaction."""
    last = int(world.store.get(COUNTER, LAST) or b"0")
    first = max(last + 1, int(world.clock.now().timestamp() * 1_000_000))
    world.store.put(COUNTER, LAST, str(first + count - 1).encode())
    return list(range(first, first + count))


def drop_old(world: World, found: Broker, topic: str) -> None:
    """Let go of what a topic has kept for long enough. In a transaction."""
    kept = found.kept.get(topic)
    if not kept:
        return
    message = TOPICS.get(world, topic)
    oldest = world.clock.now().timestamp() - holders.seconds(message.message_retention_duration)
    with found.lock:
        gone = [number for number, note in kept.items() if note.published <= oldest]
        for number in gone:
            del kept[number]
    holders.release(world, found, topic, gone)


def check(messages: Sequence[Any]) -> None:
    """Refuse what Google refuses."""
    if not messages:
        raise ApiFailure("INVALID_ARGUMENT", NONE)
    if len(messages) > MOST:
        raise too_large("message_count", len(messages), MOST)
    size = sum(each.ByteSize() for each in messages)
    if size > MOST_BYTES:
        raise too_large("request_size", size, MOST_BYTES)
    for message in messages:
        check_message(message)


def check_message(message: Any) -> None:
    """One message: something in it, and attributes within bounds."""
    if not message.data and not message.attributes:
        raise ApiFailure("INVALID_ARGUMENT", EMPTY)
    if len(message.attributes) > ATTRIBUTES_MOST:
        raise too_large("attributes_count", len(message.attributes), ATTRIBUTES_MOST)
    check_sizes("attribute_key_size", message.attributes.keys(), NAME_BYTES)
    check_sizes("attribute_value_size", message.attributes.values(), VALUE_BYTES)
    check_sizes("ordering_key_size", [message.ordering_key], KEY_BYTES)


def check_sizes(what: str, texts: Iterable[str], most: int) -> None:
    """None of the texts may have more bytes."""
    for text in texts:
        size = len(text) if len(text) * 4 <= most else len(text.encode())
        if size > most:
            raise too_large(what, size, most)


def too_large(what: str, passed: int, most: int) -> ApiFailure:
    """The refusal of a number, which Google words just so.

    Source: googleapis/google-cloud-java issue 4757, googleapis/google-cloud-python issue 5898.
    """
    text = f"The value for {passed} is too large. You passed {what} in the request, but the maximum value is {most}."
    return ApiFailure("INVALID_ARGUMENT", text)
