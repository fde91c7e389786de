"""Events come to functions: as CloudEvents, with the trigger's identity, once or until they are taken."""

import json
from types import SimpleNamespace

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1
from google.iam.v1 import policy_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from google.pubsub_v1 import PublisherClient, SubscriberClient

from emulator.apis.pubsub import cloud_events
from tests.emulator.clients import client
from tests.emulator_functions.conftest import BUCKET, SERVICE

PUBSUB = "google.cloud.pubsub.topic.v1.messagePublished"
FINALIZED = "google.cloud.storage.object.v1.finalized"
TOPIC = "projects/local/topics/retrain"
ACCOUNT = "trigger@local.iam.gserviceaccount.com"
HANDLER = """
import json, os, pathlib
import functions_framework
from google.cloud import storage

FAILURES = int(os.environ.get("FAILURES", "0"))

@functions_framework.cloud_event
def handle(event):
    bucket = storage.Client(project="local").bucket("local-seen")
    tries = len(list(bucket.list_blobs(prefix=event["id"])))
    told = {key: event.get(key) for key in ("type", "source", "subject")} | {"data": event.data}
    bucket.blob(f"{event['id']}/{tries}").upload_from_string(json.dumps(told))
    if tries < FAILURES:
        raise RuntimeError("not yet")
"""


@pytest.fixture
def topics(emulator):
    """Pub/Sub, with one topic."""
    publisher = client(emulator, PublisherClient)
    publisher.create_topic(name=TOPIC)
    return publisher


@pytest.fixture
def subscriptions(emulator):
    """The subscriptions that there are."""
    found = client(emulator, SubscriberClient)
    return lambda: [each.name.rpartition("/")[2] for each in found.list_subscriptions(project="projects/local")]


@pytest.fixture
def listening(emulator, cloud):
    """A function that keeps what it hears in a bucket, and fails as often as it is told; what it heard."""
    seen = cloud.bucket.client.create_bucket("local-seen")
    accounts = client(emulator, iam_admin_v1.IAMClient)
    accounts.create_service_account(request={"name": "projects/local", "account_id": "trigger"})

    def make(failures=0, *, invoker=True, **trigger):
        wanted = {"event_type": PUBSUB, "service_account_email": ACCOUNT, **trigger}
        variables = {"FAILURES": str(failures)}
        made = cloud.create(
            HANDLER, "handle", event_trigger=wanted, ingress_settings="ALLOW_INTERNAL_ONLY",
            environment_variables=variables, available_memory="512M",
        )  # fmt: skip
        if invoker:
            binding = policy_pb2.Binding(role="roles/run.invoker", members=[f"serviceAccount:{ACCOUNT}"])
            policy = policy_pb2.Policy(bindings=[binding])
            cloud.runs.set_iam_policy(request={"resource": SERVICE, "policy": policy})
        return made

    def heard(count=1):
        """What came, once that is so much."""
        return eventually(lambda: [json.loads(blob.download_as_text()) for blob in seen.list_blobs()], count)

    return SimpleNamespace(make=make, heard=heard)


def eventually(read, count, tries=200):
    """What is read, once it has so many entries; every read is a call that takes its time."""
    for _ in range(tries):
        found = read()
        if len(found) >= count:
            return found
    raise AssertionError(f"{count} wanted, {found} there")


def test_a_message_comes_as_an_event(cloud, topics, subscriptions, listening):
    """Type, source, message and attributes are what Eventarc sends; internal ingress lets it in."""
    made = listening.make(pubsub_topic=TOPIC)
    topics.publish(request={"topic": TOPIC, "messages": [{"data": b"rows", "attributes": {"reason": "drift"}}]})

    (event,) = listening.heard()
    assert event["type"] == PUBSUB
    assert event["source"] == f"//pubsub.googleapis.com/{TOPIC}"
    assert event["data"]["message"]["data"] == "cm93cw=="
    assert event["data"]["message"]["attributes"] == {"reason": "drift"}
    assert made.event_trigger.trigger.startswith("projects/local/locations/europe-west1/triggers/greeter-")
    assert [name[:31] for name in subscriptions()] == ["eventarc-europe-west1-greeter-" + subscriptions()[0][30]]


def test_an_event_that_failed_comes_again_where_that_is_asked(cloud, topics, listening):
    """Two failures, then it is taken; time passes on the emulator's clock."""
    listening.make(failures=2, pubsub_topic=TOPIC, retry_policy="RETRY_POLICY_RETRY")
    topics.publish(request={"topic": TOPIC, "messages": [{"data": b"x"}]})
    listening.heard(1)

    def later():
        cloud.emulator.advance(600)
        return listening.heard(1)

    assert len(eventually(later, 3)) == 3


def test_an_event_that_failed_is_given_up_where_retrying_is_not_asked(cloud, topics, listening):
    """The next message comes, the failed one does not."""
    listening.make(failures=1, pubsub_topic=TOPIC)
    for data in (b"one", b"two"):
        topics.publish(request={"topic": TOPIC, "messages": [{"data": data}]})
    listening.heard(2)
    cloud.emulator.advance(3600)

    assert len(listening.heard(2)) == 2


def test_a_trigger_whose_account_may_not_call_is_kept_out(cloud, topics, listening):
    """Without the role nothing arrives; once it is granted the event is there, since it is kept."""
    listening.make(invoker=False, pubsub_topic=TOPIC, retry_policy="RETRY_POLICY_RETRY")
    topics.publish(request={"topic": TOPIC, "messages": [{"data": b"x"}]})
    cloud.emulator.advance(60)
    assert listening.heard(0) == []

    binding = policy_pb2.Binding(role="roles/run.invoker", members=[f"serviceAccount:{ACCOUNT}"])
    cloud.runs.set_iam_policy(request={"resource": SERVICE, "policy": policy_pb2.Policy(bindings=[binding])})
    cloud.emulator.advance(600)
    assert len(listening.heard(1)) == 1


def test_what_was_made_for_a_trigger_goes_with_the_function(cloud, topics, subscriptions, listening):
    """A topic of its own too; a topic that was there before stays."""
    made = listening.make()
    assert made.event_trigger.pubsub_topic.startswith("projects/local/topics/eventarc-europe-west1-greeter-")
    assert len(subscriptions()) == 1
    again = cloud.update(made, "labels")
    assert again.event_trigger == made.event_trigger
    cloud.functions.delete_function(name=made.name).result(timeout=60)

    assert subscriptions() == []
    assert [topic.name for topic in topics.list_topics(project="projects/local")] == [TOPIC]


def test_a_subscription_deleted_behind_its_back_comes_back(cloud, emulator, topics, subscriptions, listening):
    """With the next deployment, whatever that changes."""
    made = listening.make(pubsub_topic=TOPIC)
    (name,) = subscriptions()
    client(emulator, SubscriberClient).delete_subscription(subscription=f"projects/local/subscriptions/{name}")

    cloud.update(made, "labels")
    assert subscriptions() == [name]


def test_a_topic_that_is_not_there_fails_the_function(cloud, listening):
    """With words, in the operation and in the function."""
    with pytest.raises(exceptions.InvalidArgument, match="Eventarc trigger"):
        listening.make(pubsub_topic=TOPIC)

    assert "Eventarc trigger" in cloud.get().state_messages[0].message


def test_an_object_comes_as_an_event(cloud, listening):
    """A new object of the bucket, and no other bucket's."""
    answer = httpx.get(f"{cloud.emulator.http}/storage/v1/b/{BUCKET}/notificationConfigs", trust_env=False)
    if not answer.is_success:
        pytest.skip("the emulated Cloud Storage has no notifications yet")
    listening.make(event_type=FINALIZED, event_filters=[{"attribute": "bucket", "value": BUCKET}])
    cloud.bucket.blob("rows/new.csv").upload_from_string("a,b")

    (event,) = listening.heard()
    assert (event["type"], event["subject"]) == (FINALIZED, "objects/rows/new.csv")
    assert event["source"] == f"//storage.googleapis.com/projects/_/buckets/{BUCKET}"
    assert event["data"]["name"] == "rows/new.csv"


def test_an_object_event_says_which_object():
    """Headers of the binary mode, from what a notification says."""
    attributes = {"eventType": "OBJECT_FINALIZE", "bucketId": "b", "objectId": "dir/fü.csv"}
    message = SimpleNamespace(
        attributes=attributes, data=b"{}", message_id="9", publish_time=Timestamp(seconds=1767225600)
    )
    address = cloud_events.endpoint("http://127.0.0.1:1", cloud_events.OF_BUCKET, once=True)
    headers, body = cloud_events.dressed(address, message, ({}, b"envelope"))

    assert body == b"{}"
    assert cloud_events.is_last(address)
    assert headers == {
        "Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "9", "ce-time": "2026-01-01T00:00:00Z",
        "ce-type": FINALIZED, "ce-source": "//storage.googleapis.com/projects/_/buckets/b",
        "ce-subject": "objects/dir/f%C3%BC.csv", "ce-bucket": "b",
    }  # fmt: skip
