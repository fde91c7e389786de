"""The prediction log: a record per row in the shape of a table, through a topic, and never in a request's way."""

import json
import math
import socket
import threading
import uuid
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from hypothesis import given
from hypothesis import strategies as st

from runtime.telemetry import prediction_topic
from runtime.telemetry.background import Background
from runtime.telemetry.prediction_log import PredictionLog
from runtime.telemetry.prediction_rows import plain, shortest
from runtime.telemetry.prediction_topic import MOST_MESSAGES, Topic
from tests.emulator.clients import client

ABOUT = {"request_id", "logging_time", "service", "model", "model_version", "revision", "row_index", "latency_ms"}


@given(st.floats(width=32, allow_nan=False))
def test_numbers_of_32_bits_are_logged_as_they_were_written(number):
    """The decimal logged is the same number in 32 bits, and no longer than the shortest that is."""
    given_, written = np.array([number], np.float32), float(str(np.float32(number)))

    found = shortest(given_)[0]

    assert np.float32(found) == given_[0]
    if abs(number) < 1e22 and (number == 0 or abs(number) > 1e-15):
        assert found == written or float(number).is_integer()


@given(st.lists(st.floats(width=32), max_size=5))
def test_no_record_has_a_word_that_json_has_not(numbers):
    """What is no number, or infinite, becomes null; all else reads back equal."""
    read = json.loads(msgspec.json.encode(plain(np.array(numbers, np.float32))))

    assert [value is None for value in read] == [not math.isfinite(number) for number in numbers]


def test_what_waits_is_bounded_by_bytes():
    """A few requests of many rows fill the queue as many small ones do; what was let go makes room."""
    opened, taken = threading.Event(), []

    def handle(items):
        assert opened.wait(20)
        taken.extend(items)

    work = Background("test", handle, weigh=lambda item: item, heaviest=100)
    for weight in (60, 50, 40, 1):
        work.put(weight)
    opened.set()
    assert work.flush(20)
    work.put(90)

    assert work.flush(20)
    assert (taken, work.dropped) == ([60, 40, 90], 2)


@pytest.fixture
def topic(emulator):
    """A topic with a subscription that is pulled; gives its name, and what pulls all there is."""
    name = f"projects/local/topics/log-{uuid.uuid4().hex[:8]}"
    subscription = name.replace("topics", "subscriptions")
    client(emulator, PublisherClient, "grpc").create_topic(name=name)
    subscriber = client(emulator, SubscriberClient, "grpc")
    subscriber.create_subscription(name=subscription, topic=name)

    def pulled(least: int) -> list[dict]:
        found = []
        while len(found) < least:
            answer = subscriber.pull(subscription=subscription, max_messages=1000)
            subscriber.acknowledge(
                subscription=subscription, ack_ids=[message.ack_id for message in answer.received_messages]
            )
            found += [json.loads(message.message.data) for message in answer.received_messages]
        return found

    return name, pulled


def test_each_row_becomes_a_message(emulator, topic, start, specs, features):
    """With its features in columns, renamed where a table cannot have their names, and none that must not be logged."""
    name, pulled = topic
    columns = {"mean_radius": "radius"}
    hidden = {**features, "mean_area": {**features["mean_area"], "log": False}}
    rows = json.loads((specs / "breast-cancer/rows.json").read_text())
    server = start(
        specs / "breast-cancer/model-v2",
        model={"features": hidden, "version": "v2", "prediction": {"name": "malignant"}},
        MLSERVICE_PREDICTION_LOG=name,
        MLSERVICE_PREDICTION_LOG_COLUMNS=json.dumps(columns),
        K_REVISION="cancer-00001",
        **{key: emulator.env[key] for key in ("PUBSUB_EMULATOR_HOST",)},
    )

    answer = server.post("/predict", rows, headers={"x-request-id": "r1"}).json()
    server.stop()

    records = pulled(len(rows["instances"]))
    assert [record["malignant"] for record in records] == answer["predictions"]
    logged = (features.keys() - {"mean_area", "mean_radius"}) | {"radius", "malignant"}
    assert all(record.keys() - ABOUT == logged for record in records)
    assert {(record["request_id"], record["revision"], record["model_version"]) for record in records} == {
        ("r1", "cancer-00001", "v2")
    }
    order = list(features)
    sent = rows["instances"][0]
    assert records[0]["radius"] == (sent["mean_radius"] if isinstance(sent, dict) else sent[order.index("mean_radius")])


def test_a_topic_that_is_not_there_costs_no_answer(emulator, start, specs, features):
    """Predictions are answered all the same; what was lost is counted."""
    rows = json.loads((specs / "breast-cancer/rows.json").read_text())
    server = start(
        specs / "breast-cancer/model-v2",
        model={"features": features},
        MLSERVICE_PREDICTION_LOG="projects/local/topics/nowhere",
        PUBSUB_EMULATOR_HOST=emulator.env["PUBSUB_EMULATOR_HOST"],
    )

    assert server.post("/predict", rows).status_code == 200
    server.wait(lambda: 'failed_total{work="prediction-log"} 1' in server.get("/metrics").text, 30)

    assert server.post("/predict", rows).status_code == 200


def test_calls_hold_what_pub_sub_takes():
    """At most a thousand messages and eight megabytes; nothing is left out, and order is kept."""
    one = [b"%d" % number for number in range(2500)]
    large = [[b"%d" % number + b" " * (3 << 20)] for number in range(5)]

    calls = list(Topic("t")._calls([one, [], *large]))

    assert [int(message) for _, call in calls for message in call] == [*range(2500), *range(5)]
    assert max(len(call) for _, call in calls) == MOST_MESSAGES
    assert max(sum(map(len, call)) for _, call in calls) < 10_000_000
    assert [whose for whose, _ in calls][:2] == [{0}, {0}]
    assert set().union(*(whose for whose, _ in calls)) == {0, 2, 3, 4, 5, 6}


def test_after_a_call_without_an_answer_the_rest_is_given_up(monkeypatch, caplog):
    """Each would wait as long, and what is logged meanwhile would be dropped: a port that takes and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setattr(prediction_topic, "PATIENCE_S", 0.1)
        monkeypatch.setattr(prediction_topic, "MOST_MESSAGES", 1)

        lost = Topic("projects/local/topics/t").write([[b"a", b"b"], [], [b"c"], [b"d"]])

    assert lost == 3
    assert [(each.message, each.requests) for each in caplog.records if each.name == "runtime"] == [
        ("predictions were not logged: Pub/Sub does not answer", 3)
    ]


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self):
        self.requests = []

    def begin(self):
        pass

    def write(self, requests):
        self.requests += requests
        return 0


class Odd:
    """Rows of requests, one of which nothing can write."""

    model = "m"

    def tables(self, requests):
        return [None] * len(requests)

    def of(self, _at, seen, _table):
        return [seen.request]


def test_a_request_that_cannot_be_written_costs_no_other():
    """It is counted and named; those before and after it are kept."""
    sink = Kept()
    rows = Odd()
    requests = [SimpleNamespace(request=text, call=None) for text in ("a", "\ud800", "b")]
    written = PredictionLog(sink, 1.0)._write([(0.0, rows, request) for request in requests])

    assert (written, sink.requests) == (1, [[b'"a"'], [b'"b"']])
