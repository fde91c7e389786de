"""Topics, and what hangs on them.

Source: `google.pubsub.v1.Publisher`; kinds.md 4.1.
"""

from collections.abc import Iterable
from typing import Any

from google.pubsub_v1.types import pubsub

from emulator.apis.pubsub import holders, lines, schemas
from emulator.apis.pubsub.model import (
    API,
    DELETED_TOPIC,
    PUBLISHER,
    SNAPSHOTS,
    SUBSCRIPTIONS,
    TOPICS,
    check_common,
    check_name,
    mask_of,
)
from emulator.apis.standard import Update, held, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import by_id
from emulator.core.world import World

FIXED = ("name", "tags")
OUTPUT = ("state", "satisfies_pzs")
"""What a caller sends there changes nothing; tags are not shown (input only)."""


@API.method(PUBLISHER + "CreateTopic")
def create_topic(world: World, request: Any, _: Call) -> Any:
    """The request is the topic; the server fills in nothing (recording pubsub_topic/snapshot-full-with-topic)."""
    check_name(TOPICS, request.name)
    topic = TOPICS.message()
    topic.CopyFrom(request)
    topic.name = by_id(world, request.name)
    for field in (*OUTPUT, "tags"):
        topic.ClearField(field)
    check_topic(world, topic)
    TOPICS.insert(world, topic)
    return topic


def check_topic(world: World, topic: Any) -> None:
    """Refuse what Google refuses, and what the emulator does not have."""
    check_common(topic)
    schemas.check_settings(world, topic.schema_settings)
    if topic.message_transforms:
        raise ApiFailure("UNIMPLEMENTED", "Transforms of messages are not emulated.")
    if topic.HasField("ingestion_data_source_settings"):
        raise ApiFailure("UNIMPLEMENTED", "Topics that take in data from elsewhere are not emulated.")


def settle(world: World, topic: Any) -> None:
    """Check a changed topic; its subscriptions show for how long it keeps messages."""
    check_topic(world, topic)
    for subscription in attached(world, topic.name):
        show_retention(subscription, topic)
        lines.save(world, subscription)
    holders.broker(world).routes.clear()
    if not topic.HasField("message_retention_duration"):
        holders.forget(world, topic.name)


def show_retention(subscription: Any, topic: Any) -> None:
    """Write the topic's own retention into a subscription: comment of `topic_message_retention_duration`."""
    subscription.ClearField("topic_message_retention_duration")
    if topic.HasField("message_retention_duration"):
        subscription.topic_message_retention_duration.CopyFrom(topic.message_retention_duration)


def attached(world: World, topic: str) -> list[Any]:
    """The subscriptions of a topic, whichever project they are in."""
    return [each for each in SUBSCRIPTIONS.all(world) if each.topic == topic]


def orphan(world: World, topic: Any) -> None:
    """Subscriptions outlive their topic; a new one of its name is another topic (kinds.md 2.4)."""
    for subscription in attached(world, topic.name):
        subscription.topic = DELETED_TOPIC
        subscription.ClearField("topic_message_retention_duration")
        lines.save(world, subscription)
    holders.forget(world, topic.name)


@API.method(PUBLISHER + "ListTopicSubscriptions")
def list_topic_subscriptions(world: World, request: Any, _: Call) -> Any:
    """Names of the subscriptions that are attached to a topic."""
    topic = TOPICS.get(world, by_id(world, request.topic))
    found = [each.name for each in attached(world, topic.name) if not each.detached]
    names, token = page_of(request, found)
    return pubsub.ListTopicSubscriptionsResponse.pb()(subscriptions=names, next_page_token=token)


@API.method(PUBLISHER + "ListTopicSnapshots")
def list_topic_snapshots(world: World, request: Any, _: Call) -> Any:
    """Names of the snapshots of a topic's subscriptions."""
    topic = TOPICS.get(world, by_id(world, request.topic))
    names, token = page_of(request, of_topic(SNAPSHOTS.all(world), topic.name))
    return pubsub.ListTopicSnapshotsResponse.pb()(snapshots=names, next_page_token=token)


def of_topic(messages: Iterable[Any], topic: str) -> list[str]:
    """Names of those that belong to a topic."""
    return [each.name for each in messages if each.topic == topic]


@API.method(PUBLISHER + "DetachSubscription")
def detach_subscription(world: World, request: Any, _: Call) -> Any:
    """Done by the topic's owner: the subscription stays, without its topic's messages."""
    with world.store.transaction():
        subscription = SUBSCRIPTIONS.get(world, by_id(world, request.subscription))
        subscription.detached = True
        holders.empty(world, subscription.name)
        lines.save(world, subscription)
    return pubsub.DetachSubscriptionResponse.pb()()


UPDATE = Update(OUTPUT, mask_of(TOPICS, FIXED), settle)
standard(API, PUBLISHER, "Topic", TOPICS, update=UPDATE, deleted=orphan, policies=held(TOPICS))
