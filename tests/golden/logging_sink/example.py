"""A sink that somebody else leaves entries out of."""

from google.cloud.logging_v2.types import logging_config

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.logging_sink import LogSink
from tests.conformance.example import Example


def api(operator):
    return operator.api("google.cloud.logging_v2", "config_service_v2", "ConfigServiceV2")


def name(operator):
    return operator.at.of_project("sinks", "churn_europe_monitors")


def read(operator):
    return api(operator).get_sink(request={"sink_name": name(operator)})


def prepare(operator):
    topics = operator.api("google.pubsub_v1", "publisher", "Publisher")
    for each in ("churn-retrain", "other"):
        made = {"name": operator.at.of_project("topics", each), "labels": dict(operator.at.labels)}
        topics.create_topic(request=made)


def leave_out(operator):
    sink = {"exclusions": [{"name": "theirs", "filter": "severity<WARNING"}]}
    request = {"sink_name": name(operator), "sink": sink, "update_mask": {"paths": ["exclusions"]}}
    api(operator).update_sink(request={**request, "unique_writer_identity": True})


def examples(at):
    """Give the examples of a place."""
    mark = note(at.name("churn"))
    resource = 'resource.type="aiplatform.googleapis.com/ModelMonitor"'
    example = Example(
        address=Address("logging_sink", "global", at.name("churn_europe_monitors")),
        fields=LogSink(
            topic=at.of_project("topics", "churn-retrain"),
            filter=f'{resource} AND resource.labels.location="{at.region}"',
            description=f"Wakes. {mark}",
            disabled=False,
        ),
        edits=(
            {"topic": at.of_project("topics", "other")},
            {"filter": resource},
            {"description": f"Other words. {mark}"},
            {"disabled": True},
            {"disabled": True, "filter": resource},
        ),
        read=read,
        message=logging_config.LogSink,
        places={
            "topic": ["destination"],
            "filter": ["filter"],
            "description": ["description"],
            "disabled": ["disabled"],
        },
        owner=at.name("churn"),
        unmarked={"description": "theirs"},
        prepare=prepare,
        meddle=leave_out,
        theirs=lambda operator: [each.name for each in read(operator).exclusions] == ["theirs"],
    )
    return (example,)
