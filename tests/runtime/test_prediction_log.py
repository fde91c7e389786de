"""The prediction log: a record per row in the shape of a table, through a topic, and never in a request's way."""

import asyncio
import json
import math
import os
import random
import socket
import sys
import threading
import uuid
import zlib
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import msgspec
import numpy as np
import pytest
from google.pubsub_v1 import PublisherClient, PublishRequest, SubscriberClient
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.__main__ import parser, service_of
from runtime.configuration.settings import RuntimeSettings
from runtime.data.answers import Answer, Request
from runtime.data.outputs import Outputs
from runtime.data.seen import Seen
from runtime.frameworks import cpu_quota
from runtime.serving.records import Records
from runtime.telemetry import prediction_log, prediction_topic, turns
from runtime.telemetry.background import Background
from runtime.telemetry.prediction_log import BEHIND, BEHIND_BYTES, SHARE, TOGETHER, PredictionLog, share_of
from runtime.telemetry.prediction_rows import Rows
from runtime.telemetry.prediction_topic import MOST_MESSAGES, Topic
from runtime.telemetry.turns import LONG_S, RESERVE, SAVED_S, Allowance
from tests.emulator.clients import client
from tests.runtime.servers import collected

ABOUT = {"request_id", "logging_time", "service", "model", "model_version", "revision", "row_index", "latency_ms"}


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self):
        self.requests = []

    def begin(self):
        pass

    def write(self, requests):
        self.requests += requests
        return 0


NUMBERS = st.floats(width=32)
"""What a matrix of 32-bit numbers may hold."""


def model(features=3, hidden=(), kinds=None):
    """A model whose rows are a matrix."""
    kinds = kinds or {}
    schema = {
        f"f{place}": SimpleNamespace(type=kinds.get(place, "number"), log=place not in hidden, values=("a", 'b"%'))
        for place in range(features)
    }
    matrix = SimpleNamespace(name="x", shape=(None, features))
    layout = SimpleNamespace(schema=SimpleNamespace(features=schema), matrix_input=matrix)
    part = SimpleNamespace(settings=SimpleNamespace(prediction=None), name="m%b", version="v1")
    return SimpleNamespace(layout=layout, part=part, prediction=SimpleNamespace(output="y", column=None))


def asked(name, table, before=0, predictions=None):
    """A request for a table's rows, whose predictions are their places; other requests were in its call before it."""
    count = before + len(table)
    call = SimpleNamespace(inputs={"x": table}, start=before, stop=count)
    answer = Answer(200, b"")
    outputs = Outputs({"y": np.arange(count) - before if predictions is None else predictions})
    return Seen(Request(b"", [], name), answer, None, 1.0, 1.25, call, outputs)


def logged(requests, loaded, *, cells=prediction_log.CELLS, heaviest=prediction_log.HEAVIEST, at_turn=None):
    """What a log keeps of requests, by their names: it is told on a loop, and ended from another thread.

    Args:
        requests: The requests.
        loaded: Their model.
        cells: Of one turn.
        heaviest: Bytes that may wait before they are records.
        at_turn: Called when a turn makes records, with its parts and what takes more requests.
    """
    sink = Kept()
    make = Rows.records

    async def told():
        log = PredictionLog(sink, 1.0)
        follow = log.follower(loaded)

        def records(rows, parts):
            if at_turn:
                at_turn(parts, follow)
            return make(rows, parts)

        with mock.patch.object(Rows, "records", records), mock.patch.object(prediction_log, "HEAVIEST", heaviest):
            for request in requests:
                follow(request)
            assert await asyncio.to_thread(log.flush, 20)
        return log

    with mock.patch.object(prediction_log, "CELLS", cells):
        log = asyncio.run(told())
    return sink.requests, log


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, np.float32, np.float64]),
            st.lists(st.lists(NUMBERS, min_size=3, max_size=3), max_size=6),
            st.integers(0, 2),
        ),
        max_size=5,
    ),
    st.sets(st.integers(0, 2)),
    st.dictionaries(st.integers(0, 2), st.sampled_from(["number", "integer", "category", "boolean"])),
    st.sampled_from([1, 30, prediction_log.CELLS]),
)
@example(
    [(of, [[math.inf, -math.inf, math.nan]] * 2, 1) for of in (None, np.float32, np.float64)], set(), {1: "category"}, 1
)
@example([(None, [[math.inf, -math.inf, math.nan]], 0)], set(), {0: "integer", 1: "boolean", 2: "category"}, 30)
def test_a_record_is_what_was_asked_and_answered(requests, hidden, kinds, cells):
    """Whatever came in one call, in one turn or in several, as JSON or in binary: each row is one record."""
    seen = []
    for place, (numpy, rows, before) in enumerate(requests):
        table = np.array(rows, numpy).reshape(-1, 3) if numpy else rows
        seen.append(asked(f"r{place}", table, before))

    found, log = logged(seen, model(hidden=hidden, kinds=kinds), cells=cells)

    assert (log.handled, log.dropped, log.failed) == (len(requests), 0, 0)
    assert len(found) == len(requests)
    for place, ((_, rows, _), records) in enumerate(zip(requests, found, strict=True)):
        read = [json.loads(record) for record in records]
        assert [(each["request_id"], each["row_index"], each["prediction"]) for each in read] == [
            (f"r{place}", row, row) for row in range(len(rows))
        ]
        for record, row in zip(read, rows, strict=True):
            assert (record["model"], record["latency_ms"]) == ("m%b", 250.0)
            features = {int(key[1:]): value for key, value in record.items() if key[0] == "f"}
            assert features.keys() == {0, 1, 2} - hidden
            for at, value in features.items():
                assert is_kept(value, row[at], kinds.get(at, "number"))


def is_kept(found, asked, kind):
    """Whether it is the value as its column takes it."""
    if not math.isfinite(asked):
        return found is None
    if kind == "category":
        return found == ("a", 'b"%')[int(asked)] if 0 <= int(asked) < 2 else isinstance(found, str)
    return np.float32(found) == np.float32({"number": float, "integer": int, "boolean": bool}[kind](asked))


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_numbers_of_32_bits_are_logged_as_they_were_written(numbers):
    """The decimal logged becomes the same 32 bits, and is no longer than the shortest that does."""
    [[record]], _ = logged([asked("r", np.array([numbers], np.float32))], model(len(numbers)))

    for place, number in enumerate(numbers):
        assert json.loads(record)[f"f{place}"] == float(str(np.float32(number)))


def test_rows_that_hold_text_or_lists_are_no_numbers():
    """A comma or a bracket in a value moves no other value into its column."""
    rows = [["a,b", "],[", 1.0], [[1, 2], None, 'c"']]

    [records], log = logged([asked("r", rows)], model())

    read = [json.loads(record) for record in records]
    assert [[record[f"f{place}"] for place in range(3)] for record in read] == rows
    assert log.failed == 0


def test_what_came_in_binary_makes_no_floats_of_what_came_as_json():
    """In whichever order: numbers of 64 bits are no list, though numpy has it that their type equals None."""
    exact, table = 2**53 + 1, np.array([[0.5, 1.5, 2.5]])
    found, _ = logged([asked("a", table), asked("b", [[exact, 1, 1]]), asked("c", table)], model())

    assert [[json.loads(record)[f"f{place}"] for place in range(3)] for [record] in found] == [
        [0.5, 1.5, 2.5],
        [exact, 1, 1],
        [0.5, 1.5, 2.5],
    ]


@pytest.mark.parametrize("of", [list, lambda rows: np.array(rows, object)], ids=["list", "array"])
def test_what_must_not_be_logged_is_not_even_written(of):
    """Text there that cannot be encoded costs no record."""
    found, log = logged([asked("a", of([["\ud800", "b", 1.0]]))], model(hidden={0}))

    [[record]] = found
    assert (json.loads(record)["f1"], json.loads(record)["f2"], log.failed) == ("b", 1.0, 0)


class Listed(np.ndarray):
    """An array that notes how many of its values are made Python's at once."""

    most = 0

    def tolist(self):
        Listed.most = max(Listed.most, self.size)
        return super().tolist()


def test_a_turn_is_bounded_by_what_is_written():
    """Predictions that are lists of a thousand count as a thousand values each, and no turn makes all of a call's."""
    written = []
    requests = [
        asked(f"r{place}", np.zeros((rows, 3), np.float32), 5, np.zeros((rows + 5, 1000)).view(Listed))
        for place, rows in enumerate((1, 1, 1, 1, 1, 1, 40, 1))
    ]

    found, _ = logged(
        requests, model(), at_turn=lambda parts, _: written.append(sum(each.stop - each.start for each in parts))
    )

    assert [len(records) for records in found] == [1, 1, 1, 1, 1, 1, 40, 1]
    assert max(written) <= prediction_log.CELLS // 1000 + 1
    assert Listed.most <= prediction_log.CELLS


def test_numbers_of_numpy_are_logged_as_they_were_answered():
    """A class of the user's may give them one by one, with a type of the spec or without."""
    values = np.array([np.float32(1.5), [np.int64(2), np.float32(0.25)]], object)
    typed = model()
    typed.part.settings.prediction = SimpleNamespace(type="number", name="")

    [records], log = logged([asked("a", [[1.0, 2.0, 3.0]] * 2, 0, values)], model())
    [[number]], _ = logged([asked("a", [[1.0, 2.0, 3.0]], 0, values[:1])], typed)

    assert [json.loads(record)["prediction"] for record in (*records, number)] == [1.5, [2, 0.25], 1.5]
    assert log.failed == 0


def test_what_is_begun_counts_among_what_waits():
    """Until its request is whole; then there is room again, and nothing of it is kept."""
    turns = []

    def at_turn(_parts, follow):
        turns.append(len(turns))
        if len(turns) in {30, 51}:
            follow(asked(f"at {len(turns)}", [[1.0, 2.0, 3.0]]))

    table = [[1.0, 2.0, 3.0]] * 50
    found, log = logged([asked("a", table), asked("b", table[:1])], model(), cells=1, heaviest=4000, at_turn=at_turn)

    assert [(json.loads(records[0])["request_id"], len(records)) for records in found] == [
        ("a", 50),
        ("b", 1),
        ("at 51", 1),
    ]
    assert log.dropped == 1


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


def held(value):
    """Bytes of an object and of those in it."""
    inner = value if isinstance(value, (list, tuple)) else ()
    return sys.getsizeof(value) + sum(map(held, inner))


@pytest.mark.parametrize("of", [float, "{:04}".format, np.float32], ids=["numbers", "texts", "binary"])
def test_what_waits_is_bounded_by_what_it_holds(of):
    """Not by the length of what came: short numbers and texts hold many times as much, and so does a long answer."""
    rows = [[of(number) for number in range(3)] for _ in range(2000)]
    table = rows if of is float else np.array(rows, np.float32 if of is np.float32 else object)
    body = b"0," * 6000
    inside = held(rows) if of is float else table.nbytes
    if table is not rows and table.dtype.kind == "O":
        inside += sum(map(held, table.reshape(-1).tolist()))
    log, limit = PredictionLog(Kept(), 1.0), 8 << 20

    async def told(take):
        follow = log.follower(model())
        with mock.patch.object(prediction_log, "HEAVIEST", limit), mock.patch.object(log._turns, "plan"):
            for number in range(200):
                follow(take(number))

    def with_rows(number):
        seen = asked(f"r{number}", table)
        return msgspec.structs.replace(seen, request=Request(body, [], f"r{number}"))

    asyncio.run(told(with_rows))
    assert 0.2 * limit < len(log._waiting) * (len(body) + inside) <= limit * 1.2

    log, answer = PredictionLog(Kept(), 1.0), Answer(200, b" " * 300_000)
    asyncio.run(told(lambda number: msgspec.structs.replace(asked(f"r{number}", [[1.0, 2.0, 3.0]]), answer=answer)))
    assert 1 <= len(log._waiting) <= limit // len(answer.body) / 2
    assert log.dropped == 200 - len(log._waiting)


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


@pytest.mark.parametrize("column", ['a"b', "a\\b", "a%b", "ü", "model", "f1", "prediction"])
def test_a_record_is_json_whatever_its_columns_are_called(column):
    """Names that no table has, and one of another column, cost no record; the others keep their values."""
    sink = Kept()

    async def told():
        log = PredictionLog(sink, 1.0, {"f0": column})
        log.follower(model())(asked("r", [[1.5, 2.5, 3.5]]))
        assert await asyncio.to_thread(log.flush, 20)

    asyncio.run(told())

    record = json.loads(sink.requests[0][0])
    assert (record["request_id"], record["f2"]) == ("r", 3.5)
    assert column in {"f1", "prediction"} or record[column] == 1.5


def test_requests_that_come_together_wait_for_no_timer(monkeypatch):
    """As many as are worth a turn are made records of before a moment has passed: what they hold is let go."""
    monkeypatch.setattr(turns, "GATHER_S", 3600.0)
    made = threading.Event()

    async def told():
        log = PredictionLog(SimpleNamespace(begin=None, write=lambda _: made.set()), 1.0)
        follow = log.follower(model())
        for place in range(TOGETHER):
            follow(asked(f"r{place}", [[1.0, 2.0, 3.0]]))
        assert await asyncio.to_thread(made.wait, 20)

    asyncio.run(told())


@given(st.floats(0, 1))
@example(0.0)
@example(5e-324)
@example(1.0)
def test_every_request_is_in_the_sample_at_the_same_rate(rate):
    """As often as was asked for, and the next one as often after one as after none."""
    random.seed(1)
    log = PredictionLog(Kept(), rate)
    taken, after = 0, 0
    left, last = log.skips(), False
    for _ in range(4000):
        left -= 1
        now = left < 0
        taken, after, last = taken + now, after + (now and last), now
        if now:
            left = log.skips()

    assert abs(taken - 4000 * rate) <= 5 * (4000 * rate * (1 - rate)) ** 0.5 + 1e-9
    assert abs(after - taken * rate) <= 5 * (taken * rate * (1 - rate)) ** 0.5 + 1


class Behind:
    """A log whose time is used up, and what a request for a table of one row does to it.

    Attributes:
        log: The log.
        kept: The names of the requests whose records were made, in order.
    """

    def __init__(self, rate=1.0):
        self.log = PredictionLog(Kept(), rate)
        self.kept = []
        self._follow = self.log.follower(model())
        turn = self.log._turns
        turn.plan = lambda **_: None
        turn._allowance.left_s, turn._allowance.full_s = -1.0, LONG_S

    def ask(self, name, body=b""):
        if self.log.wants():
            seen = asked(name, [[1.0, 2.0, 3.0]])
            self._follow(Seen(Request(body, [], name), seen.answer, None, 1.0, 1.25, seen.call, seen.outputs))

    def make_one(self):
        if self.log._waiting:
            part = self.log._waiting.popleft()
            self.log._held -= part.weight
            self.kept.append(part.seen.request.id)


@pytest.mark.parametrize(("body", "most"), [(b"", BEHIND), (b" " * 10_000, BEHIND_BYTES // 20_000)])
def test_what_there_is_no_time_for_is_dropped_at_once_and_counted(body, most):
    """A queue that only grows old costs memory and caches, whether of many requests or of large ones."""
    behind = Behind()

    for place in range(2000):
        behind.ask(f"r{place}", body)

    assert most / 2 <= len(behind.log._waiting) <= most + 1
    assert behind.log.dropped == 2000 - len(behind.log._waiting)


def test_what_comes_in_a_burst_waits_for_the_time_after_it():
    """Half a second without idle time drops nothing; longer is no burst, and a fifth of a second's rest ends it."""
    work = turns.Turns(lambda: True, SHARE)
    allowance = work._allowance = Allowance(1.0, SHARE)
    found, now, busy = [], 0.0, 0.0
    for span, load in ((30, 0.5), (45, 1.0), (20, 0.5), (150, 1.0), (20, 0.5), (45, 1.0)):  # in hundredths
        for _ in range(span):
            now, busy = now + 0.01, busy + 0.01 * load
            allowance.look(now, busy, busy)
            allowance.spend(1.0)
        found.append(work.behind)

    assert found == [False, False, False, True, False, False]


def test_what_is_dropped_does_not_go_by_what_is_asked():
    """Of two callers by turns, with time for every second record, each has its part in the log."""
    random.seed(1)
    behind = Behind()

    for _ in range(2000):
        behind.ask("a")
        behind.ask("b")
        behind.make_one()

    assert behind.log.dropped > 1900
    assert 0.4 < behind.kept.count("a") / len(behind.kept) < 0.6


@given(st.floats(0, 1))
@example(0.1)
def test_a_part_of_the_requests_takes_a_part_of_the_time(rate):
    """A loop that is never idle, and a log that takes whatever it may: what it took, with what was spent on sending."""
    now, sent = [0.0], [0.0]
    with mock.patch.multiple(
        turns, perf_counter=lambda: now[0], thread_time=lambda: now[0], process_time=lambda: now[0]
    ):
        taken = [0.0]

        def turn():
            taken[0] += 0.0005
            now[0] += 0.0005
            sent[0] += 0.0005
            return True

        log = PredictionLog(Kept(), rate)
        allowance = log._turns._allowance
        work = turns.Turns(turn, allowance._share, lambda: sent[0])
        work._loop = SimpleNamespace(call_soon=lambda _: None, call_later=lambda _, __: None)
        for _ in range(5000):
            work._take()
            now[0] += turns.PAUSE_S

    part, wanted = (taken[0] + sent[0]) / now[0], share_of(rate)
    assert wanted * 0.9 <= part <= wanted + (SAVED_S + 0.001) / now[0]


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


@given(st.text(min_size=1, max_size=300), st.lists(st.integers(0, 300) | st.sampled_from([16_250, 16_500, 1 << 21])))
@example("t" * 127, [124, 125, 127, 128, 16_379, 16_380, 16_383, 16_384, (1 << 21) - 5, 1 << 21])
@example("t" * 128, [])
def test_a_call_is_what_google_reads(name, sizes):
    """Whatever the lengths: the topic and every message, in order, with nothing that is none of ours."""
    messages = [bytes([size % 251]) * size for size in sizes]

    written = prediction_topic._request(name, messages)

    assert PublishRequest.pb().FromString(written) == PublishRequest.pb()(
        topic=name, messages=[{"data": data} for data in messages]
    )


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


def test_what_is_worth_it_is_tried_again(emulator, topic, monkeypatch):
    """Whatever Google's own client would try again: nothing is lost, and nothing is there twice."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator.env["PUBSUB_EMULATOR_HOST"])
    name, pulled = topic
    method = "google.pubsub.v1.Publisher/Publish"
    statuses = ("ABORTED", "CANCELLED", "INTERNAL", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "UNKNOWN")
    sink = Topic(name)

    for status in statuses:
        emulator.faults({"method": method, "status": status, "times": 1})
        assert sink.write([[b'{"after":"%s"}' % status.encode()]]) == 0

    assert sorted(each["after"] for each in pulled(len(statuses))) == sorted(statuses)


def test_a_topic_that_refuses_is_told_of_once_a_minute(emulator, monkeypatch, caplog):
    """With how many records that cost since; ten tracebacks in a second would cost more than the log would."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator.env["PUBSUB_EMULATOR_HOST"])
    now = [0.0]
    sink = Topic("projects/local/topics/nowhere", lambda: now[0])

    for seconds in (0, 1, 59, 61, 62, 200):
        now[0] = seconds
        assert sink.write([[b"{}", b"{}"]]) == 1

    assert [each.records for each in caplog.records if each.message == "predictions were not logged"] == [2, 6, 4]


@pytest.mark.parametrize("cells", [1, prediction_log.CELLS])
def test_a_request_that_cannot_be_written_costs_no_other(cells, caplog):
    """It is counted and named, as a whole; those before and after it are kept."""
    tables = [[[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0], ["\ud800", 2.0, 3.0], [4.0, 5.0, 6.0]], [[7.0, 8.0, 9.0]]]

    found, log = logged([asked(name, table) for name, table in zip("abc", tables, strict=True)], model(), cells=cells)

    assert [json.loads(record)["request_id"] for records in found for record in records] == ["a", "c"]
    assert (log.handled, log.failed) == (2, 1)
    assert [each.requests for each in caplog.records if each.message == "predictions cannot be logged"] == [1]


def test_requests_that_cannot_be_written_are_told_of_together(caplog):
    """A model all of whose answers are such costs no traceback for each; a long one is not tried to its end."""
    bad, tried = [["\ud800", 2.0, 3.0]], []
    _, log = logged([asked(name, bad) for name in "abc"], model())
    logged([asked("long", bad * 50)], model(), cells=1, at_turn=lambda parts, _: tried.append(parts[0].start))

    assert log.failed == 3
    assert [each.requests for each in caplog.records if each.message == "predictions cannot be logged"] == [3, 1]
    assert set(tried) == {0}


def test_others_come_between_the_rows_of_one_request():
    """A request of many rows is no pause for those who ask meanwhile: between each two turns the loop does the rest."""
    table = np.zeros((50, 3), np.float32)
    ticks, turns = [0], []

    def tick():
        ticks[0] += 1
        asyncio.get_running_loop().call_soon(tick)

    def at_turn(_parts, _follow):
        if not turns:
            tick()
        turns.append(ticks[0])

    [records], _ = logged([asked("r", table)], model(), cells=1, at_turn=at_turn)

    assert len(records) == len(turns) == len(set(turns)) == len(table)


@given(
    st.lists(st.tuples(st.floats(0, 0.1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), max_size=50),
    st.integers(1, 4),
)
def test_the_log_takes_its_share_and_what_is_idle(looks, cpus):
    """All that was ever allowed is a share of the time and what was idle of it, less what is kept for who asks next."""
    allowance = Allowance(cpus, SHARE)
    now = busy = used = waited = spent = 0.0
    least = most = 0.0
    for passed, share, others, late in looks:
        now += passed
        busy += passed * share
        used += min(passed * (share + others), passed * cpus)
        waited += passed * (1 - share) * late
        allowance.look(now, busy, used, waited)
        least, most = least + SHARE * passed, most + max(passed * (1 - share) * (1 - late) - RESERVE * passed, 0.0)
        assert allowance.left_s <= SAVED_S
        if allowance.left_s > 0:
            spent += allowance.left_s
            allowance.spend(allowance.left_s)

    assert spent <= least + most + 1e-9
    assert spent >= sum(min(SHARE * passed, SAVED_S) for passed, *_ in looks) - 1e-9


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux says how long a thread has waited")
def test_a_cpu_that_others_have_is_not_idle():
    """Two threads of one processor wait for each other, and each knows."""
    [cpu, *_] = os.sched_getaffinity(0)
    done, told, block = threading.Event(), [], bytes(1 << 20)

    def busy():
        os.sched_setaffinity(0, {cpu})  # of this thread alone
        waited = turns.waited_s()
        before = waited()
        while waited() < before + 0.01 and not done.is_set():
            zlib.crc32(block)  # without the interpreter's lock
        told.append(waited() > before)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    threads[0].join(20)
    done.set()
    for thread in threads:
        thread.join()

    assert told[0]


def test_a_loop_that_is_never_idle_gives_a_share():
    """And one that is idle gives more: a log of all that is asked keeps up with a server that is half busy."""

    def allowed(busy, used=None, cpus=1):
        allowance, found = Allowance(cpus, SHARE), 0.0
        allowance.look(0.0, 0.0, 0.0)
        for tick in range(1, 101):
            allowance.look(tick * 0.01, busy * tick * 0.01, (busy if used is None else used) * tick * 0.01)
            found += max(allowance.left_s, 0.0)
            allowance.spend(max(allowance.left_s, 0.0))
        return found

    assert allowed(1.0) == pytest.approx(SHARE)
    assert allowed(0.5) == pytest.approx(SHARE + 0.5 - RESERVE)
    assert allowed(0.5, used=1.0) == pytest.approx(SHARE)
    assert allowed(0.5, used=1.0, cpus=2) == pytest.approx(SHARE + 0.5 - RESERVE)
    assert allowed(0.5, cpus=0.5) == pytest.approx(SHARE), (
        "half a CPU is all there is: it waits for the system, not for us"
    )


LIMITS = {"50000 100000": 0.5, "100000 100000": 1.0, "max 100000": None, "nonsense": None, "": None}


@pytest.mark.parametrize(("text", "quota"), LIMITS.items(), ids=lambda each: f"{each}"[:8] or "empty")
def test_a_part_of_a_cpu_is_a_part(text, quota, tmp_path):
    """And what says nothing leaves those that the process may run on."""
    file = tmp_path / "cpu.max"
    file.write_text(text)

    assert cpu_quota(str(file)) == (cpu_quota(str(tmp_path / "none")) if quota is None else quota)
    assert cpu_quota(str(tmp_path / "none")) >= 1


class Stuck(Kept):
    """A sink that takes nothing until it is let."""

    def __init__(self):
        super().__init__()
        self.began, self.go_on = threading.Event(), threading.Event()

    def write(self, requests):
        self.began.set()
        assert self.go_on.wait(20)
        return super().write(requests)


def test_what_is_not_sent_by_the_end_is_told(specs, caplog):
    """Metrics go with the process: its last words are how many requests the log lacks; none where it lacks none."""
    options, sink = service_of(parser({}).parse_args([str(specs / "iris" / "model")]), {}).options, Stuck()
    records = Records(options, RuntimeSettings(), sink)

    def told():
        return [(each.work, each.items) for each in caplog.records if each.message.startswith("the server ends before")]

    async def ended():
        follow = records.sample(model()).follow
        for name in "abc":
            follow(asked(name, [[1.0, 2.0, 3.0]]))
        assert await asyncio.to_thread(sink.began.wait, 20)
        await asyncio.to_thread(records.flush, 0.01)
        assert told() == [("prediction-log", 3)]
        sink.go_on.set()
        await asyncio.to_thread(records.flush, 20)

    asyncio.run(ended())

    assert len(sink.requests) == 3
    assert len(told()) == 1


class Begun(Kept):
    """A sink that notes who made it ready, and whether requests were answered already."""

    def __init__(self):
        super().__init__()
        self.by = []

    def begin(self):
        self.by.append((threading.current_thread().name, self.service.state))
        raise ImportError("not today")


def test_what_follows_requests_is_imported_by_who_loads_the_models(specs, caplog):
    """Of two threads that import packages which need each other, Python ends the import of one: once a model's."""
    flags = parser({}).parse_args([str(specs / "iris" / "model")])
    service, sink = service_of(flags, {}), Begun()
    sink.service = service
    service.records = Records(service.options, RuntimeSettings(), sink)

    async def ready():
        done = asyncio.Event()
        service.start_loading(asyncio.get_running_loop(), done.set)
        await asyncio.wait_for(done.wait(), 60)

    with collected():
        asyncio.run(ready())

    assert sink.by == [("load", "loading")]
    assert service.state == "ready"
    assert "what follows requests is not ready" in caplog.text
