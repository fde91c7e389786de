"""How messages behave, through Google's own clients, on our Pub/Sub and on Google's own emulator of it.

Where the two differ, `DIFFERENCES` says why; each is expected to fail there, so that one that goes away is seen.
"""

import itertools
import json
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.pubsub_v1.types import Encoding, Schema, StreamingPullRequest

from tests.emulator.clients import let_agents_publish
from tests.emulator_pubsub import google_emulator
from tests.emulator_pubsub.endpoints import serving

DIFFERENCES = {
    "test_a_filter_chooses_by_attributes": "its documentation says that filters are not applied",
    "test_a_filter_that_is_none_is_refused": "it takes any text as a filter",
    "test_too_much_is_refused": "it checks neither sizes nor numbers of attributes",
    "test_a_detached_subscription_gets_nothing": "DetachSubscription is not implemented",
    "test_a_deadline_is_at_most_ten_minutes[google-601]": "it takes longer ones",
    "test_a_message_given_back_rests": "it has no backoff: messages that are given back are ready at once",
    "test_a_stream_takes_no_more_than_it_may": "it sends everything that waits, whatever the stream may have out",
    "test_a_late_acknowledgement_counts": "it ignores ids whose deadline is over; Google takes them if it can",
}
counter = itertools.count(1)
pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")


@dataclass
class PubSub:
    """One of the two, with an empty project of this test's own."""

    target: str
    project: str
    publisher: PublisherClient
    subscriber: SubscriberClient
    schemas: SchemaServiceClient

    @classmethod
    def over(cls, channel, target):
        """Through a channel."""
        made = (
            each(transport=each.get_transport_class("grpc")(channel=channel))
            for each in (PublisherClient, SubscriberClient, SchemaServiceClient)
        )
        return cls(target, f"projects/case-{next(counter)}", *made)

    def topic(self, name="things", **fields):
        made = self.publisher.create_topic(request={"name": f"{self.project}/topics/{name}", **fields})
        return made.name

    def subscription(self, topic, name="reader", **fields):
        name = f"{self.project}/subscriptions/{name}"
        return self.subscriber.create_subscription(request={"name": name, "topic": topic, **fields}).name

    def publish(self, topic, *messages):
        made = [{"data": each.encode()} if isinstance(each, str) else each for each in messages]
        return list(self.publisher.publish(topic=topic, messages=made).message_ids)

    def pull(self, subscription, most=100):
        """Messages, waited for: none is an answer as well."""
        return list(self.subscriber.pull(subscription=subscription, max_messages=most, timeout=60).received_messages)

    def peek(self, subscription, most=100):
        """Messages that are there at once."""
        request = {"subscription": subscription, "max_messages": most, "return_immediately": True}
        return list(self.subscriber.pull(request=request).received_messages)

    def gather(self, subscription, count):
        """So many messages, however they are dealt out."""
        found = []
        while len(found) < count:
            found += self.pull(subscription)
        return found

    def ack(self, subscription, received):
        self.subscriber.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in received])

    def nack(self, subscription, received, seconds=0):
        ids = [each.ack_id for each in received]
        self.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ids, ack_deadline_seconds=seconds)


def texts(received):
    return [each.message.data.decode() for each in received]


@pytest.fixture(scope="session")
def google(tmp_path_factory):
    """Google's emulator, started once."""
    if google_emulator.program() is None:
        pytest.skip("Google's Pub/Sub emulator is not on this machine (gcloud components install pubsub-emulator)")
    with google_emulator.running(tmp_path_factory.mktemp("google")) as target:
        yield target


@pytest.fixture(params=["ours", pytest.param("google", marks=pytest.mark.slow)])
def pubsub(request):
    """Both of them in turn."""
    if request.param == "ours":
        emulator = request.getfixturevalue("emulator")
        target, channel = emulator.grpc, emulator.channel()
    else:
        why = DIFFERENCES.get(request.node.originalname, DIFFERENCES.get(request.node.name))
        if why is not None:
            request.applymarker(pytest.mark.xfail(reason=why, strict=True))
        target = request.getfixturevalue("google")
        channel = grpc.insecure_channel(target)
    with channel:
        made = PubSub.over(channel, target)
        if request.param == "ours":
            let_agents_publish(emulator, made.project.removeprefix("projects/"))
        yield made


@pytest.fixture
def topic(pubsub):
    return pubsub.topic()


@pytest.fixture
def reader(pubsub, topic):
    return pubsub.subscription(topic)


def test_what_is_published_is_pulled(pubsub, topic, reader):
    """With its attributes, its id and the time."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    ids = pubsub.publish(topic, {"data": b"a", "attributes": {"k": "v"}, "ordering_key": "x"}, "b")

    first, second = pubsub.gather(reader, 2)

    assert [first.message.message_id, second.message.message_id] == ids
    assert len(set(ids)) == 2
    assert (first.message.data, dict(first.message.attributes), first.message.ordering_key) == (b"a", {"k": "v"}, "x")
    assert before <= first.message.publish_time <= datetime.now(UTC) + timedelta(seconds=1)
    assert first.delivery_attempt == 0


def test_each_subscription_gets_every_message(pubsub, topic, reader):
    """Those that were there when it was published."""
    other = pubsub.subscription(topic, "other")
    pubsub.publish(topic, "a")
    late = pubsub.subscription(topic, "late")

    assert [texts(pubsub.pull(each)) for each in (reader, other)] == [["a"], ["a"]]
    assert pubsub.peek(late) == []


def test_a_message_is_out_until_it_is_acknowledged(pubsub, topic, reader):
    """Nobody else gets it meanwhile, and nobody afterwards."""
    pubsub.publish(topic, "a")
    taken = pubsub.pull(reader)

    assert pubsub.peek(reader) == []
    pubsub.ack(reader, taken)
    pubsub.ack(reader, taken)  # twice is no mistake
    assert pubsub.peek(reader) == []


def test_a_message_given_back_comes_again(pubsub, topic, reader):
    """At once, with another id for its acknowledgement."""
    pubsub.publish(topic, "a")
    taken = pubsub.pull(reader)
    pubsub.nack(reader, taken)

    [again] = pubsub.pull(reader)

    assert again.message == taken[0].message
    assert again.ack_id != taken[0].ack_id


def test_a_message_comes_again_when_its_deadline_is_over(pubsub, topic, reader):
    """A deadline of a second."""
    pubsub.publish(topic, "a")
    pubsub.nack(reader, pubsub.pull(reader), seconds=1)

    assert texts(pubsub.gather(reader, 1)) == ["a"]


def test_a_late_acknowledgement_counts(pubsub, topic, reader):
    """As long as the message is there."""
    pubsub.publish(topic, "a")
    first = pubsub.pull(reader)
    pubsub.nack(reader, first)
    second = pubsub.pull(reader)

    pubsub.ack(reader, first)
    pubsub.nack(reader, second)

    assert pubsub.peek(reader) == []


def test_pull_waits_for_a_message(pubsub, topic, reader):
    """And has it as soon as it is there."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pubsub.gather, reader, 1)
        pubsub.publish(topic, "a")

        assert texts(waiting.result(60)) == ["a"]


def test_no_more_than_asked_for(pubsub, topic, reader):
    """The rest comes with the next pull."""
    pubsub.publish(topic, *"abcde")
    first = pubsub.pull(reader, most=2)

    assert len(first) <= 2
    assert sorted(texts(first) + texts(pubsub.gather(reader, 5 - len(first)))) == list("abcde")


def test_a_thousand_messages_come_all(pubsub, topic, reader):
    """Each once."""
    for start in range(0, 1000, 250):
        pubsub.publish(topic, *map(str, range(start, start + 250)))

    seen = []
    while len(seen) < 1000:
        taken = pubsub.pull(reader, most=1000)
        pubsub.ack(reader, taken)
        seen += texts(taken)

    assert sorted(map(int, seen)) == list(range(1000))


NOT_THERE = "not-there"
ABSENT = {
    "publish": lambda it: it.publish(f"{it.project}/topics/{NOT_THERE}", "a"),
    "pull": lambda it: it.peek(f"{it.project}/subscriptions/{NOT_THERE}"),
    "acknowledge": lambda it: it.subscriber.acknowledge(
        subscription=f"{it.project}/subscriptions/{NOT_THERE}", ack_ids=["x"]
    ),
    "seek": lambda it: it.subscriber.seek(
        request={"subscription": f"{it.project}/subscriptions/{NOT_THERE}", "time": datetime.now(UTC)}
    ),
}


@pytest.mark.parametrize("what", ABSENT)
def test_what_is_not_there_is_not_found(pubsub, what):
    """Topics and subscriptions alike."""
    with pytest.raises(exceptions.NotFound):
        ABSENT[what](pubsub)


BAD = {
    "nothing": [],
    "empty": [{}],
    "too-many": [{"data": b"x"}] * 1001,
    "no-such-key": [{"ordering_key": "k"}],
}


@pytest.mark.parametrize("messages", BAD.values(), ids=BAD)
def test_what_is_no_message_is_refused(pubsub, topic, messages):
    """Each with INVALID_ARGUMENT."""
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publisher.publish(topic=topic, messages=messages)


LARGE = {
    "key": {"attributes": {"k" * 257: "v"}},
    "value": {"attributes": {"k": "v" * 1025}},
    "attributes": {"attributes": {str(number): "" for number in range(101)}},
    "ordering-key": {"data": b"x", "ordering_key": "k" * 1025},
    "data": {"data": b"x" * 10_000_001},
}


@pytest.mark.parametrize("message", LARGE.values(), ids=LARGE)
def test_too_much_is_refused(pubsub, topic, message):
    """One past each bound (constraints.md section 4; cloud.google.com/pubsub/quotas)."""
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publisher.publish(topic=topic, messages=[message])


def test_a_message_of_ten_megabytes_passes(pubsub, topic, reader):
    """As large as one may be; the client has to be ready for it."""
    data = b"x" * 9_900_000
    pubsub.publisher.publish(topic=topic, messages=[{"data": data}])
    with grpc.insecure_channel(pubsub.target, [("grpc.max_receive_message_length", -1)]) as channel:
        ready = SubscriberClient(transport=SubscriberClient.get_transport_class("grpc")(channel=channel))
        [received] = ready.pull(subscription=reader, max_messages=1).received_messages

    assert received.message.data == data


def test_an_acknowledgement_of_nothing_is_refused(pubsub, reader):
    """An id that nobody gave."""
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscriber.acknowledge(subscription=reader, ack_ids=["x"])


def test_pull_of_no_messages_is_refused(pubsub, reader):
    """At least one."""
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscriber.pull(subscription=reader, max_messages=0)


@pytest.mark.parametrize("seconds", [-1, 601])
def test_a_deadline_is_at_most_ten_minutes(pubsub, topic, reader, seconds):
    """And not in the past."""
    pubsub.publish(topic, "a")
    taken = pubsub.pull(reader)

    with pytest.raises(exceptions.InvalidArgument):
        pubsub.nack(reader, taken, seconds=seconds)


def test_messages_outlive_their_topic(pubsub, topic, reader):
    """The subscription still has them, and the topic of the same name is another."""
    pubsub.publish(topic, "a")
    pubsub.publisher.delete_topic(topic=topic)
    pubsub.topic()
    pubsub.publish(topic, "b")

    assert texts(pubsub.gather(reader, 1)) == ["a"]
    assert pubsub.peek(reader) == []


def test_a_new_subscription_has_nothing_of_an_old_one(pubsub, topic, reader):
    """Of the same name."""
    pubsub.publish(topic, "a")
    pubsub.subscriber.delete_subscription(subscription=reader)
    pubsub.subscription(topic)

    assert pubsub.peek(reader) == []


def test_a_detached_subscription_gets_nothing(pubsub, topic, reader):
    """Neither what it had nor what comes."""
    pubsub.publish(topic, "a")
    pubsub.publisher.detach_subscription(request={"subscription": reader})
    pubsub.publish(topic, "b")

    with pytest.raises(exceptions.FailedPrecondition):
        pubsub.peek(reader)


# Order


def keyed(key, *texts_):
    return [{"data": text.encode(), "ordering_key": key} for text in texts_]


def by_key(received):
    found = {}
    for each in received:
        found.setdefault(each.message.ordering_key, []).append(each.message.data.decode())
    return found


def test_messages_of_a_key_come_in_order(pubsub, topic):
    """Of each key by itself."""
    reader = pubsub.subscription(topic, enable_message_ordering=True)
    pubsub.publish(topic, *keyed("x", "1", "2", "3"), *keyed("y", "a", "b"))

    found = {"x": [], "y": []}
    while sum(map(len, found.values())) < 5:
        taken = pubsub.pull(reader)
        for key, values in by_key(taken).items():
            found[key] += values
        pubsub.ack(reader, taken)

    assert found == {"x": ["1", "2", "3"], "y": ["a", "b"]}


def test_a_message_given_back_calls_those_after_it(pubsub, topic):
    """All of them come again, in order."""
    reader = pubsub.subscription(topic, enable_message_ordering=True)
    pubsub.publish(topic, *keyed("x", "1", "2", "3"))
    pubsub.nack(reader, pubsub.gather(reader, 1))

    found = []
    while len(found) < 3:
        taken = pubsub.pull(reader)
        pubsub.ack(reader, taken)
        found += texts(taken)

    assert found == ["1", "2", "3"]


# Filters


FILTERED = [
    ({"a": "b", "n": "1"}, "one"),
    ({"a": "bc", "n": "2"}, "two"),
    ({"c": "x", "n": "3"}, "three"),
]
FILTERS = {
    "attributes:a": ["1", "2"],
    'attributes.a = "b"': ["1"],
    'attributes.a != "b"': ["2", "3"],
    'hasPrefix(attributes.a, "b")': ["1", "2"],
    "NOT attributes:a": ["3"],
    "-attributes:a": ["3"],
    'attributes:a AND attributes.n = "2"': ["2"],
    'attributes:c OR attributes.n = "1"': ["1", "3"],
    'attributes:a AND (attributes:zzz OR NOT attributes.n = "1")': ["2"],
    'attributes."a" = "bc"': ["2"],
}


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_chooses_by_attributes(pubsub, topic, text):
    """The others never come."""
    reader = pubsub.subscription(topic, filter=text)
    pubsub.publish(topic, *({"attributes": attributes} for attributes, _ in FILTERED))

    assert [each.message.attributes["n"] for each in pubsub.gather(reader, 1)] == FILTERS[text]


@pytest.mark.parametrize(
    "text", ["attributes.a", "nonsense", "attributes.a = b", "attributes:a AND attributes:b OR attributes:c"]
)
def test_a_filter_that_is_none_is_refused(pubsub, topic, text):
    """When the subscription is made."""
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscription(topic, filter=text)


# Dead letters and retries


def test_a_message_refused_too_often_is_a_dead_letter(pubsub, topic, reader):
    """It goes to another topic, and says where it comes from."""
    letters = pubsub.topic("letters")
    undertaker = pubsub.subscription(letters, "undertaker")
    policy = {"dead_letter_topic": letters, "max_delivery_attempts": 5}
    refuser = pubsub.subscription(topic, "refuser", dead_letter_policy=policy)
    pubsub.publish(topic, {"data": b"poison", "attributes": {"k": "v"}})

    attempts = []
    while len(attempts) < 5:
        taken = pubsub.pull(refuser)
        attempts += [each.delivery_attempt for each in taken]
        pubsub.nack(refuser, taken)
    assert attempts == [1, 2, 3, 4, 5]
    assert pubsub.peek(refuser) == []
    [letter] = pubsub.gather(undertaker, 1)

    attributes = dict(letter.message.attributes)
    assert letter.message.data == b"poison"
    assert attributes["k"] == "v"
    assert attributes["CloudPubSubDeadLetterSourceSubscription"] == "refuser"
    assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert "CloudPubSubDeadLetterSourceSubscriptionProject" in attributes
    assert attributes["CloudPubSubDeadLetterSourceTopicPublishTime"].endswith("Z")


def test_a_message_given_back_rests(pubsub, topic):
    """For as long as the retry policy says."""
    policy = {"minimum_backoff": timedelta(seconds=2), "maximum_backoff": timedelta(seconds=2)}
    reader = pubsub.subscription(topic, retry_policy=policy)
    pubsub.publish(topic, "a")
    pubsub.nack(reader, pubsub.gather(reader, 1))

    assert pubsub.peek(reader) == []
    assert texts(pubsub.gather(reader, 1)) == ["a"]


# Going back


def test_seek_to_the_future_settles_everything(pubsub, topic, reader):
    """A backlog is dropped so."""
    pubsub.publish(topic, "a", "b")
    pubsub.subscriber.seek(request={"subscription": reader, "time": datetime.now(UTC) + timedelta(hours=1)})

    assert pubsub.peek(reader) == []


def test_seek_to_the_past_brings_settled_messages_back(pubsub, topic):
    """Where they are kept."""
    reader = pubsub.subscription(topic, retain_acked_messages=True)
    pubsub.publish(topic, "a", "b")
    pubsub.ack(reader, pubsub.gather(reader, 2))
    pubsub.subscriber.seek(request={"subscription": reader, "time": datetime.now(UTC) - timedelta(hours=1)})

    assert sorted(texts(pubsub.gather(reader, 2))) == ["a", "b"]


def test_seek_to_a_snapshot_brings_back_what_was_not_settled(pubsub, topic, reader):
    """And what was published since."""
    pubsub.publish(topic, "before")
    pubsub.ack(reader, pubsub.gather(reader, 1))
    pubsub.publish(topic, "open")
    snapshot = f"{pubsub.project}/snapshots/then"
    pubsub.subscriber.create_snapshot(name=snapshot, subscription=reader)
    pubsub.publish(topic, "since")
    pubsub.ack(reader, pubsub.gather(reader, 2))

    pubsub.subscriber.seek(request={"subscription": reader, "snapshot": snapshot})

    assert sorted(texts(pubsub.gather(reader, 2))) == ["open", "since"]
    assert pubsub.peek(reader) == []


# Exactly once


def test_exactly_once_tells_of_ids_that_are_no_good(pubsub, topic):
    """In the error's details, where clients look for them."""
    reader = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    pubsub.publish(topic, "a")
    taken = pubsub.gather(reader, 1)
    pubsub.ack(reader, taken)

    with pytest.raises(exceptions.InvalidArgument) as caught:
        pubsub.ack(reader, taken)

    [info] = caught.value.details
    assert info.reason == "EXACTLY_ONCE_ACKID_FAILURE"
    assert dict(info.metadata) == {taken[0].ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID"}


# Schemas


AVRO = json.dumps({"type": "record", "name": "Score", "fields": [{"name": "value", "type": "double"}]})


def schema_of(pubsub, text=AVRO):
    schema = Schema(type_=Schema.Type.AVRO, definition=text)
    return pubsub.schemas.create_schema(parent=pubsub.project, schema=schema, schema_id="score")


def test_a_schema_is_kept(pubsub):
    """Letter for letter, until it is deleted."""
    made = schema_of(pubsub)

    assert pubsub.schemas.get_schema(name=made.name).definition == AVRO
    assert [each.name for each in pubsub.schemas.list_schemas(parent=pubsub.project)] == [made.name]
    pubsub.schemas.delete_schema(name=made.name)
    with pytest.raises(exceptions.NotFound):
        pubsub.schemas.get_schema(name=made.name)


def test_what_is_no_schema_is_refused(pubsub):
    """A record without a name."""
    with pytest.raises(exceptions.InvalidArgument):
        schema_of(pubsub, '{"type": "record", "fields": []}')


def test_messages_that_do_not_fit_their_schema_are_refused(pubsub):
    """The others come."""
    settings = {"schema": schema_of(pubsub).name, "encoding": Encoding.JSON}
    topic = pubsub.topic(schema_settings=settings)
    reader = pubsub.subscription(topic)
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publish(topic, '{"value": "high"}')
    pubsub.publish(topic, '{"value": 1}')

    assert texts(pubsub.gather(reader, 1)) == ['{"value": 1}']


# Streams


class Stream:
    """A raw stream that the test feeds."""

    def __init__(self, pubsub, subscription, **fields):
        self._requests = queue.Queue()
        self.send(subscription=subscription, stream_ack_deadline_seconds=60, **fields)
        self._answers = pubsub.subscriber.streaming_pull(requests=iter(self._requests.get, None))

    def send(self, **fields):
        self._requests.put(StreamingPullRequest(**fields))

    def read(self, count):
        """So many messages."""
        found = []
        while len(found) < count:
            found += next(self._answers).received_messages
        return found

    def end(self):
        """End our side; what the other one still says."""
        self._requests.put(None)
        return list(self._answers)


def test_a_stream_delivers_as_messages_come(pubsub, topic, reader):
    """And takes acknowledgements; it ends when the client ends it."""
    stream = Stream(pubsub, reader)
    pubsub.publish(topic, "a")
    [first] = stream.read(1)
    stream.send(ack_ids=[first.ack_id])
    pubsub.publish(topic, "b")

    assert texts([first, *stream.read(1)]) == ["a", "b"]
    assert stream.end() == []


def test_a_stream_gives_messages_back(pubsub, topic, reader):
    """By a deadline of no seconds."""
    stream = Stream(pubsub, reader)
    pubsub.publish(topic, "a")
    [first] = stream.read(1)
    stream.send(modify_deadline_ack_ids=[first.ack_id], modify_deadline_seconds=[0])

    assert texts(stream.read(1)) == ["a"]
    stream.end()


def test_a_stream_takes_no_more_than_it_may(pubsub, topic, reader):
    """One at a time, the next after the acknowledgement."""
    pubsub.publish(topic, "a", "b", "c")
    stream = Stream(pubsub, reader, max_outstanding_messages=1)

    seen = []
    for _ in range(3):
        [one] = stream.read(1)
        seen.append(one)
        stream.send(ack_ids=[one.ack_id])

    assert sorted(texts(seen)) == ["a", "b", "c"]
    stream.end()


@pytest.mark.parametrize("seconds", [9, 601])
def test_a_stream_has_a_deadline_within_bounds(pubsub, reader, seconds):
    """10 to 600 seconds."""
    request = StreamingPullRequest(subscription=reader, stream_ack_deadline_seconds=seconds)

    with pytest.raises(exceptions.InvalidArgument):
        list(pubsub.subscriber.streaming_pull(requests=iter([request]), timeout=30))


# Google's high-level clients


@pytest.fixture
def high(pubsub, monkeypatch):
    """Publisher and subscriber with their threads, as the samples use them: an environment variable is all it takes."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.target)
    options = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
    publisher, subscriber = pubsub_v1.PublisherClient(publisher_options=options), pubsub_v1.SubscriberClient()
    yield publisher, subscriber
    publisher.stop()
    subscriber.close()


def test_the_clients_of_the_samples_work(pubsub, topic, reader, high):
    """500 messages published in batches, each received once by a callback that acknowledges it."""
    publisher, subscriber = high
    seen, done = [], threading.Event()

    def callback(message):
        seen.append(int(message.data))
        message.ack()
        if len(set(seen)) == 500:
            done.set()

    future = subscriber.subscribe(reader, callback)
    published = [publisher.publish(topic, str(number).encode(), kind="number") for number in range(500)]
    ids = [each.result(60) for each in published]
    assert done.wait(60)
    future.cancel()
    future.result(30)

    assert sorted(set(seen)) == list(range(500))
    assert len(set(ids)) == 500
    assert pubsub.peek(reader) == []


def test_the_clients_keep_order(pubsub, topic, high):
    """Of 100 messages of one key."""
    publisher, subscriber = high
    reader = pubsub.subscription(topic, enable_message_ordering=True)
    seen, done = [], threading.Event()

    def callback(message):
        seen.append(int(message.data))
        message.ack()
        if len(seen) == 100:
            done.set()

    future = subscriber.subscribe(reader, callback)
    for number in range(100):
        publisher.publish(topic, str(number).encode(), ordering_key="x")
    assert done.wait(60)
    future.cancel()
    future.result(30)

    assert seen == list(range(100))


def test_the_clients_learn_that_an_acknowledgement_counted(pubsub, topic, high):
    """With exactly-once delivery, as in Google's sample."""
    publisher, subscriber = high
    reader = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    outcomes = queue.Queue()
    future = subscriber.subscribe(reader, lambda message: outcomes.put(message.ack_with_response()))
    publisher.publish(topic, b"a").result(60)

    assert outcomes.get(timeout=60).result(60) == pubsub_v1.subscriber.exceptions.AcknowledgeStatus.SUCCESS
    future.cancel()
    future.result(30)


def test_a_subscriber_of_nothing_is_told(pubsub, high):
    """Instead of waiting for ever."""
    future = high[1].subscribe(f"{pubsub.project}/subscriptions/{NOT_THERE}", lambda _: None)

    with pytest.raises(exceptions.NotFound):
        future.result(60)


# Push


def test_a_push_is_a_post_with_the_message(pubsub, topic):
    """In an envelope."""
    with serving() as endpoint:
        name = pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url + "/push"})
        [number] = pubsub.publish(topic, {"data": b"a", "attributes": {"k": "v"}})
        asked = endpoint.next()

    body = json.loads(asked.body)
    assert (asked.method, asked.path, asked.headers["content-type"]) == ("POST", "/push", "application/json")
    assert body["subscription"] == name
    assert (body["message"]["data"], body["message"]["attributes"]) == ("YQ==", {"k": "v"})
    assert body["message"]["messageId"] == body["message"]["message_id"] == number
    assert "publishTime" in body["message"]


def test_a_push_that_fails_comes_again(pubsub, topic):
    """Until it is taken."""
    with serving(503, 400, 204) as endpoint:
        pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url})
        pubsub.publish(topic, "a")
        bodies = [json.loads(endpoint.next().body)["message"]["messageId"] for _ in range(3)]

        pubsub.publish(topic, "b")
        last = json.loads(endpoint.next().body)["message"]["messageId"]

    assert len(set(bodies)) == 1
    assert last != bodies[0]


def test_a_push_subscription_becomes_one_to_be_pulled(pubsub, topic):
    """By ModifyPushConfig; what was not taken waits for whoever pulls."""
    with serving(*[503] * 1000) as endpoint:
        reader = pubsub.subscription(topic, push_config={"push_endpoint": endpoint.url})
        pubsub.publish(topic, "a")
        endpoint.next()
        pubsub.subscriber.modify_push_config(subscription=reader, push_config={})

        assert texts(pubsub.gather(reader, 1)) == ["a"]
