"""Snapshots of subscriptions. They remember no messages yet, and expire after seven days.

Source: `google.pubsub.v1.Snapshot`; recording pubsub_topic/snapshot-full-with-topic.
"""

import uuid
from datetime import UTC, timedelta
from typing import Any

from emulator.apis.pubsub.model import API, SNAPSHOTS, SUBSCRIBER, SUBSCRIPTIONS, check_name, mask_of
from emulator.apis.standard import Update, held, standard
from emulator.core.api import Call
from emulator.core.resources import by_id, check_labels, timestamp
from emulator.core.world import World
from emulator.identity import iam_policy

LIFE = timedelta(days=7)
FIXED = ("name", "topic")


@API.method(SUBSCRIBER + "CreateSnapshot")
def create_snapshot(world: World, request: Any, _: Call) -> Any:
    """Of a subscription that is there. Without a name it gets one, in the project of its subscription."""
    source = by_id(world, request.subscription)
    name = request.name or f"{source.partition('/subscriptions/')[0]}/snapshots/snap-{uuid.uuid4()}"
    check_name(SNAPSHOTS, name)
    subscription = SUBSCRIPTIONS.get(world, source)
    snapshot = SNAPSHOTS.message(name=by_id(world, name), topic=subscription.topic, labels=dict(request.labels))
    snapshot.expire_time.CopyFrom(timestamp(world.clock.now() + LIFE))
    settle(world, snapshot)
    SNAPSHOTS.insert(world, snapshot)
    return snapshot


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


UPDATE = Update(check_mask=mask_of(SNAPSHOTS, FIXED), settle=settle)
standard(API, SUBSCRIBER, "Snapshot", SNAPSHOTS, update=UPDATE, policies=held(SNAPSHOTS))
