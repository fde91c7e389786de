"""A bucket's changes are told to topics."""

import json

import pytest
from google.api_core import exceptions
from google.cloud import storage
from google.pubsub_v1 import PublisherClient, SubscriberClient

from tests.conftest import Emulator
from tests.emulator import clients

PROJECT = "events"
"""The client takes no shorter name."""
TOPIC, SUBSCRIPTION = f"projects/{PROJECT}/topics/changes", f"projects/{PROJECT}/subscriptions/reader"
FINALIZE, DELETE, ARCHIVE, UPDATE = (f"OBJECT_{word}" for word in ("FINALIZE", "DELETE", "ARCHIVE", "METADATA_UPDATE"))


class Reader:
    """A topic, and a subscription of it."""

    def __init__(self, emulator):
        self.publisher = clients.client(emulator, PublisherClient)
        self.subscriber = clients.client(emulator, SubscriberClient)

    def make(self):
        self.publisher.create_topic(name=TOPIC)
        self.subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        return self

    def read(self, count):
        """So many messages, in their order."""
        found = []
        while len(found) < count:
            pulled = self.subscriber.pull(subscription=SUBSCRIPTION, max_messages=count - len(found), timeout=60)
            found += pulled.received_messages
        return [each.message for each in found]


@pytest.fixture(autouse=True)
def agents(emulator):
    """Cloud Storage's own account may publish."""
    clients.let_agents_publish(emulator, PROJECT, of="local")


@pytest.fixture
def reader(emulator):
    return Reader(emulator).make()


def events(messages):
    return [(each.attributes["eventType"], each.attributes["objectId"]) for each in messages]


def test_a_new_object_is_told(bucket, reader):
    """With Google's attributes, and the object as the JSON API shows it."""
    notification = bucket.notification(
        "changes", topic_project=PROJECT, custom_attributes={"why": "test"}, payload_format="JSON_API_V1"
    )
    notification.create()
    blob = bucket.blob("data/rows.csv")
    blob.upload_from_string("a,b\n", content_type="text/csv")
    [message] = reader.read(1)

    attributes = dict(message.attributes)
    assert attributes.pop("eventTime").endswith("Z")
    assert attributes == {
        "notificationConfig": f"projects/_/buckets/{bucket.name}/notificationConfigs/{notification.notification_id}",
        "eventType": FINALIZE,
        "payloadFormat": "JSON_API_V1",
        "bucketId": bucket.name,
        "objectId": "data/rows.csv",
        "objectGeneration": str(blob.generation),
        "why": "test",
    }
    payload = json.loads(message.data)
    assert (payload["kind"], payload["size"], payload["contentType"]) == ("storage#object", "4", "text/csv")


def test_each_change_is_told_in_order(bucket, reader):
    """Overwriting is two events, which name each other's generation."""
    bucket.notification("changes", topic_project=PROJECT).create()
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    first = str(blob.generation)
    blob.upload_from_string("2")
    second = str(blob.generation)
    blob.metadata = {"k": "v"}
    blob.patch()
    blob.delete()
    told = reader.read(5)

    assert [each for each, _ in events(told)] == [FINALIZE, DELETE, FINALIZE, UPDATE, DELETE]
    assert (told[1].attributes["objectGeneration"], told[1].attributes["overwrittenByGeneration"]) == (first, second)
    assert (told[2].attributes["objectGeneration"], told[2].attributes["overwroteGeneration"]) == (second, first)
    assert {each.data for each in told} == {b""}


def test_a_bucket_with_versions_archives(bucket, reader):
    """Until a version is deleted for good."""
    bucket.versioning_enabled = True
    bucket.patch()
    bucket.notification("changes", topic_project=PROJECT).create()
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    generation = blob.generation
    bucket.delete_blob("a")
    bucket.delete_blob("a", generation=generation)

    assert [each for each, _ in events(reader.read(3))] == [FINALIZE, ARCHIVE, DELETE]


def test_only_what_is_asked_for_is_told(bucket, reader):
    """By events, and by the start of the object's name."""
    bucket.notification("changes", topic_project=PROJECT, event_types=[DELETE]).create()
    bucket.notification("changes", topic_project=PROJECT, event_types=[FINALIZE], blob_name_prefix="in/").create()
    for name in ("in/a", "out/a"):
        bucket.blob(name).upload_from_string("x")
    bucket.delete_blob("out/a")

    assert events(reader.read(2)) == [(FINALIZE, "in/a"), (DELETE, "out/a")]


def test_copies_and_joined_objects_are_new_objects(bucket, reader):
    """However an object comes to be."""
    for name in ("a", "b"):
        bucket.blob(name).upload_from_string("x")
    bucket.notification("changes", topic_project=PROJECT, payload_format="JSON_API_V1").create()
    bucket.copy_blob(bucket.blob("a"), bucket, "copy")
    bucket.blob("joined").compose([bucket.blob("a"), bucket.blob("b")])
    told = reader.read(2)

    assert events(told) == [(FINALIZE, "copy"), (FINALIZE, "joined")]
    assert json.loads(told[1].data)["componentCount"] == 2


def test_notifications_come_and_go(client, bucket, reader):
    """Each with an id of its own; with the bucket all are gone."""
    made = [bucket.notification("changes", topic_project=PROJECT) for _ in range(2)]
    for each in made:
        each.create()

    assert [each.notification_id for each in bucket.list_notifications()] == ["1", "2"]
    assert [each.topic_name for each in bucket.list_notifications()] == ["changes", "changes"]
    assert bucket.get_notification("2").payload_format == "NONE"
    made[0].delete()
    assert not made[0].exists()
    assert [each.notification_id for each in bucket.list_notifications()] == ["2"]
    with pytest.raises(exceptions.NotFound):
        made[0].delete()

    bucket.delete()
    again = client.create_bucket(bucket.name)
    assert list(again.list_notifications()) == []


REFUSED = {
    "no-such-topic": ({"topic_name": "nothing"}, exceptions.Forbidden, "does not exist"),
    "event": ({"topic_name": "changes", "event_types": ["OBJECT_READ"]}, exceptions.BadRequest, "OBJECT_READ"),
    "format": ({"topic_name": "changes", "payload_format": "XML"}, exceptions.BadRequest, "XML"),
}


@pytest.mark.parametrize(("fields", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_notification(bucket, reader, fields, error, words):
    """Nothing is left behind."""
    with pytest.raises(error, match=words):
        bucket.notification(**({"topic_project": PROJECT} | fields)).create()

    assert list(bucket.list_notifications()) == []


def test_ten_of_one_event_are_the_most(bucket, reader):
    """Others still fit."""
    for _ in range(10):
        bucket.notification("changes", topic_project=PROJECT, event_types=[DELETE]).create()

    with pytest.raises(exceptions.BadRequest, match="Too many"):
        bucket.notification("changes", topic_project=PROJECT).create()
    bucket.notification("changes", topic_project=PROJECT, event_types=[FINALIZE]).create()


def test_what_is_refused_is_told_later(emulator, bucket, reader):
    """Once, as soon as publishing works again; nothing is told of a topic that is gone."""
    bucket.notification("changes", topic_project=PROJECT).create()
    emulator.faults({"method": "google.pubsub.v1.Publisher/Publish", "status": "UNAVAILABLE", "times": 1})
    bucket.blob("a").upload_from_string("x")
    while not emulator.control("GET", "faults")[0]["applied"]:
        pass
    emulator.advance(11)
    bucket.blob("b").upload_from_string("x")

    assert events(reader.read(2)) == [(FINALIZE, "a"), (FINALIZE, "b")]


@pytest.mark.slow
def test_a_kill_loses_no_notice(tmp_path):
    """The emulator is killed while publishing hangs; the next one tells."""
    emulator = Emulator.start(tmp_path / "emulator")
    clients.let_agents_publish(emulator, PROJECT, of="local")
    Reader(emulator).make()
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - as in the fixture

    made = storage.Client(
        project="local", credentials=AnonymousCredentials(), client_options={"api_endpoint": emulator.http}
    )
    bucket = made.create_bucket("kept")
    bucket.notification("changes", topic_project=PROJECT).create()
    emulator.faults({"method": "google.pubsub.v1.Publisher/Publish", "hang": True, "times": None})
    bucket.blob("a").upload_from_string("x")
    emulator.kill()
    made.close()
    again = Emulator.start(tmp_path / "emulator")

    assert events(Reader(again).read(1)) == [(FINALIZE, "a")]
    again.kill()
