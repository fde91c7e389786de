"""A subscription to read, of which somebody else keeps what was read."""

from google.pubsub_v1.types import pubsub

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.pubsub_pull_subscription import PubsubPullSubscription
from tests.conformance.example import Example


def name(operator):
    return operator.at.of_project("subscriptions", "churn-budget-europe-west1")


def api(operator):
    return operator.api("google.pubsub_v1", "subscriber", "Subscriber")


def prepare(operator):
    topics = operator.api("google.pubsub_v1", "publisher", "Publisher")
    topics.create_topic(
        request={
            "name": operator.at.of_project("topics", "churn-budget-europe-west1"),
            "labels": dict(operator.at.labels),
        }
    )


def read(operator):
    return api(operator).get_subscription(request={"subscription": name(operator)})


def update(operator, paths, **fields):
    topic = operator.at.of_project("topics", "churn-budget-europe-west1")
    subscription = pubsub.Subscription(name=name(operator), topic=topic, **fields)
    api(operator).update_subscription(request={"subscription": subscription, "update_mask": {"paths": paths}})


def add_label(operator, key):
    update(operator, ["labels"], labels={**read(operator).labels, key: "theirs"})


def push(operator):
    update(operator, ["push_config"], push_config={"push_endpoint": "https://theirs.acme.example/notices"})


def examples(at):
    """Give the examples of a place."""
    ours = {**mark_labels(at.name("churn")), **at.labels}
    example = Example(
        address=Address("pubsub_pull_subscription", "global", at.name("churn-budget-europe-west1")),
        fields=PubsubPullSubscription(
            topic=at.of_project("topics", "churn-budget-europe-west1"),
            filter="",
            ack_deadline_s=60,
            retention_s=604_800,
            attached=True,
            never_expires=True,
            labels=ours,
        ),
        edits=(
            {"ack_deadline_s": 30},
            {"retention_s": 86_400},
            {"never_expires": False},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=pubsub.Subscription,
        places={
            "topic": ["topic"],
            "filter": ["filter"],
            "ack_deadline_s": ["ack_deadline_seconds"],
            "retention_s": ["message_retention_duration"],
            "attached": ["detached"],
            "never_expires": ["expiration_policy"],
            "labels": ["labels"],
        },
        prepare=prepare,
        owner=at.name("churn"),
        unmarked={"labels": {}},
        meddle=lambda operator: update(operator, ["retain_acked_messages"], retain_acked_messages=True),
        theirs=lambda operator: read(operator).retain_acked_messages,
        add_key={"labels": add_label},
        by_hand={"push_config.push_endpoint": push},
    )
    return (example,)
