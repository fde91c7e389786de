"""Snapshots of subscriptions: they hold what was not settled then, and what is published since.

Source: `google.pubsub.v1.Snapshot`; recording pubsub_topic/snapshot-full-with-topic.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.apis.pubsub import holders
from emulator.apis.pubsub.broker import Note
from emulator.apis.pubsub.model import API, SNAPSHOTS, SUBSCRIBER, SUBSCRIPTIONS, check_name, mask_of
from emulator.apis.standard import Update, held, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, check_labels, timestamp
from emulator.core.world import World
from emulator.identity import iam_policy

LIFE, SHORTEST_LIFE = timedelta(days=7), timedelta(hours=1)
FIXED = ("name", "topic")


@API.method(SUBSCRIBER + "CreateSnapshot")
def create_snapshot(world: World, request: Any, _: Call) -> Any:
    """Of a subscription that is there. Without a name it gets one, in the project of its subscription."""
    source = by_id(world, request.subscription)
    name = request.name or f"{source.partition('/subscriptions/')[0]}/snapshots/snap-{uuid.uuid4()}"
    check_name(SNAPSHOTS, name)
    found = holders.broker(world)
    with world.store.transaction():
        subscription = SUBSCRIPTIONS.get(world, source)
        with found.lock:
            notes = list(map(Note.of, found.line(source).backlog.entries()))
        snapshot = SNAPSHOTS.message(name=by_id(world, name), topic=subscription.topic, labels=dict(request.labels))
        snapshot.expire_time.CopyFrom(timestamp(end_of_life(world, notes)))
        settle(world, snapshot)
        SNAPSHOTS.insert(world, snapshot)
        for note in notes:
            holders.hold(world.store, snapshot.name, note)
        world.store.after(lambda: found.arrived({snapshot.name: notes}))
        found.routes.clear()  # what is published from now on is kept as well
    return snapshot


def end_of_life(world: World, notes: Sequence[Note]) -> datetime:
    """Seven days after the oldest message was published.

    Raises:
        ApiFailure: That is within the hour (comment of `Snapshot.expire_time`).
    """
    now = world.clock.now()
    oldest = min((note.published for note in notes), default=now.timestamp())
    end = datetime.fromtimestamp(oldest, UTC) + LIFE
    if end - now < SHORTEST_LIFE:
        raise ApiFailure("FAILED_PRECONDITION", "The snapshot would expire in less than one hour.")
    return end


def forget(world: World, snapshot: Any) -> None:
    """A snapshot that is gone holds nothing."""
    holders.forget(world, snapshot.name)


def settle(world: World, snapshot: Any) -> None:
    """Check it, and have it deleted when its time has come."""
    check_labels(snapshot.labels.items())
    world.clock.call_at(snapshot.expire_time.ToDatetime(tzinfo=UTC), expire, {"name": snapshot.name})


def expire(world: World, payload: dict[str, Any]) -> None:
    """Delete a snapshot whose time has come; one that was given more time, or is gone, stays as it is."""
    with world.store.transaction():
        snapshot = SNAPSHOTS.find(world, payload["name"])
        if snapshot is not None and snapshot.expire_time.ToDatetime(tzinfo=UTC) <= world.clock.now():
            iam_policy.forget(world, snapshot.name)
            SNAPSHOTS.remove(world, snapshot.name)
            forget(world, snapshot)


UPDATE = Update(check_mask=mask_of(SNAPSHOTS, FIXED), settle=settle)
standard(API, SUBSCRIBER, "Snapshot", SNAPSHOTS, update=UPDATE, deleted=forget, policies=held(SNAPSHOTS))
