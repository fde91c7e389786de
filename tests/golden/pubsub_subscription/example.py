"""A push subscription that somebody else lets keep what was acknowledged."""

from google.pubsub_v1.types import pubsub

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.pubsub_subscription import PubsubSubscription
from tests.conformance.example import Example

NAME = "projects/local/subscriptions/churn-requests-europe-west1"
DEAD = "projects/local/topics/dead"
ACCOUNT, OTHER = "churn-push@local.iam.gserviceaccount.com", "other-push@local.iam.gserviceaccount.com"


def api(operator):
    return operator.api("google.pubsub_v1", "subscriber", "Subscriber")


def prepare(operator):
    topics = operator.api("google.pubsub_v1", "publisher", "Publisher")
    for name in ("orders", "dead"):
        topics.create_topic(request={"name": f"projects/local/topics/{name}"})
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    for name in (ACCOUNT, OTHER):
        accounts.create_service_account(request={"name": "projects/local", "account_id": name.partition("@")[0]})


def read(operator):
    return api(operator).get_subscription(request={"subscription": NAME})


def update(operator, paths, **fields):
    subscription = pubsub.Subscription(name=NAME, topic="projects/local/topics/orders", **fields)
    api(operator).update_subscription(request={"subscription": subscription, "update_mask": {"paths": paths}})


def add_label(operator, key):
    update(operator, ["labels"], labels={**read(operator).labels, key: "theirs"})


EXAMPLE = Example(
    address=Address("pubsub_subscription", "global", "churn-requests-europe-west1"),
    fields=PubsubSubscription(
        topic="projects/local/topics/orders",
        filter='attributes.kind = "score"',
        endpoint="https://churn-h3x-ew.a.run.app/events",
        account=ACCOUNT,
        audience="https://churn-h3x-ew.a.run.app",
        ack_deadline_s=60,
        min_backoff_s=10,
        max_backoff_s=600,
        dead_letter="",
        max_attempts=0,
        attached=True,
        never_expires=True,
        labels=mark_labels("churn"),
    ),
    edits=(
        {"endpoint": "https://churn-h3x-ew.a.run.app/score"},
        {"account": OTHER},
        {"audience": "https://churn.acme.example"},
        {"ack_deadline_s": 600},
        {"min_backoff_s": 0},
        {"max_backoff_s": 300},
        {"dead_letter": DEAD, "max_attempts": 7},
        {"never_expires": False},
        {"labels": {**mark_labels("churn"), "team": "growth"}},
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
    unmarked={"labels": {}},
    meddle=lambda operator: update(operator, ["retain_acked_messages"], retain_acked_messages=True),
    theirs=lambda operator: read(operator).retain_acked_messages,
    add_key={"labels": add_label},
)
