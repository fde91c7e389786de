"""A push subscription that somebody else lets keep what was acknowledged."""

from google.pubsub_v1.types import pubsub

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.pubsub_subscription import PubsubSubscription
from tests.conformance.example import Example
from tests.conformance.ground import accounts


def name(operator):
    return operator.at.of_project("subscriptions", "churn-requests")


def api(operator):
    return operator.api("google.pubsub_v1", "subscriber", "Subscriber")


def prepare(operator):
    topics = operator.api("google.pubsub_v1", "publisher", "Publisher")
    for each in ("orders", "dead"):
        made = {"name": operator.at.of_project("topics", each), "labels": dict(operator.at.labels)}
        topics.create_topic(request=made)
    accounts(operator, "churn-push", "other-push")


def read(operator):
    return api(operator).get_subscription(request={"subscription": name(operator)})


def update(operator, paths, **fields):
    subscription = pubsub.Subscription(name=name(operator), topic=operator.at.of_project("topics", "orders"), **fields)
    api(operator).update_subscription(request={"subscription": subscription, "update_mask": {"paths": paths}})


def add_label(operator, key):
    update(operator, ["labels"], labels={**read(operator).labels, key: "theirs"})


def examples(at):
    """Give the examples of a place."""
    orders, dead = at.of_project("topics", "orders"), at.of_project("topics", "dead")
    ours = {**mark_labels(at.name("churn")), **at.labels}
    example = Example(
        address=Address("pubsub_subscription", "global", at.name("churn-requests")),
        fields=PubsubSubscription(
            topic=orders,
            filter='attributes.kind = "score"',
            endpoint="https://churn-h3x-ew.a.run.app/events",
            account=at.email("churn-push"),
            audience="https://churn-h3x-ew.a.run.app",
            ack_deadline_s=60,
            min_backoff_s=10,
            max_backoff_s=600,
            dead_letter="",
            max_attempts=0,
            attached=True,
            never_expires=True,
            labels=ours,
        ),
        edits=(
            {"endpoint": "https://churn-h3x-ew.a.run.app/score"},
            {"account": at.email("other-push")},
            {"audience": "https://churn.acme.example"},
            {"ack_deadline_s": 600},
            {"min_backoff_s": 0},
            {"max_backoff_s": 300},
            {"dead_letter": dead, "max_attempts": 7},
            {"never_expires": False},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=pubsub.Subscription,
        places={
            "topic": ["topic"],
            "filter": ["filter"],
            "endpoint": ["push_config"],
            "account": ["push_config"],
            "audience": ["push_config"],
            "ack_deadline_s": ["ack_deadline_seconds"],
            "min_backoff_s": ["retry_policy"],
            "max_backoff_s": ["retry_policy"],
            "dead_letter": ["dead_letter_policy"],
            "max_attempts": ["dead_letter_policy"],
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
    )
    return (example,)
