"""Work beside the requests: what is kept, what is lost, and that the end waits for it."""

import threading

import pytest

from runtime.configuration.identity import FRESH_S, Caller
from runtime.telemetry.background import Background

PATIENCE_S = 10.0


class Sink:
    """Takes items once it is open, and remembers how many came at once."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()
        self.taken: list[list[int]] = []

    def __call__(self, items: list[int]) -> None:
        self.begun.set()
        assert self.open.wait(PATIENCE_S)
        if -1 in items:
            raise OSError("disk full")
        self.taken.append(items)


def test_the_end_waits_for_what_is_being_done():
    """An empty queue is not yet the end of its work: the last items may be on their way."""
    sink = Sink()
    work = Background("test", sink)
    work.put(1)
    assert sink.begun.wait(PATIENCE_S)

    assert not work.flush(0.0)
    sink.open.set()

    assert work.flush(PATIENCE_S)
    assert (sink.taken, work.handled) == ([[1]], 1)


def test_what_does_not_fit_is_counted():
    """A sink that does not keep up costs records, and neither memory nor time."""
    sink = Sink()
    work = Background("test", sink, size=3, at_once=2)
    work.put(0)
    assert sink.begun.wait(PATIENCE_S)
    for number in range(1, 6):
        work.put(number)
    sink.open.set()

    assert work.flush(PATIENCE_S)
    assert sink.taken == [[0], [1, 2], [3]]
    assert (work.handled, work.dropped) == (4, 2)


def test_a_sink_that_fails_goes_on(caplog):
    """Its items are lost and counted, and the next ones are taken."""
    sink = Sink()
    sink.open.set()
    work = Background("test", sink, at_once=1)
    for number in (1, -1, 2):
        work.put(number)

    assert work.flush(PATIENCE_S)
    assert sink.taken == [[1], [2]]
    assert (work.handled, work.failed) == (2, 1)
    assert "disk full" in caplog.text


class Metadata:
    """A metadata server that gives another token each time."""

    asked = 0

    def get(self, _url, **_options) -> "Metadata":
        self.asked += 1
        return self

    def raise_for_status(self) -> "Metadata":
        return self

    @property
    def text(self) -> str:
        return f"token-{self.asked}"


@pytest.mark.parametrize(("passed_s", "token"), [(FRESH_S - 1, "token-1"), (FRESH_S, "token-2")])
def test_a_token_is_used_for_a_minute(passed_s, token):
    """Then it is asked for again, long before it expires."""
    now = 0.0
    caller = Caller("https://s-1-ew.a.run.app", Metadata(), "metadata", lambda: now)
    assert caller.headers() == {"authorization": "Bearer token-1"}

    now = passed_s

    assert caller.headers() == {"authorization": f"Bearer {token}"}


def test_nobody_else_gets_a_token():
    """Where no audience is known the metadata server is not even asked."""
    metadata = Metadata()

    assert Caller("", metadata, "metadata").headers() == {}
    assert metadata.asked == 0
