"""What rollouts are for, end to end: real processes, real requests, and passes that nobody helps."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from reconciler.engine.rollouts import standings, with_starts
from tests.engine.test_rollouts import CANARY, Stage
from tests.operating import BUCKET

SLOW = {"latencyP95": "800ms", "minRequests": 40}
ADOPTING = {"deletion": "Delete", "adopt": "Always"}
AT_ONCE = 30
"""Requests at once: what a slow version takes is waited for side by side."""


class Show(Stage):
    """A stage whose inventory may be lost, and whose gates a case chooses."""

    gates = CANARY["gates"]

    def wanted(self, **env):
        found = super().wanted(**env)
        sections = {"rollout": {**CANARY, "gates": self.gates}, "management": ADOPTING}
        return {**found, "spec": {**found["spec"], **sections}}

    def tagged(self, tag):
        """The address that a tag leads to; nothing where there is none."""
        return next((each.uri for each in self.operator.service().traffic_statuses if each.tag == tag), "")

    def crowd(self, url, count=60, minutes=3):
        """So many requests at once to an address, one minute, and then the rest of the time."""
        with httpx.Client(timeout=60, trust_env=False) as client, ThreadPoolExecutor(AT_ONCE) as pool:
            codes = [each.status_code for each in pool.map(client.get, [url] * count)]
        self.operator.emulator.advance(60 * minutes)
        return codes

    def lose_the_inventory(self):
        """Somebody deletes it."""
        for blob in self.operator.connection.storage.bucket(BUCKET).list_blobs(prefix="inventory/"):
            blob.delete()


@pytest.mark.parametrize(
    ("env", "to", "why"),
    [
        pytest.param({"HELLO_STATUS": "500"}, "", "errors", id="errors"),
        pytest.param({"HELLO_SLEEP_S": "1.2"}, "", "slow answers", id="slow"),
        pytest.param({"HELLO_EXIT": "3"}, "", "did not become ready", id="never-starts"),
        pytest.param({}, "stable", "requests reached it where", id="nobody-reaches-it"),
    ],
)
def test_what_is_worse_is_taken_back_and_stays_back(operator, request, env, to, why):
    """With its reason, for as many passes as are made, also after the inventory was lost; a better one goes on."""
    show = Show(operator)
    show.gates = SLOW if "HELLO_SLEEP_S" in env else CANARY["gates"]
    show.pass_(V="1")
    first, uri = show.newest(), operator.service().uri
    show.crowd(uri, 20)
    show.pass_(V="2", **env)
    bad, said = show.newest(), []
    for _ in range(9):
        said = show.pass_(V="2", **env)
        if said and "was rejected" in said[0]:
            break
        show.crowd(show.tagged(to) or uri)
    assert bad != first
    assert show.shares() == {first: 100}, said
    assert why in said[0], said

    for number in range(10 if request.config.getoption("--long") else 4):
        if number == 2:
            show.lose_the_inventory()
        told = show.pass_(V="2", **env)
        assert (show.shares(), show.newest()) == ({first: 100}, bad), told
        assert number == 2 or why in told[0], told  # that pass takes the service over again, which is all that it says
    for _ in range(2):
        said = show.pass_(V="3")
    assert show.shares() == {first: 80, show.newest(): 20}, said


@dataclass
class Callers:
    """Requests that never stop, and streams that last.

    Attributes:
        url: Whom they ask.
        answered: Codes, by revision.
        failed: What else happened, in words.
    """

    url: str
    answered: dict = field(default_factory=dict)
    failed: list = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def calling(self, count=3):
        """Ask until the block ends."""
        threads = [threading.Thread(target=self._ask) for _ in range(count)]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            self._stop.set()
            for each in threads:
                each.join()

    def _ask(self):
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not self._stop.wait(0.02):
                try:
                    got = client.get(self.url)
                    self.answered.setdefault(got.json()["revision"], set()).add(got.status_code)
                except (httpx.HTTPError, ValueError) as error:
                    self.failed.append(repr(error))


class Streams:
    """Answers that last across what happens meanwhile."""

    def __init__(self, url):
        self.url, self.cut, self.ended = url, [], []
        self._threads = []

    def open(self, count, lasts_s):
        """Open some, and wait until each has begun."""
        begun = threading.Barrier(count + 1, timeout=60)
        threads = [threading.Thread(target=self._one, args=(begun, lasts_s)) for _ in range(count)]
        for each in threads:
            each.start()
        begun.wait()
        self._threads += threads

    def _one(self, begun, lasts_s):
        try:
            with httpx.stream("GET", self.url, params={"stream_s": lasts_s}, timeout=60, trust_env=False) as answer:
                lines = answer.iter_lines()
                first = next(lines)
                begun.wait()
                *_, last = lines
        except (httpx.HTTPError, ValueError, StopIteration) as error:
            self.cut.append(repr(error))
            return
        (self.ended if last == "end" else self.cut).append(first)

    def close(self):
        """Wait for all of them."""
        for each in self._threads:
            each.join()


def test_nobody_is_dropped_while_a_version_goes_out_and_comes_back(operator, request):
    """Up step by step under load, and all the way back by a person's word: each answer is one, each stream has its end.

    The instances of a version that has no share any more end what they have begun.
    """
    show = Show(operator)
    show.pass_(V="1")
    first, url = show.newest(), operator.service().uri
    callers, streams = Callers(url), Streams(url)
    lasts_s = 8 if request.config.getoption("--long") else 2
    moves = []
    with callers.calling():
        show.pass_(V="2")
        new = show.newest()
        for _ in range(9):
            streams.open(6, lasts_s)
            show.pass_(V="2")
            moves.append(show.shares().get(new, 0))
            if moves[-1] == 100:
                break
            show.crowd(url, 40)
        streams.open(6, lasts_s)
        live = operator.service()
        live.traffic = [{"type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": first, "percent": 100}]
        operator.api("google.cloud.run_v2", "services", "Services").update_service(request={"service": live}).result()
        streams.open(6, lasts_s)
        streams.close()
    assert sorted({*moves}) == [20, 50, 100], moves
    assert callers.failed == []
    assert callers.answered == {first: {200}, new: {200}}
    assert streams.cut == []
    assert {*streams.ended} == {first, new}


def test_how_long_a_version_takes_to_start_is_shown(operator):
    """Beside the one before: latencies of requests leave that out, and no gate judges it."""
    show = Show(operator)
    show.pass_(V="1")
    for _ in range(2):
        show.pass_(V="2", HELLO_START_DELAY_S="0.4")
    show.crowd(operator.service().uri, 20)
    session = operator.session()

    [told] = with_starts(
        session, standings(operator.plan(show.wanted(V="2", HELLO_START_DELAY_S="0.4")), session.kinds)
    )

    assert told.starts["candidate"].count >= 1
    assert 400 <= told.starts["candidate"].mean < 60_000
    assert told.starts["stable"].mean < told.starts["candidate"].mean
    assert told.to_json()["starts"]["candidate"]["p95Ms"] >= 400
