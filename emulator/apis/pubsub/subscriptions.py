"""Subscriptions: what the server fills in, what it refuses, and how they are changed.

Source: `google.pubsub.v1.Subscriber`; kinds.md 4.2; recordings pubsub_subscription/*.
"""

import uuid
from typing import Any

from google.protobuf.empty_pb2 import Empty

from emulator.apis.pubsub import filters, lines
from emulator.apis.pubsub.delivery import check_delivery, fill_delivery
from emulator.apis.pubsub.model import (
    API,
    SUBSCRIBER,
    SUBSCRIPTIONS,
    TOPICS,
    check_common,
    check_name,
    check_span,
    invalid,
    mask_of,
)
from emulator.apis.pubsub.topics import show_retention
from emulator.apis.standard import Update, held, standard
from emulator.core.api import Call
from emulator.core.callbacks import resolve
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id
from emulator.core.world import World

FIXED = ("name", "topic", "filter", "enable_message_ordering", "tags")
OUTPUT = ("detached", "topic_message_retention_duration", "state", "analytics_hub_subscription_info")
ACK_DEADLINE_S = (10, 600)
WEEK_S, MONTH_S, DAY_S = 7 * 86_400, 31 * 86_400, 86_400
BACKOFF_S = (10, 600)
ATTEMPTS, ATTEMPTS_BETWEEN = 5, (5, 100)
FILTER_MOST = 256
TABLE_CHECK = "emulator.apis.bigquery.messages.checking:check"
"""What looks at the table of a subscription, by name: BigQuery needs Pub/Sub, not the other way round."""
VERSION, V1 = "x-goog-version", "v1"


@API.method(SUBSCRIBER + "CreateSubscription")
def create_subscription(world: World, request: Any, _: Call) -> Any:
    """The request is the subscription. Without a name it gets one, in the project of its topic."""
    topic = by_id(world, request.topic)
    name = request.name or f"{topic.partition('/topics/')[0]}/subscriptions/sub-{uuid.uuid4()}"
    check_name(SUBSCRIPTIONS, name)
    check_name(TOPICS, topic, "topic")
    subscription = SUBSCRIPTIONS.message()
    subscription.CopyFrom(request)
    for field in (*OUTPUT, "tags"):
        subscription.ClearField(field)
    subscription.name, subscription.topic = by_id(world, name), topic
    subscription.state = SUBSCRIPTIONS.message.ACTIVE
    with world.store.transaction():
        show_retention(subscription, TOPICS.get(world, topic))
        settle(world, subscription)
        SUBSCRIPTIONS.insert(world, subscription)
        lines.save(world, subscription)
    return written(subscription, request) if request.push_config.push_endpoint else subscription


def written(subscription: Any, sent: Any) -> Any:
    """A subscription as the answer of a write shows it: with the attributes of pushes, which no read has.

    Source: recording pubsub_subscription/push-oidc, the answers to PUT and PATCH and the GET after each; cloud-storage
        has the version in the answer to PATCH although nothing is pushed.
    """
    subscription.push_config.attributes.update({VERSION: V1} | dict(sent.push_config.attributes))
    return subscription


def settle(world: World, subscription: Any) -> None:
    """Fill in what was left out, and refuse what Google refuses."""
    subscription.push_config.attributes.clear()
    fill(subscription)
    fill_delivery(subscription)
    check_delivery(world, subscription)  # first: it names the file's time, which the deadline has been raised to
    check(world, subscription)
    if subscription.HasField("bigquery_config"):
        resolve(TABLE_CHECK)(world, subscription)


def fill(subscription: Any) -> None:
    """What the server writes where the caller left something out (kinds.md 4.2)."""
    subscription.ack_deadline_seconds = subscription.ack_deadline_seconds or ACK_DEADLINE_S[0]
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.seconds = WEEK_S
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.seconds = MONTH_S
    if subscription.HasField("retry_policy"):
        for field, seconds in zip(("minimum_backoff", "maximum_backoff"), BACKOFF_S, strict=True):
            if not subscription.retry_policy.HasField(field):
                getattr(subscription.retry_policy, field).seconds = seconds
    if subscription.HasField("dead_letter_policy"):
        policy = subscription.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or ATTEMPTS


def check(world: World, subscription: Any) -> None:
    """Times, filter and dead letters (constraints.md section 4)."""
    check_common(subscription)
    least, most = ACK_DEADLINE_S
    if not least <= subscription.ack_deadline_seconds <= most:
        text = f"Invalid ack deadline given (ack_deadline_seconds={subscription.ack_deadline_seconds})."
        raise ApiFailure("INVALID_ARGUMENT", f"{text} The ack deadline must be between {least} and {most} seconds.")
    if subscription.expiration_policy.HasField("ttl"):
        check_span("expiration policy ttl", subscription.expiration_policy.ttl.seconds, DAY_S, 10 * 365 * DAY_S)
    check_filter(subscription.filter)
    if subscription.message_transforms:
        raise ApiFailure("UNIMPLEMENTED", "Transforms of messages are not emulated.")
    check_retries(subscription)
    if subscription.HasField("dead_letter_policy"):
        check_dead_letter(world, subscription.dead_letter_policy)


def check_filter(text: str) -> None:
    """A filter is short, and written in its language. The words are ours."""
    if len(text.encode()) > FILTER_MOST:
        raise invalid("filter")
    try:
        filters.compiled(text)
    except filters.FilterError as error:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid filter given (filter={text}): {error}.") from error


def check_retries(subscription: Any) -> None:
    """Pauses between deliveries of a message: 0 to 600 seconds, the shortest first."""
    policy = subscription.retry_policy
    shortest, longest = policy.minimum_backoff.seconds, policy.maximum_backoff.seconds
    for name, seconds in (("minimum backoff", shortest), ("maximum backoff", longest)):
        check_span(name, seconds, 0, BACKOFF_S[1])
    if shortest > longest:
        raise invalid("retry_policy: minimum_backoff is longer than maximum_backoff")


def check_dead_letter(world: World, policy: Any) -> None:
    """The topic must be there (comment of `DeadLetterPolicy.dead_letter_topic`)."""
    check_name(TOPICS, policy.dead_letter_topic, "dead_letter_topic")
    TOPICS.get(world, by_id(world, policy.dead_letter_topic))
    least, most = ATTEMPTS_BETWEEN
    if not least <= policy.max_delivery_attempts <= most:
        raise invalid(f"max_delivery_attempts: must be between {least} and {most}")


def change(world: World, subscription: Any) -> None:
    """Check a changed subscription, and let it work so."""
    settle(world, subscription)
    lines.save(world, subscription)


UPDATE = Update(OUTPUT, mask_of(SUBSCRIPTIONS, FIXED), change)
standard(
    API,
    SUBSCRIBER,
    "Subscription",
    SUBSCRIPTIONS,
    update=UPDATE,
    deleted=lines.forget,
    policies=held(SUBSCRIPTIONS),
)
changed = API.behaviours[SUBSCRIBER + "UpdateSubscription"]


@API.method(SUBSCRIBER + "UpdateSubscription")
def update_subscription(world: World, request: Any, call: Call) -> Any:
    """Change the masked fields; the answer shows more than a read does (see `written`)."""
    return written(changed(world, request, call), request.subscription)


@API.method(SUBSCRIBER + "ModifyPushConfig")
def modify_push_config(world: World, request: Any, _: Call) -> Any:
    """Where messages are pushed from now on; an empty configuration makes it a pull subscription."""
    with world.store.transaction():
        subscription = SUBSCRIPTIONS.get(world, by_id(world, request.subscription))
        subscription.push_config.CopyFrom(request.push_config)
        settle(world, subscription)
        lines.save(world, subscription)
    return Empty()
