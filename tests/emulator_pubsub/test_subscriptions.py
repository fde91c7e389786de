"""Subscriptions: defaults, bounds, ways of delivery, what can change."""

import pytest
from google.api_core import exceptions
from google.iam.v1 import policy_pb2
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient, SubscriberClient, types

from tests.emulator.clients import client
from tests.emulator_pubsub.conftest import OTHER, SUBSCRIPTION, TOPIC

DAY_S = 86_400
PUSH = {"push_endpoint": "https://example.com/push"}


def make(subscriber, **fields):
    """A subscription of the topic."""
    return subscriber.create_subscription(request={"name": SUBSCRIPTION, "topic": TOPIC, **fields})


def seconds(number):
    return Duration(seconds=number)


def test_what_is_left_out_is_filled_in(subscriber, topic):
    """As recorded: 10 s, 7 days, 31 days, an empty push configuration."""
    made = make(subscriber)

    assert (
        made
        == subscriber.get_subscription(subscription=SUBSCRIPTION)
        == types.Subscription(
            name=SUBSCRIPTION,
            topic=topic,
            push_config={},
            ack_deadline_seconds=10,
            message_retention_duration=seconds(7 * DAY_S),
            expiration_policy={"ttl": seconds(31 * DAY_S)},
            state=types.Subscription.State.ACTIVE,
        )
    )


def test_an_expiration_policy_without_a_time_is_never(subscriber, topic):
    """It is kept as it was sent; so are retries and dead letters, with their own defaults."""
    made = make(subscriber, expiration_policy={}, retry_policy={}, dead_letter_policy={"dead_letter_topic": topic})

    assert "ttl" not in made.expiration_policy
    assert (made.retry_policy.minimum_backoff.seconds, made.retry_policy.maximum_backoff.seconds) == (10, 600)
    assert made.dead_letter_policy.max_delivery_attempts == 5


def test_a_subscription_needs_a_topic_that_is_there(subscriber):
    """The topic's id is in the refusal, not the subscription's."""
    with pytest.raises(exceptions.NotFound, match=r"resource=scores\)"):
        make(subscriber)


def test_dead_letters_need_a_topic_that_is_there(subscriber, topic):
    """Also well named."""
    with pytest.raises(exceptions.NotFound, match="resource=rejected"):
        make(subscriber, dead_letter_policy={"dead_letter_topic": OTHER})
    with pytest.raises(exceptions.BadRequest, match=r"Invalid resource name given \(dead_letter_topic=\)"):
        make(subscriber, dead_letter_policy={"max_delivery_attempts": 5})


BAD = {
    "ack-deadline-short": ({"ack_deadline_seconds": 9}, "ack_deadline_seconds=9"),
    "ack-deadline-long": ({"ack_deadline_seconds": 601}, "ack_deadline_seconds=601"),
    "retention-short": ({"message_retention_duration": seconds(599)}, "retention"),
    "retention-long": ({"message_retention_duration": seconds(31 * DAY_S + 1)}, "retention"),
    "expires-too-soon": ({"expiration_policy": {"ttl": seconds(DAY_S - 1)}}, "expiration"),
    "backoff-long": ({"retry_policy": {"maximum_backoff": seconds(601)}}, "backoff"),
    "backoffs-crossed": (
        {"retry_policy": {"minimum_backoff": seconds(9), "maximum_backoff": seconds(8)}},
        "minimum_backoff",
    ),
    "attempts-few": ({"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 4}}, "attempts"),
    "attempts-many": ({"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 101}}, "attempts"),
    "filter-long": ({"filter": "attributes:" + "x" * 246}, "filter"),
    "filter-wrong": ({"filter": "attributes.a"}, "filter"),
    "transforms": ({"message_transforms": [{"javascript_udf": {"function_name": "f", "code": "x"}}]}, "not emulated"),
    "two-deliveries": ({"push_config": PUSH, "bigquery_config": {"table": "p.d.t"}}, "at most one"),
    "push-in-the-clear": ({"push_config": {"push_endpoint": "http://example.com"}}, "https"),
    "token-of-nobody": ({"push_config": PUSH | {"oidc_token": {"audience": "x"}}}, "service_account_email"),
    "token-of-a-stranger": (
        {"push_config": PUSH | {"oidc_token": {"service_account_email": "x@local.iam.gserviceaccount.com"}}},
        "service_account_email",
    ),
    "exactly-once-push": ({"push_config": PUSH, "enable_exactly_once_delivery": True}, "exactly_once"),
    "table-without-dataset": ({"bigquery_config": {"table": "p.t"}}, "table"),
    "two-schemas": (
        {"bigquery_config": {"table": "p.d.t", "use_topic_schema": True, "use_table_schema": True}},
        "use_topic_schema",
    ),
    "drops-without-schema": ({"bigquery_config": {"table": "p.d.t", "drop_unknown_fields": True}}, "drop_unknown"),
    "bucket-as-url": ({"cloud_storage_config": {"bucket": "gs://b"}}, "bucket"),
    "prefix-with-slash": ({"cloud_storage_config": {"bucket": "b", "filename_prefix": "/a"}}, "prefix"),
    "files-short": ({"cloud_storage_config": {"bucket": "b", "max_duration": seconds(59)}}, "max_duration"),
    "files-long": ({"cloud_storage_config": {"bucket": "b", "max_duration": seconds(601)}}, "max_duration"),
    "files-small": ({"cloud_storage_config": {"bucket": "b", "max_bytes": 999}}, "max_bytes"),
    "files-of-few": ({"cloud_storage_config": {"bucket": "b", "max_messages": 999}}, "max_messages"),
}


@pytest.mark.parametrize(("fields", "words"), BAD.values(), ids=BAD.keys())
def test_values_are_refused(subscriber, topic, fields, words):
    """One past each bound (constraints.md section 4); nothing is left behind."""
    with pytest.raises((exceptions.BadRequest, exceptions.MethodNotImplemented), match=words):
        make(subscriber, **fields)

    assert list(subscriber.list_subscriptions(project="projects/local")) == []


GOOD = {
    "ack-deadline-shortest": {"ack_deadline_seconds": 10},
    "ack-deadline-longest": {"ack_deadline_seconds": 600},
    "retention-shortest": {"message_retention_duration": seconds(600)},
    "retention-longest": {"message_retention_duration": seconds(31 * DAY_S)},
    "expires-soonest": {"expiration_policy": {"ttl": seconds(DAY_S)}},
    "backoffs-equal": {"retry_policy": {"minimum_backoff": seconds(600), "maximum_backoff": seconds(600)}},
    "attempts-fewest": {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 5}},
    "attempts-most": {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 100}},
    "filter-longest": {"filter": "attributes:" + "x" * 245},
    "push-to-what-runs-here": {"push_config": {"push_endpoint": "http://127.0.0.1:20000/"}},
}


@pytest.mark.parametrize("fields", GOOD.values(), ids=GOOD.keys())
def test_bounds_themselves_are_taken(subscriber, topic, fields):
    """The last value that is allowed."""
    assert make(subscriber, **fields).name == SUBSCRIPTION


def test_files_raise_the_deadline_silently(subscriber, topic):
    """As recorded: the deadline is never shorter than a file takes; text is the default format."""
    made = make(
        subscriber, ack_deadline_seconds=300, cloud_storage_config={"bucket": "b", "max_duration": seconds(400)}
    )

    assert made.ack_deadline_seconds == 400
    assert "text_config" in made.cloud_storage_config
    assert made.cloud_storage_config.state == types.CloudStorageConfig.State.ACTIVE


def test_attributes_of_pushes_are_shown_by_writes_only(subscriber, topic):
    """As recorded: the answers have them, the reads do not."""
    made = make(subscriber, push_config=PUSH)
    read = subscriber.get_subscription(subscription=SUBSCRIPTION)

    assert dict(made.push_config.attributes) == {"x-goog-version": "v1"}
    assert read.push_config == types.PushConfig(PUSH)


def test_only_masked_fields_change(subscriber, topic):
    """Defaults come back where a masked field is left out."""
    make(subscriber, ack_deadline_seconds=60, labels={"a": "1"}, retain_acked_messages=True)

    wanted = types.Subscription(name=SUBSCRIPTION, labels={"b": "2"})
    mask = {"paths": ["ack_deadline_seconds", "retain_acked_messages"]}
    subscriber.update_subscription(subscription=wanted, update_mask=mask)

    read = subscriber.get_subscription(subscription=SUBSCRIPTION)
    assert (read.ack_deadline_seconds, read.retain_acked_messages, dict(read.labels)) == (10, False, {"a": "1"})


@pytest.mark.parametrize("field", ["name", "topic", "filter", "enable_message_ordering"])
def test_what_is_fixed_stays(subscriber, topic, field):
    """Naming it is refused even with its own value (seen on the live service for `filter`)."""
    made = make(subscriber, filter="attributes:a")

    with pytest.raises(exceptions.BadRequest, match=f"the '{field}' field in the Subscription is not mutable"):
        subscriber.update_subscription(subscription=made, update_mask={"paths": ["labels", field]})


def test_a_refused_change_changes_nothing(subscriber, topic):
    """Values are checked before anything is kept."""
    made = make(subscriber, labels={"a": "1"})
    made.labels, made.ack_deadline_seconds = {"b": "2"}, 5

    with pytest.raises(exceptions.BadRequest, match="ack_deadline"):
        subscriber.update_subscription(subscription=made, update_mask={"paths": ["labels", "ack_deadline_seconds"]})

    assert dict(subscriber.get_subscription(subscription=SUBSCRIPTION).labels) == {"a": "1"}


def test_a_push_subscription_becomes_a_pull_one_and_back(subscriber, topic):
    """By its own method."""
    make(subscriber, push_config=PUSH)
    endpoints = []
    for wanted in ({}, PUSH):
        subscriber.modify_push_config(subscription=SUBSCRIPTION, push_config=wanted)
        endpoints.append(subscriber.get_subscription(subscription=SUBSCRIPTION).push_config.push_endpoint)

    assert endpoints == ["", PUSH["push_endpoint"]]


def test_a_subscription_without_a_name_gets_one(emulator):
    """Over gRPC, where no path has the name; in the project of its topic."""
    client(emulator, PublisherClient).create_topic(name=TOPIC)
    subscriber = client(emulator, SubscriberClient)

    made = subscriber.create_subscription(request={"topic": TOPIC})

    assert made.name.startswith("projects/local/subscriptions/")
    assert [each.name for each in subscriber.list_subscriptions(project="projects/local")] == [made.name]


def test_a_subscription_has_a_policy_of_its_own(subscriber, topic):
    """Kept under its own name, gone with it."""
    make(subscriber)
    policy = policy_pb2.Policy(bindings=[{"role": "roles/pubsub.subscriber", "members": ["user:a@example.com"]}])
    subscriber.set_iam_policy(request={"resource": SUBSCRIPTION, "policy": policy})

    subscriber.delete_subscription(subscription=SUBSCRIPTION)
    make(subscriber)

    assert not subscriber.get_iam_policy(request={"resource": SUBSCRIPTION}).bindings
