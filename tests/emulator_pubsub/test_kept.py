"""What is in memory can always be read from the store again: any sequence of calls, then the two are compared."""

import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from google.pubsub_v1.types import pubsub
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from emulator import cloud
from emulator.apis.pubsub import holders
from emulator.apis.pubsub.broker import Broker
from emulator.apis.pubsub.delivering import look
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.wire.dispatch import is_mutating, perform

TOPICS = [f"projects/local/topics/{name}" for name in ("one", "two")]
READERS = [f"projects/local/subscriptions/{name}" for name in ("plain", "ordered", "keeping", "filtered")]
SNAPSHOTS = [f"projects/local/snapshots/{name}" for name in ("early", "late")]
FIELDS = {
    "plain": {},
    "ordered": {"enable_message_ordering": True},
    "keeping": {"retain_acked_messages": True},
    "filtered": {"filter": "attributes:k"},
}
PUBLISHER, SUBSCRIBER = "google.pubsub.v1.Publisher/", "google.pubsub.v1.Subscriber/"


class Machine(RuleBasedStateMachine):
    """A cloud that nobody serves."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.world = cloud.build(self.folder)
        self.ids = []
        for name in TOPICS:
            kept = {"seconds": 3600} if name.endswith("two") else None
            self.call(PUBLISHER + "CreateTopic", pubsub.Topic(name=name, message_retention_duration=kept))
        for name in READERS:
            self.make_reader(name)

    def teardown(self):
        self.world.operations.stop()
        self.world.store.close()
        shutil.rmtree(self.folder)

    def call(self, method, request):
        """The answer; None for a refusal of the API."""
        try:
            return perform(self.world, Call(method, is_mutating(method), "tester"), type(request).pb(request))
        except ApiFailure as failure:
            if failure.code in {"NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION"}:
                return None
            raise

    def make_reader(self, name):
        fields = FIELDS[name.rpartition("/")[2]]
        topic = TOPICS[1] if name.endswith("keeping") else TOPICS[0]
        self.call(SUBSCRIBER + "CreateSubscription", pubsub.Subscription(name=name, topic=topic, **fields))

    @rule(
        topic=st.sampled_from(TOPICS),
        keys=st.lists(st.sampled_from(["", "x"]), min_size=1, max_size=3),
        k=st.booleans(),
    )
    def publish(self, topic, keys, k):
        attributes = {"k": ""} if k else {}
        messages = [{"data": b"x", "ordering_key": key, "attributes": attributes} for key in keys]
        self.call(PUBLISHER + "Publish", pubsub.PublishRequest(topic=topic, messages=messages))

    @rule(reader=st.sampled_from(READERS), most=st.integers(1, 3))
    def pull(self, reader, most):
        asked = pubsub.PullRequest(subscription=reader, max_messages=most, return_immediately=True)
        answer = self.call(SUBSCRIBER + "Pull", asked)
        if answer is not None:
            self.ids += [(reader, each.ack_id) for each in answer.received_messages]

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def ack(self, data):
        reader, ack_id = data.draw(st.sampled_from(self.ids))
        self.call(SUBSCRIBER + "Acknowledge", pubsub.AcknowledgeRequest(subscription=reader, ack_ids=[ack_id]))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), seconds=st.sampled_from([0, 60]))
    def extend(self, data, seconds):
        reader, ack_id = data.draw(st.sampled_from(self.ids))
        asked = pubsub.ModifyAckDeadlineRequest(subscription=reader, ack_ids=[ack_id], ack_deadline_seconds=seconds)
        self.call(SUBSCRIBER + "ModifyAckDeadline", asked)

    @rule(snapshot=st.sampled_from(SNAPSHOTS), reader=st.sampled_from(READERS))
    def take_snapshot(self, snapshot, reader):
        self.call(SUBSCRIBER + "CreateSnapshot", pubsub.CreateSnapshotRequest(name=snapshot, subscription=reader))

    @rule(snapshot=st.sampled_from(SNAPSHOTS))
    def drop_snapshot(self, snapshot):
        self.call(SUBSCRIBER + "DeleteSnapshot", pubsub.DeleteSnapshotRequest(snapshot=snapshot))

    @rule(snapshot=st.sampled_from(SNAPSHOTS), reader=st.sampled_from(READERS))
    def seek_snapshot(self, snapshot, reader):
        self.call(SUBSCRIBER + "Seek", pubsub.SeekRequest(subscription=reader, snapshot=snapshot))

    @rule(reader=st.sampled_from(READERS), hours=st.sampled_from([-48, -1, 0, 1]))
    def seek_time(self, reader, hours):
        to = timestamp(self.world.clock.now() + timedelta(hours=hours))
        self.call(SUBSCRIBER + "Seek", pubsub.SeekRequest(subscription=reader, time=to))

    @rule(reader=st.sampled_from(READERS))
    def make_anew(self, reader):
        self.call(SUBSCRIBER + "DeleteSubscription", pubsub.DeleteSubscriptionRequest(subscription=reader))
        self.make_reader(reader)

    @rule(reader=st.sampled_from(READERS))
    def detach(self, reader):
        self.call(PUBLISHER + "DetachSubscription", pubsub.DetachSubscriptionRequest(subscription=reader))

    @rule(topic=st.sampled_from(TOPICS))
    def lose_topic(self, topic):
        self.call(PUBLISHER + "DeleteTopic", pubsub.DeleteTopicRequest(topic=topic))
        self.call(PUBLISHER + "CreateTopic", pubsub.Topic(name=topic))

    @rule(hours=st.sampled_from([0.01, 2, 24 * 8]))
    def pass_time(self, hours):
        self.world.clock.advance(hours * 3600)
        for reader in READERS:
            look(self.world, {"subscription": reader})

    @rule()
    def start_again(self):
        self.world.take(Broker)

    @invariant()
    def memory_is_what_is_written(self):
        """And a message is kept as long as somebody holds it, no longer. Reading would sweep, so that comes first."""
        stored = {int(name) for name, _ in self.world.store.list(holders.MESSAGE)}
        held = {int(name.rpartition("/")[2]) for name, _ in self.world.store.list(holders.HELD)}
        assert stored == held
        now = holders.broker(self.world)
        again = holders.loaded(self.world)

        assert now.lines.keys() == again.lines.keys()
        for name, line in now.lines.items():
            other = again.lines[name]
            assert [each.number for each in line.backlog.entries()] == [each.number for each in other.backlog.entries()]
            assert line.acked.keys() == other.acked.keys()
            assert (line.topic, line.detached, line.backlog.terms) == (other.topic, other.detached, other.backlog.terms)
        assert {name: set(kept) for name, kept in now.kept.items() if kept} == {
            name: set(kept) for name, kept in again.kept.items()
        }
        assert +now.holders == +Counter(again.holders)


Machine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestKept = pytest.mark.filterwarnings("ignore:The return_immediately flag")(Machine.TestCase)
