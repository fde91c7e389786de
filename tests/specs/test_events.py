"""Predictions by message, from one topic to another, through the emulated Pub/Sub."""

import json
import shutil
from pathlib import Path

from google.pubsub_v1 import PublisherClient, SubscriberClient

from reconciler.cli.context import runtime_image
from reconciler.engine.apply import apply
from reconciler.engine.planning import make_plan
from schemas import load
from tests.emulator.clients import client
from tests.operating import spec

IRIS = Path(__file__).resolve().parents[2] / "specs" / "iris"
ORDERS, SCORES = "projects/local/topics/orders", "projects/local/topics/scores"


def test_a_message_becomes_a_prediction(operator):
    """Published to a topic, pushed to the private service with its account's token, answered on another topic."""
    publisher, subscriber = (client(operator.emulator, each) for each in (PublisherClient, SubscriberClient))
    publisher.create_topic(name=ORDERS)
    events = {"requests": {"topic": "orders"}, "answers": {"topic": "scores", "create": True}}
    shutil.copytree(IRIS / "model", operator.folder / "model")
    wanted = spec("iris", model={"uri": "./model", "version": "1"}, events=events)
    del wanted["spec"]["image"]
    session = operator.session()
    planned = make_plan(session, load(operator.write(wanted)).services, runtime_image=runtime_image())
    report = apply(session, planned)
    assert not report.failed, [str(r.error) for r in report.failed]
    reader = subscriber.create_subscription(name="projects/local/subscriptions/reader", topic=SCORES).name
    rows = json.loads((IRIS / "rows.json").read_text())["instances"]

    [sent] = publisher.publish(topic=ORDERS, messages=[{"data": json.dumps({"instances": rows}).encode()}]).message_ids
    found = []
    while not found:
        found = list(subscriber.pull(subscription=reader, max_messages=2, timeout=60).received_messages)

    [answer] = found
    assert len(json.loads(answer.message.data)["predictions"]) == len(rows)
    assert sent in dict(answer.message.attributes).values()
