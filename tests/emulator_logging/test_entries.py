"""Entries and sinks through Google's own clients, and what containers write."""

import json
import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import logging as cloud_logging
from google.cloud.logging_v2.services.config_service_v2 import ConfigServiceV2Client
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
from google.cloud.logging_v2.types import ListLogEntriesRequest, LogEntry, LogSink
from google.pubsub_v1 import PublisherClient, SubscriberClient

from emulator.apis.logging.entries import enough
from emulator.apis.logging.model import Entry
from emulator.core.paging import reach_of
from tests.emulator.clients import client

PROJECT = "projects/local"
RESOURCE = {"type": "global", "labels": {"project_id": "local"}}


@pytest.fixture
def logs(emulator):
    """The client of entries."""
    return client(emulator, LoggingServiceV2Client)


@pytest.fixture
def log():
    """The name of a log that no other test writes to."""
    return f"{PROJECT}/logs/{uuid.uuid4().hex[:8]}"


@pytest.fixture
def topic(emulator):
    """A topic with a subscription; gives its name, and what pulls its messages."""
    name = f"{PROJECT}/topics/t{uuid.uuid4().hex[:8]}"
    subscription = name.replace("topics", "subscriptions")
    client(emulator, PublisherClient).create_topic(name=name)
    subscriber = client(emulator, SubscriberClient)
    subscriber.create_subscription(name=subscription, topic=name)

    def pulled():
        answer = subscriber.pull(subscription=subscription, max_messages=100)
        return [json.loads(message.message.data) for message in answer.received_messages]

    return name, pulled


def may_publish(emulator, topic, member):
    """Let a sink's account publish."""
    publisher = client(emulator, PublisherClient)
    policy = publisher.get_iam_policy(request={"resource": topic})
    policy.bindings.add(role="roles/pubsub.publisher", members=[member])
    publisher.set_iam_policy(request={"resource": topic, "policy": policy})


def test_a_page_reads_no_more_than_it_needs():
    """Enough to know whether another page follows, and all of one moment, which has an order of its own."""

    def entries():
        for seconds in (1, 2, 2, 2, 3):
            yield Entry(timestamp={"seconds": seconds})
        raise AssertionError

    asked = ListLogEntriesRequest.pb()(page_size=1)
    assert [each.timestamp.seconds for each in enough(entries(), reach_of(asked))] == [1, 2, 2, 2]


def test_entries_come_back_in_order_by_page_and_filter(logs, log):
    """Written in any order; the same one twice is one; defaults of the request go where an entry says nothing."""
    now = datetime.now(UTC)
    entries = [
        LogEntry(
            text_payload=f"n{n}",
            severity=200 + 100 * (n % 4),
            timestamp=now - timedelta(seconds=n),
            insert_id=f"i{n}",
            labels={"own": "1"} if n == 3 else {},
        )
        for n in (3, 1, 4, 0, 2)
    ]
    logs.write_log_entries(log_name=log, resource=RESOURCE, labels={"own": "0", "team": "a"}, entries=entries)
    logs.write_log_entries(log_name=log, resource=RESOURCE, entries=entries[:1])

    asked = {"resource_names": [PROJECT], "filter": f'logName="{log}"', "page_size": 2}
    found = list(logs.list_log_entries(request={**asked, "order_by": "timestamp desc"}))

    assert [each.text_payload for each in found] == ["n0", "n1", "n2", "n3", "n4"]
    assert [each.labels["own"] for each in found] == ["0", "0", "0", "1", "0"]
    severe = logs.list_log_entries(request={**asked, "filter": f'logName="{log}" severity>=ERROR'})
    assert [each.text_payload for each in severe] == ["n3"]
    assert log in list(logs.list_logs(parent=PROJECT))
    logs.delete_log(log_name=log)
    assert list(logs.list_log_entries(request=asked)) == []


def test_the_library_of_the_manual_works(emulator, log):
    """`google.cloud.logging`, over REST: written and read by the client that people use."""
    made = cloud_logging.Client(
        project="local",
        credentials=AnonymousCredentials(),
        _use_grpc=False,
        client_options={"api_endpoint": emulator.http},
    )
    logger = made.logger(log.rpartition("/")[2])
    logger.log_struct({"message": "moved", "distance": 0.4}, severity="WARNING")

    (found,) = made.list_entries(filter_=f'logName="{log}" jsonPayload.distance>0.3')

    assert (found.payload["message"], found.severity) == ("moved", "WARNING")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"log_name": "somewhere"}, "Log name is not valid"),
        ({"resource": {}}, "monitored resource is required"),
        ({"text_payload": ""}, "without payload"),
        ({"text_payload": "x" * 300_000}, "exceeds maximum size"),
        ({"text_payload": None, "json_payload": {"n": math.nan}}, "no JSON"),
        ({"timestamp": datetime(2099, 1, 1, tzinfo=UTC)}, "future"),
    ],
)
def test_entries_that_google_refuses(logs, log, change, words):
    """Each is named, and nothing of the request is kept."""
    entry = {"log_name": log, "resource": RESOURCE, "text_payload": "a"} | change
    if not change.get("text_payload", "a"):
        del entry["text_payload"]

    with pytest.raises(exceptions.InvalidArgument, match=words):
        logs.write_log_entries(entries=[{"log_name": log, "resource": RESOURCE, "text_payload": "good"}, entry])

    assert list(logs.list_log_entries(resource_names=[PROJECT], filter=f'logName="{log}"')) == []


def test_sinks_hand_over_what_their_filter_lets_through(emulator, logs, log, topic):
    """As their own account, once it may publish; before that, the log of errors says why nothing comes."""
    name, pulled = topic
    config, sink_name = client(emulator, ConfigServiceV2Client), f"s-{uuid.uuid4().hex[:6]}"
    wanted = LogSink(
        name=sink_name, destination=f"pubsub.googleapis.com/{name}", filter=f'logName="{log}" severity>=ERROR'
    )
    made = config.create_sink(request={"parent": PROJECT, "sink": wanted, "unique_writer_identity": True})

    def write(text, severity):
        logs.write_log_entries(
            log_name=log, resource=RESOURCE, entries=[LogEntry(text_payload=text, severity=severity)]
        )

    write("refused", "ERROR")
    asked = f'log_id("logging.googleapis.com/sink_error") resource.labels.name="{sink_name}"'
    (why,) = logs.list_log_entries(resource_names=[PROJECT], filter=asked)
    may_publish(emulator, name, made.writer_identity)
    write("small", "INFO")
    write("great", "CRITICAL")

    assert "not authorized" in why.text_payload
    (message,) = pulled()
    assert (message["textPayload"], message["severity"], message["logName"]) == ("great", "CRITICAL", log)


def test_an_exclusion_keeps_entries_back_unless_it_is_disabled(emulator, logs, log, topic):
    """Those that its filter finds, of one sink; they stay in the log."""
    name, pulled = topic
    config = client(emulator, ConfigServiceV2Client)
    exclusions = [
        {"name": "small", "filter": "severity<ERROR"},
        {"name": "great", "filter": "severity>=CRITICAL", "disabled": True},
    ]
    wanted = LogSink(
        name=f"s-{uuid.uuid4().hex[:6]}",
        destination=f"pubsub.googleapis.com/{name}",
        filter=f'logName="{log}"',
        exclusions=exclusions,
    )
    made = config.create_sink(request={"parent": PROJECT, "sink": wanted, "unique_writer_identity": True})
    may_publish(emulator, name, made.writer_identity)
    severities = ("INFO", "CRITICAL", "WARNING", "ERROR")
    entries = [LogEntry(text_payload=each, severity=each) for each in severities]
    logs.write_log_entries(log_name=log, resource=RESOURCE, entries=entries)

    assert {each["textPayload"] for each in pulled()} == {"CRITICAL", "ERROR"}
    asked = {"resource_names": [PROJECT], "filter": f'logName="{log}"'}
    assert {each.text_payload for each in logs.list_log_entries(request=asked)} == set(severities)


def test_a_sink_is_read_changed_and_deleted(emulator, topic):
    """`_Default` and `_Required` are there from the start; a name is taken once; what is not done is refused."""
    name, _ = topic
    config, sink_name = client(emulator, ConfigServiceV2Client), f"s-{uuid.uuid4().hex[:6]}"
    wanted = LogSink(name=sink_name, destination=f"pubsub.googleapis.com/{name}", filter="severity>=ERROR")
    whole = f"{PROJECT}/sinks/{sink_name}"
    made = config.create_sink(request={"parent": PROJECT, "sink": wanted, "unique_writer_identity": True})
    with pytest.raises(exceptions.AlreadyExists):
        config.create_sink(parent=PROJECT, sink=wanted)

    changed = config.update_sink(
        request={
            "sink_name": whole,
            "sink": LogSink(filter="severity>=ALERT"),
            "update_mask": {"paths": ["filter"]},
            "unique_writer_identity": True,
        }
    )

    assert (changed.filter, changed.destination, changed.writer_identity) == (
        "severity>=ALERT",
        wanted.destination,
        made.writer_identity,
    )
    assert {"_Default", "_Required", sink_name} <= {sink.name for sink in config.list_sinks(parent=PROJECT)}
    with pytest.raises(exceptions.InvalidArgument):
        config.delete_sink(sink_name=f"{PROJECT}/sinks/_Default")
    with pytest.raises(exceptions.InvalidArgument, match="Unparseable"):
        config.create_sink(parent=PROJECT, sink=LogSink(name="x", destination=wanted.destination, filter="a="))
    with pytest.raises(exceptions.MethodNotImplemented, match="topics only"):
        config.create_sink(parent=PROJECT, sink=LogSink(name="x", destination="storage.googleapis.com/b"))
    config.delete_sink(sink_name=whole)
    with pytest.raises(exceptions.NotFound):
        config.get_sink(sink_name=whole)
