"""Events come to functions: as CloudEvents, with the trigger's identity, once or until they are taken."""

import base64
import http.server
import json
import queue
import threading
from types import SimpleNamespace

import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1
from google.iam.v1 import policy_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from google.pubsub_v1 import PublisherClient, SubscriberClient

from emulator.apis.pubsub import cloud_events
from tests.emulator.clients import client, let_agents_publish
from tests.emulator_functions.conftest import BUCKET, SERVICE

PUBSUB = "google.cloud.pubsub.topic.v1.messagePublished"
FINALIZED = "google.cloud.storage.object.v1.finalized"
TOPIC = "projects/local/topics/retrain"
ACCOUNT = "trigger@local.iam.gserviceaccount.com"
HANDLER = """
import json, os, urllib.request
import functions_framework

@functions_framework.cloud_event
def handle(event):
    told = {key: event.get(key) for key in ("type", "source", "subject")} | {"data": event.data}
    request = urllib.request.Request(os.environ["TARGET"], json.dumps(told).encode())
    urllib.request.urlopen(request)  # raises where the answer is no success
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes what the function heard, and says whether it went well."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        answers = self.server.answers
        self.send_response(answers.pop(0) if answers else 200)
        self.send_header("content-length", "0")
        self.end_headers()
        self.server.heard.put(json.loads(body))

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def ear():
    """What the function tells: `heard` in its order; `answers` are the statuses of the next ones, 200 after that."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.heard, server.answers = queue.Queue(), []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


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
def listening(emulator, cloud, ear):
    """Makes a function that tells what it hears."""
    accounts = client(emulator, iam_admin_v1.IAMClient)
    accounts.create_service_account(request={"name": "projects/local", "account_id": "trigger"})

    def make(*, invoker=True, **trigger):
        wanted = {"event_type": PUBSUB, "service_account_email": ACCOUNT, **trigger}
        variables = {"TARGET": f"http://127.0.0.1:{ear.server_address[1]}/"}
        made = cloud.create(
            HANDLER,
            "handle",
            event_trigger=wanted,
            ingress_settings="ALLOW_INTERNAL_ONLY",
            environment_variables=variables,
        )
        if invoker:
            allow(cloud)
        return made

    return make


def allow(cloud):
    """Let the trigger's account call."""
    binding = policy_pb2.Binding(role="roles/run.invoker", members=[f"serviceAccount:{ACCOUNT}"])
    policy = policy_pb2.Policy(bindings=[binding])
    cloud.runs.set_iam_policy(request={"resource": SERVICE, "policy": policy})


def hear(ear):
    """The next thing that the function tells."""
    return ear.heard.get(timeout=60)


def message_of(event):
    """What was published."""
    return base64.b64decode(event["data"]["message"]["data"])


def test_a_message_comes_as_an_event(topics, subscriptions, listening, ear):
    """Type, source, message and attributes are what Eventarc sends; internal ingress lets it in."""
    made = listening(pubsub_topic=TOPIC)
    topics.publish(request={"topic": TOPIC, "messages": [{"data": b"rows", "attributes": {"reason": "drift"}}]})

    event = hear(ear)
    assert event["type"] == PUBSUB
    assert event["source"] == f"//pubsub.googleapis.com/{TOPIC}"
    assert message_of(event) == b"rows"
    assert event["data"]["message"]["attributes"] == {"reason": "drift"}
    assert made.event_trigger.trigger.startswith("projects/local/locations/europe-west1/triggers/greeter-")
    (name,) = subscriptions()
    assert name.startswith("eventarc-europe-west1-greeter-")
    assert event["data"]["subscription"] == f"projects/local/subscriptions/{name}"


@pytest.mark.slow
def test_an_event_that_failed_comes_again_where_that_is_asked(cloud, topics, listening, ear):
    """Two failures, then it is taken; time passes on the emulator's clock."""
    ear.answers = [500, 500]
    listening(pubsub_topic=TOPIC, retry_policy="RETRY_POLICY_RETRY")
    topics.publish(request={"topic": TOPIC, "messages": [{"data": b"x"}]})

    assert message_of(again(cloud, ear)) == b"x"
    assert message_of(again(cloud, ear)) == b"x"
    assert message_of(again(cloud, ear)) == b"x"


def again(cloud, ear):
    """The next thing that the function tells, while time passes: when it fails is the function's own matter."""
    for _ in range(600):
        try:
            return ear.heard.get(timeout=0.1)
        except queue.Empty:
            cloud.emulator.advance(60)
    raise AssertionError("nothing was heard")


@pytest.mark.slow
def test_an_event_that_failed_is_given_up_where_retrying_is_not_asked(cloud, topics, listening, ear):
    """The next message comes, the failed one does not."""
    ear.answers = [500]
    listening(pubsub_topic=TOPIC)
    for data in (b"one", b"two"):
        topics.publish(request={"topic": TOPIC, "messages": [{"data": data}]})
    first = {message_of(hear(ear)), message_of(hear(ear))}
    cloud.emulator.advance(3600)
    topics.publish(request={"topic": TOPIC, "messages": [{"data": b"three"}]})

    assert first == {b"one", b"two"}
    assert message_of(hear(ear)) == b"three"


@pytest.mark.slow
def test_a_trigger_whose_account_may_not_call_is_kept_out(cloud, topics, listening, ear):
    """Without the role nothing arrives; once it is granted the event is there, since it is kept."""
    listening(invoker=False, pubsub_topic=TOPIC, retry_policy="RETRY_POLICY_RETRY")
    topics.publish(request={"topic": TOPIC, "messages": [{"data": b"x"}]})
    cloud.emulator.advance(60)
    assert ear.heard.empty()

    allow(cloud)
    assert message_of(again(cloud, ear)) == b"x"


@pytest.mark.slow
def test_what_was_made_for_a_trigger_goes_with_the_function(cloud, topics, subscriptions, listening):
    """A topic of its own too; a topic that was there before stays."""
    made = listening()
    assert made.event_trigger.pubsub_topic.startswith("projects/local/topics/eventarc-europe-west1-greeter-")
    assert len(subscriptions()) == 1
    again = cloud.update(made, "labels")
    assert again.event_trigger == made.event_trigger
    cloud.functions.delete_function(name=made.name).result(timeout=60)

    assert subscriptions() == []
    assert [topic.name for topic in topics.list_topics(project="projects/local")] == [TOPIC]


@pytest.mark.slow
def test_a_subscription_deleted_behind_its_back_comes_back(cloud, emulator, topics, subscriptions, listening):
    """With the next deployment, whatever that changes."""
    made = listening(pubsub_topic=TOPIC)
    (name,) = subscriptions()
    client(emulator, SubscriberClient).delete_subscription(subscription=f"projects/local/subscriptions/{name}")

    cloud.update(made, "labels")
    assert subscriptions() == [name]


def test_a_topic_that_is_not_there_fails_the_function(cloud, listening):
    """With words, in the operation and in the function."""
    with pytest.raises(exceptions.InvalidArgument, match="Eventarc trigger"):
        listening(pubsub_topic=TOPIC)

    assert "Eventarc trigger" in cloud.get().state_messages[0].message


@pytest.mark.slow
def test_an_object_comes_as_an_event(cloud, listening, ear):
    """A new object of the bucket, and no other bucket's."""
    let_agents_publish(cloud.emulator)
    listening(event_type=FINALIZED, event_filters=[{"attribute": "bucket", "value": BUCKET}])
    cloud.bucket.blob("rows/new.csv").upload_from_string("a,b")

    event = hear(ear)
    assert (event["type"], event["subject"]) == (FINALIZED, "objects/rows/new.csv")
    assert event["source"] == f"//storage.googleapis.com/projects/_/buckets/{BUCKET}"
    assert event["data"]["name"] == "rows/new.csv"


@pytest.mark.slow
def test_a_bucket_that_is_gone_fails_the_function(cloud, topics, subscriptions, listening):
    """With words; what was made until then goes with the function."""
    wanted = {"event_type": FINALIZED, "event_filters": [{"attribute": "bucket", "value": "nobodys-bucket"}]}
    with pytest.raises(exceptions.InvalidArgument, match="nobodys-bucket"):
        listening(**wanted)
    cloud.functions.delete_function(name=cloud.get().name).result(timeout=60)

    assert subscriptions() == []
    assert [topic.name for topic in topics.list_topics(project="projects/local")] == [TOPIC]


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
