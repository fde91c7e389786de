"""What only our Pub/Sub has: the virtual clock, a store that outlives a kill, faults."""

import os
import signal
import threading
from datetime import datetime, timedelta

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient, SubscriberClient, types

from tests.emulator.clients import client
from tests.emulator_pubsub.conftest import OTHER, PROJECT, SUBSCRIPTION, TOPIC
from tests.emulator_vertex.cloud import until

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")
DAY_S = 86_400
PULL, PUBLISH = "google.pubsub.v1.Subscriber/Pull", "google.pubsub.v1.Publisher/Publish"


class Bench:
    """Clients of one emulator, and a topic with a subscription."""

    def __init__(self, emulator, wire="grpc", **fields):
        self.emulator = emulator
        self.publisher = client(emulator, PublisherClient, wire)
        self.subscriber = client(emulator, SubscriberClient, wire)
        self.fields = fields

    def make(self, **topic):
        self.publisher.create_topic(request={"name": TOPIC, **topic})
        self.subscriber.create_subscription(request={"name": SUBSCRIPTION, "topic": TOPIC, **self.fields})
        return self

    def publish(self, *texts, topic=TOPIC, **fields):
        messages = [{"data": text.encode(), **fields} for text in texts]
        return self.publisher.publish(topic=topic, messages=messages, retry=None)

    def peek(self, subscription=SUBSCRIPTION, most=1000):
        request = {"subscription": subscription, "max_messages": most, "return_immediately": True}
        return list(self.subscriber.pull(request=request, retry=None).received_messages)

    def texts(self, **of):
        return [each.message.data.decode() for each in self.peek(**of)]

    def ack(self, received):
        ids = [each.ack_id for each in received]
        self.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=ids, retry=None)

    def nack(self, received):
        ids = [each.ack_id for each in received]
        self.subscriber.modify_ack_deadline(subscription=SUBSCRIPTION, ack_ids=ids, ack_deadline_seconds=0)

    def seek(self, to):
        self.subscriber.seek(request={"subscription": SUBSCRIPTION, "time": to})


@pytest.fixture
def make(emulator, wire):
    """A bench whose subscription is as told, over both wires."""
    return lambda topic=None, **fields: Bench(emulator, wire, **fields).make(**(topic or {}))


def test_deadlines_follow_the_emulators_clock(make):
    """No sooner and no later."""
    bench = make(ack_deadline_seconds=300)
    bench.publish("a")
    bench.peek()

    bench.emulator.advance(250)
    assert bench.texts() == []
    bench.emulator.advance(50)
    assert bench.texts() == ["a"]


def test_rests_follow_the_emulators_clock(make):
    """10 s, then 20 s."""
    bench = make(retry_policy={})
    bench.publish("a")
    for rest_s in (10, 20):
        bench.nack(bench.peek())
        bench.emulator.advance(rest_s / 2)
        assert bench.texts() == []
        bench.emulator.advance(rest_s / 2)
    assert bench.texts() == ["a"]


def clock(bench):
    """The emulator's time."""
    return datetime.fromisoformat(bench.emulator.control("GET", "clock")["now"])


def test_messages_are_published_at_the_emulators_time(make):
    """With milliseconds, as Google's are."""
    bench = make()
    bench.emulator.advance(400 * DAY_S)
    before = clock(bench)
    bench.publish("a")
    after = clock(bench)
    [received] = bench.peek()

    at = received.message.publish_time
    assert before - timedelta(milliseconds=1) < at <= after
    assert at.microsecond % 1000 == 0


def test_messages_expire(make):
    """After the subscription's retention, seven days where nobody says otherwise."""
    bench = make()
    bench.publish("a")
    bench.emulator.advance(6.9 * DAY_S)
    bench.publish("b")
    bench.emulator.advance(0.2 * DAY_S)

    assert bench.texts() == ["b"]


def test_a_topic_keeps_messages_for_subscriptions_to_come(make, emulator):
    """A new one goes back to them; they are gone after the topic's retention."""
    bench = make(topic={"message_retention_duration": {"seconds": DAY_S}})
    bench.publish("a")
    bench.emulator.advance(3600)
    bench.publish("b")
    late = f"{PROJECT}/subscriptions/late"
    bench.subscriber.create_subscription(name=late, topic=TOPIC)
    [first, _] = bench.peek()

    assert bench.texts(subscription=late) == []
    bench.subscriber.seek(request={"subscription": late, "time": first.message.publish_time})
    assert bench.texts(subscription=late) == ["a", "b"]


def test_settled_messages_come_back_where_they_are_kept(make):
    """Those of the time that is sought, through the filter."""
    bench = make(retain_acked_messages=True, filter="attributes:k")
    bench.publish("old", attributes={"k": ""})
    bench.emulator.advance(60)
    bench.publish("new", attributes={"k": ""})
    bench.publish("other")
    received = bench.peek()
    bench.ack(received)
    assert bench.texts() == []

    bench.seek(received[1].message.publish_time)
    assert bench.texts() == ["new"]
    bench.seek(received[0].message.publish_time)
    assert bench.texts() == ["old", "new"]


def test_settled_messages_are_gone_where_nobody_keeps_them(make):
    """There is nothing to go back to."""
    bench = make()
    bench.publish("a")
    received = bench.peek()
    bench.ack(received)
    bench.seek(received[0].message.publish_time)

    assert bench.texts() == []


def test_a_snapshot_filters_for_who_seeks_it(make):
    """It holds all of the topic's messages since then; a subscription has those that fit."""
    bench = make(filter="attributes:k")
    snapshot = f"{PROJECT}/snapshots/then"
    bench.subscriber.create_snapshot(name=snapshot, subscription=SUBSCRIPTION)
    bench.publish("a", attributes={"k": ""})
    bench.publish("b")
    bench.ack(bench.peek())

    bench.subscriber.seek(request={"subscription": SUBSCRIPTION, "snapshot": snapshot})

    assert bench.texts() == ["a"]


def test_a_snapshot_lives_seven_days_from_its_oldest_message(make):
    """None is made of messages that are older."""
    bench = make(message_retention_duration={"seconds": 31 * DAY_S})
    bench.publish("a")
    bench.emulator.advance(6 * DAY_S)
    made = bench.subscriber.create_snapshot(name=f"{PROJECT}/snapshots/one", subscription=SUBSCRIPTION)
    assert (made.expire_time - bench.peek()[0].message.publish_time).days == 7

    bench.emulator.advance(DAY_S - 1800)
    with pytest.raises(exceptions.BadRequest, match="one hour"):
        bench.subscriber.create_snapshot(name=f"{PROJECT}/snapshots/two", subscription=SUBSCRIPTION)


def test_seek_needs_a_target_of_the_same_topic(make):
    """A snapshot of another topic has other messages."""
    bench = make()
    bench.publisher.create_topic(name=OTHER)
    other, snapshot = f"{PROJECT}/subscriptions/other", f"{PROJECT}/snapshots/then"
    bench.subscriber.create_subscription(name=other, topic=OTHER)
    bench.subscriber.create_snapshot(name=snapshot, subscription=other)

    with pytest.raises(exceptions.BadRequest, match="another topic"):
        bench.subscriber.seek(request={"subscription": SUBSCRIPTION, "snapshot": snapshot})
    with pytest.raises(exceptions.BadRequest, match="target"):
        bench.subscriber.seek(request={"subscription": SUBSCRIPTION})


def test_a_filter_of_attributes_that_are_absent(make):
    """`!=` lets messages through that have no such attribute."""
    bench = make(filter='attributes.k != "v"')
    bench.publish("a", attributes={"k": "v"})
    bench.publish("b")

    assert bench.texts() == ["b"]


def test_dead_letters_that_nobody_takes_are_delivered_again(make):
    """The topic is gone; once it is back, they go there."""
    bench = make()
    letters = bench.publisher.create_topic(name=OTHER).name
    wanted = types.Subscription(name=SUBSCRIPTION, dead_letter_policy={"dead_letter_topic": letters})
    bench.subscriber.update_subscription(subscription=wanted, update_mask={"paths": ["dead_letter_policy"]})
    bench.publisher.delete_topic(topic=letters)
    bench.publish("poison")
    for _ in range(5):
        bench.nack(bench.peek())

    [again] = bench.subscriber.pull(subscription=SUBSCRIPTION, max_messages=1).received_messages
    bench.publisher.create_topic(name=letters)
    undertaker = f"{PROJECT}/subscriptions/undertaker"
    bench.subscriber.create_subscription(name=undertaker, topic=letters)
    bench.nack([again])

    [letter] = bench.subscriber.pull(subscription=undertaker, max_messages=1).received_messages
    assert (again.delivery_attempt, letter.message.data) == (6, b"poison")
    assert letter.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "6"


def test_publishing_meets_faults(make):
    """An answer that is lost after the write: the message is there, and a second one after the retry."""
    bench = make()
    bench.emulator.faults({"method": PUBLISH, "status": "INTERNAL", "when": "after"})
    with pytest.raises(exceptions.InternalServerError):
        bench.publisher.publish(topic=TOPIC, messages=[{"data": b"a"}], retry=None)
    bench.publish("a")

    assert bench.texts() == ["a", "a"]


def test_a_reset_forgets_messages(make):
    """Whoever waits is told."""
    bench = make()
    bench.publish("a")
    bench.emulator.reset()

    with pytest.raises(exceptions.NotFound):
        bench.peek()
    assert Bench(bench.emulator).make().texts() == []


def test_a_stream_ends_when_its_subscription_is_deleted(emulator):
    """With NOT_FOUND, so that nobody waits for ever."""
    bench = Bench(emulator).make()
    gate = threading.Event()

    def requests():
        yield types.StreamingPullRequest(subscription=SUBSCRIPTION, stream_ack_deadline_seconds=10)
        gate.wait(60)

    stream = bench.subscriber.streaming_pull(requests=requests())
    bench.publish("a")
    assert len(next(stream).received_messages) == 1
    bench.subscriber.delete_subscription(subscription=SUBSCRIPTION)

    with pytest.raises(exceptions.NotFound):
        next(stream)
    gate.set()


def test_a_stream_that_was_cut_off_leaves_its_messages(emulator):
    """They come again when their time is over, not before."""
    bench = Bench(emulator).make()
    gate = threading.Event()

    def requests():
        yield types.StreamingPullRequest(subscription=SUBSCRIPTION, stream_ack_deadline_seconds=60)
        gate.wait(60)

    stream = bench.subscriber.streaming_pull(requests=requests())
    bench.publish("a")
    next(stream)
    stream.cancel()
    gate.set()

    assert bench.texts() == []
    emulator.advance(60)
    assert bench.texts() == ["a"]


def test_many_subscribers_share_a_subscription(emulator, monkeypatch):
    """40 streams at once, each message to one of them."""
    bench = Bench(emulator).make()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator.grpc)
    seen, done = [], threading.Event()

    def callback(message):
        seen.append(message.message_id)
        message.ack()
        if len(seen) >= 400:
            done.set()

    with pubsub_v1.SubscriberClient() as subscriber:
        futures = [subscriber.subscribe(SUBSCRIPTION, callback) for _ in range(40)]
        for _ in range(4):
            bench.publish(*map(str, range(100)))
        assert done.wait(60)
        for each in futures:
            each.cancel()
            each.result(30)

    assert len(seen) == len(set(seen)) == 400


def test_the_environment_leads_the_clients_here(emulator):
    """`PUBSUB_EMULATOR_HOST` is what they all look for."""
    assert emulator.env["PUBSUB_EMULATOR_HOST"] == emulator.grpc


# A store that outlives a kill


@pytest.mark.slow
def test_a_kill_loses_nothing(start):
    """Neither what waits nor what is out, nor what is kept; settled messages stay settled, attempts stay counted."""
    bench = Bench(start(), retain_acked_messages=True, dead_letter_policy={"dead_letter_topic": TOPIC}).make()
    bench.publish("settled", "out", "waits")
    [settled, out] = bench.peek(most=2)
    bench.ack([settled])
    bench.emulator.kill()

    bench = Bench(start())
    again = bench.peek()
    assert [(each.message.data, each.delivery_attempt) for each in again] == [(b"out", 2), (b"waits", 1)]
    assert again[0].message == out.message
    bench.ack([out])  # an id of before the kill
    bench.seek(settled.message.publish_time)
    assert bench.texts() == ["settled", "out", "waits"]


@pytest.mark.slow
def test_killed_at_any_moment_it_keeps_what_it_said(start):
    """Eight threads publish and settle until the emulator is killed: what was published and not settled comes."""
    emulator = start()
    bench = Bench(emulator).make()
    published, sent, settled, go_on = set(), set(), set(), threading.Event()
    go_on.set()

    def work():
        mine = Bench(emulator)
        while go_on.is_set():
            try:
                published.update(mine.publish("x", "y").message_ids)
                received = mine.peek(most=1)
                sent.update(each.message.message_id for each in received)
                mine.ack(received)
            except (exceptions.GoogleAPICallError, grpc.RpcError, ValueError):
                return
            settled.update(each.message.message_id for each in received)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    until(lambda: len(settled), lambda seen: seen >= 300)
    os.kill(emulator.process.pid, signal.SIGKILL)
    go_on.clear()
    for each in threads:
        each.join(60)

    bench = Bench(start())
    found = []
    while received := bench.peek():
        found += [each.message.message_id for each in received]

    assert len(found) == len(set(found))
    assert published - sent <= set(found)
    assert not settled & set(found)


@pytest.mark.slow
def test_a_clean_stop_ends_the_streams(start, monkeypatch):
    """At once, with a status after which clients come back."""
    emulator = start()
    bench = Bench(emulator).make()
    gate = threading.Event()

    def requests():
        yield types.StreamingPullRequest(subscription=SUBSCRIPTION, stream_ack_deadline_seconds=10)
        gate.wait(60)

    stream = bench.subscriber.streaming_pull(requests=requests())
    bench.publish("a")
    next(stream)
    emulator.stop()

    with pytest.raises(exceptions.ServiceUnavailable):
        next(stream)
    gate.set()
    assert emulator.process.returncode == 0
