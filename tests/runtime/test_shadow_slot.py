"""Copies for whoever has the tag: found by asking, bounded, and nobody's problem where there is nobody."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from runtime.configuration.options import Options
from runtime.data.answers import Answer, Request
from runtime.data.seen import Seen
from runtime.telemetry.metrics import EndpointMetrics
from runtime.telemetry.shadow import WAITING_BYTES, Copy, ShadowCalls, Told
from runtime.telemetry.shadow_slot import EVERY_S, LONGEST_ID, PREFIX, REST_S, TaggedPlace, id_of

COPY = Copy("r1", b'{"instances": [[1]]}', b'{"predictions": [1]}')
NAME = "churn-123.europe-west1.run.app"
PATIENCE_S = 10.0


class Clock:
    """Seconds that go on when they are told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Google(http.server.BaseHTTPRequestHandler):
    """The metadata server, and the front end of all names on run.app, which says `status`."""

    status = 404
    asked: list
    copies: list

    def do_GET(self):
        path = urlsplit(self.path)
        self.asked.append(parse_qs(path.query).get("audience"))
        known = {"numeric-project-id": "123", "region": "projects/123/regions/europe-west1", "identity": "h.c.s"}
        self._say(200, known[path.path.rpartition("/")[2]].encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.copies.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
        self._say(type(self).status, b'{"predictions": [2]}')

    def _say(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def google() -> Iterator[tuple[type[Google], str]]:
    """A cloud in which nobody has the tag, and its address."""
    found = type("Found", (Google,), {"asked": [], "copies": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), found)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found, f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def place_of(host: str, clock: Clock, patience_s: float = PATIENCE_S) -> TaggedPlace:
    told = Options(service="churn", shadow_tag="shadow", metadata_host=host, run_app_host=host)
    return TaggedPlace(told, clock, patience_s=patience_s)


@pytest.mark.parametrize("status", [404, 403, 401])
def test_where_nobody_answers_one_request_in_a_while_asks(google, status):
    """Nobody has the tag, or it lets nobody in: no copy is taken for half a minute, and then the next one is."""
    cloud, host = google
    cloud.status, clock = status, Clock()
    place = place_of(host, clock)
    assert place.open()

    with httpx.Client(trust_env=False) as client:
        assert place.post(COPY, client) is None
    closed = place.open()
    clock.now += REST_S

    assert (closed, place.open(), len(cloud.copies)) == (False, True, 1)


def test_who_has_the_tag_gets_copies_as_the_services_own_account(google):
    """By the tag's own name, with a token for the service, under an id of their own, and only so many in a second."""
    cloud, host = google
    cloud.status, clock = 200, Clock()
    place = place_of(host, clock)

    with httpx.Client(trust_env=False) as client:
        answer = place.post(COPY, client)
    place.took()
    closed = place.open()
    clock.now += 2 * EVERY_S

    [(path, headers, body)] = cloud.copies
    assert answer.status == 200
    assert (path, headers["host"], body) == ("/predict", f"shadow---{NAME}", COPY.body)
    assert (headers["authorization"], headers["x-request-id"]) == ("Bearer h.c.s", "mlservice-shadow-r1")
    assert headers["x-mlservice-shadow"] == "1"
    assert [f"https://{NAME}"] in cloud.asked
    assert (closed, place.open()) == (False, True)


def test_long_ids_of_copies_stay_apart():
    """The server takes 128 characters of an id: two that differ in the last one are two copies all the same."""
    longest = [id_of("r" * 110 + end) for end in ("", "1")]
    beyond = [id_of("r" * 127 + end) for end in ("1", "2", "1")]

    assert longest == [f"{PREFIX}{'r' * 110}", f"{PREFIX}{'r' * 110}1"]
    assert beyond[0] == beyond[2] != beyond[1]
    assert all(each.startswith(PREFIX) and len(each) <= LONGEST_ID for each in beyond)


def test_where_google_cannot_be_reached_copies_rest(google, caplog):
    """A metadata server that is gone costs one try in a while, and says so once."""
    _, host = google
    clock = Clock()
    place = TaggedPlace(
        Options(service="churn", shadow_tag="shadow", metadata_host="127.0.0.1:9", run_app_host=host), clock
    )

    with httpx.Client(trust_env=False) as client:
        assert [place.post(COPY, client) for _ in range(9)] == [None] * 9

    assert not place.open()
    assert [each.getMessage() for each in caplog.records] == ["a copy of a request has no answer"]


def test_a_version_that_hangs_has_no_more_copies_that_wait(google, monkeypatch):
    """The first without an answer ends it for half a minute: what waits is dropped, and not sent when it is old."""
    cloud, host = google
    cloud.status, clock = 200, Clock()
    monkeypatch.setattr("runtime.telemetry.shadow_slot.LATER_S", 0.0)
    place = place_of(host, clock, patience_s=0.2)
    monkeypatch.setattr(cloud, "do_POST", lambda self: self.copies.append(self.path) or threading.Event().wait(0.5))

    with httpx.Client(trust_env=False) as client:
        for _ in range(20):
            assert place.post(COPY, client) is None

    assert len(cloud.copies) == 1


def test_a_version_that_is_slow_has_as_long_as_a_request_may_take(google, monkeypatch):
    """Who hung up before would make evidence: a 499, of a version that needs its time to start."""
    cloud, host = google
    cloud.status, slow = 200, cloud.do_POST
    monkeypatch.setattr("runtime.telemetry.shadow.TIMEOUT_S", 0.1)
    monkeypatch.setattr(cloud, "do_POST", lambda self: threading.Event().wait(0.5) or slow(self))

    with httpx.Client(trust_env=False, timeout=0.1) as client:
        told = place_of(host, Clock()).post(COPY, client)

    assert (told.status, len(cloud.copies)) == (200, 1)


def test_no_more_of_an_answer_is_read_than_is_compared(google, monkeypatch):
    """The other version must cost this one no memory, whatever it says."""
    cloud, host = google

    def endless(self):
        with suppress(OSError):  # nobody reads on
            self._say(200, b"x" * (64 << 20))

    cloud.status = 200
    monkeypatch.setattr(cloud, "do_POST", endless)
    with httpx.Client(trust_env=False) as client:
        told = place_of(host, Clock()).post(COPY, client)

    assert told == Told(200, None)


class Stuck:
    """A place that takes everything and answers nothing until it may."""

    def __init__(self) -> None:
        self.may = threading.Event()

    def open(self) -> bool:
        return True

    def took(self) -> None:
        pass

    def post(self, copy: Copy, client: object) -> None:
        del copy, client
        assert self.may.wait(PATIENCE_S)


def test_large_copies_that_wait_are_bounded_in_bytes():
    """A version that hangs costs the one that serves no memory beyond a bound, and no answer: what is lost counts."""
    stuck = Stuck()
    calls = ShadowCalls(stuck, 100)
    large = Request(b"x" * (1 << 20), [], "r")

    for _ in range(64):
        calls.follow(Seen(large, Answer(200, b"{}"), EndpointMetrics("m", "1", "json"), 1.0, 2.0))
    stuck.may.set()

    assert calls.background.dropped >= 64 - (WAITING_BYTES >> 20) - 1
    assert calls.background.flush(PATIENCE_S)
    assert calls.background.handled + calls.background.dropped == 64


class Says:
    """A version that answers with this."""

    def __init__(self, status, body):
        self._answer = Told(status, body)

    def open(self):
        return True

    def took(self):
        pass

    def post(self, copy, client):
        del copy, client
        return self._answer


@pytest.mark.parametrize(
    ("ours", "status", "theirs", "differing"),
    [
        pytest.param(b'{"predictions": [1, 2]}', 200, b'{"predictions": [1, 3]}', 1, id="a-row"),
        pytest.param(b'{"label": "a"}', 200, b'{"label": "b"}', 1, id="an-answer-of-its-own"),
        pytest.param(b'{"label": "a"}', 200, b'{"label":"a"}', 0, id="the-same-of-its-own"),
        pytest.param(b"[1]", 200, b"[1]", 0, id="a-list"),
        pytest.param(b'{"predictions": [1]}', 200, b"<html>", None, id="no-json"),
        pytest.param(b'{"predictions": [1]}', 422, b'{"error": ""}', None, id="refused"),
    ],
)
def test_any_answers_are_compared(caplog, ours, status, theirs, differing):
    """A class of the user's answers any JSON: that is compared whole, and no copy leaves a trace of an error."""
    calls = ShadowCalls(Says(status, theirs), 100)
    with caplog.at_level("INFO", "runtime.shadow"):
        calls.follow(Seen(Request(b"{}", [], "r"), Answer(200, ours), EndpointMetrics("m", "1", "json"), 1.0, 2.0))
        assert calls.background.flush(PATIENCE_S)

    [said] = [each for each in caplog.records if each.name.startswith("runtime")]
    assert (said.getMessage(), said.shadow_status) == ("shadow compared", status)
    assert getattr(said, "rows_differing", None) == differing
