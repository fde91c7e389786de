"""A topic that somebody else labels, and keeps messages of."""

from google.pubsub_v1.types import pubsub

from reconciler.core.address import Address
from reconciler.kinds.pubsub_topic import PubsubTopic
from tests.conformance.example import Example


def api(operator):
    return operator.api("google.pubsub_v1", "publisher", "Publisher")


def read(operator):
    return api(operator).get_topic(request={"topic": operator.at.of_project("topics", "scores")})


def update(operator, paths, **fields):
    topic = pubsub.Topic(name=operator.at.of_project("topics", "scores"), **fields)
    api(operator).update_topic(request={"topic": topic, "update_mask": {"paths": paths}})


def add_label(operator, key):
    update(operator, ["labels"], labels={**read(operator).labels, key: "theirs"})


def examples(at):
    """Give the examples of a place."""
    ours = {"managed-by": "mlservice", **at.labels}
    example = Example(
        address=Address("pubsub_topic", "global", at.name("scores")),
        fields=PubsubTopic(ours),
        edits=({"labels": {**ours, "team": "growth"}},),
        read=read,
        message=pubsub.Topic,
        places={"labels": ["labels"]},
        owner=at.name("churn"),
        unmarked={"labels": {}},
        meddle=lambda operator: update(
            operator, ["message_retention_duration"], message_retention_duration={"seconds": 86400}
        ),
        theirs=lambda operator: read(operator).message_retention_duration.total_seconds() == 86400,
        add_key={"labels": add_label},
    )
    return (example,)
