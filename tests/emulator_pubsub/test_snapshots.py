"""Snapshots of subscriptions."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.pubsub_v1.types import Snapshot

from tests.emulator_pubsub.conftest import PROJECT, SUBSCRIPTION

NAME = f"{PROJECT}/snapshots/before"


@pytest.fixture
def snapshot(subscriber, topic):
    """A snapshot that is there."""
    subscriber.create_subscription(name=SUBSCRIPTION, topic=topic)
    return subscriber.create_snapshot(request={"name": NAME, "subscription": SUBSCRIPTION, "labels": {"a": "1"}})


def test_a_snapshot_belongs_to_the_topic_of_its_subscription(publisher, subscriber, topic, snapshot):
    """It lives for seven days."""
    left = snapshot.expire_time - datetime.now(UTC)

    assert (snapshot.topic, dict(snapshot.labels)) == (topic, {"a": "1"})
    assert timedelta(days=6.9) < left <= timedelta(days=7)
    assert list(publisher.list_topic_snapshots(topic=topic)) == [NAME]
    assert subscriber.get_snapshot(snapshot=NAME) == snapshot


def test_a_snapshot_expires(emulator, subscriber, snapshot):
    """At its time, not before; one that was given more time stays."""
    longer = subscriber.create_snapshot(name=f"{NAME}-2", subscription=SUBSCRIPTION)
    longer.expire_time = longer.expire_time + timedelta(days=1)
    subscriber.update_snapshot(snapshot=longer, update_mask={"paths": ["expire_time"]})

    emulator.advance(6.9 * 86_400)
    assert len(list(subscriber.list_snapshots(project=PROJECT))) == 2
    emulator.advance(0.2 * 86_400)
    assert [each.name for each in subscriber.list_snapshots(project=PROJECT)] == [longer.name]


def test_labels_change_and_the_topic_does_not(subscriber, snapshot):
    """By mask, as recorded."""
    wanted = Snapshot(name=NAME, labels={"b": "2"})
    changed = subscriber.update_snapshot(snapshot=wanted, update_mask={"paths": ["labels"]})

    assert dict(changed.labels) == {"b": "2"}
    assert changed.expire_time == snapshot.expire_time
    with pytest.raises(exceptions.BadRequest, match="the 'topic' field in the Snapshot is not mutable"):
        subscriber.update_snapshot(snapshot=wanted, update_mask={"paths": ["topic"]})


def test_a_snapshot_needs_a_subscription(subscriber, snapshot):
    """That is there; and a name is taken once."""
    with pytest.raises(exceptions.NotFound, match="resource=nothing"):
        subscriber.create_snapshot(name=f"{NAME}-2", subscription=f"{PROJECT}/subscriptions/nothing")
    with pytest.raises(exceptions.Conflict, match="resource=before"):
        subscriber.create_snapshot(name=NAME, subscription=SUBSCRIPTION)

    subscriber.delete_snapshot(snapshot=NAME)
    with pytest.raises(exceptions.NotFound):
        subscriber.get_snapshot(snapshot=NAME)
