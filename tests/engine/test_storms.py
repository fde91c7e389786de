"""Ten minutes in which Google refuses calls for their rate: a pass goes slower, says so, and loses no service."""

import threading

import pytest

from reconciler.core.orders import Orders
from reconciler.engine.passes import Pass
from reconciler.engine.planning import make_plan
from reconciler.gcp.connection import Connection
from reconciler.gcp.throttle import Throttle
from schemas import load_valid
from tests.engine.test_passes import Lines, names, states
from tests.operating import BUCKET, HELLO, spec

TEN_MINUTES_S = 600.0
SERVICES = [spec(name, registry={"repository": "ml"}, access={"invokers": ["user:a@example.com"]}) for name in "abcd"]


class EmulatedTime:
    """Lets the emulator's time pass at once when somebody sleeps, and everybody's with it."""

    def __init__(self, emulator):
        self.emulator, self.passed, self.lock = emulator, 0.0, threading.Lock()

    def monotonic(self):
        return self.passed

    def sleep(self, seconds):
        until = self.passed + seconds
        with self.lock:
            if until > self.passed:
                self.emulator.advance(until - self.passed)
                self.passed = until


def one_pass(operator, throttle, *specs):
    """A pass with clients and a throttle of its own."""
    shared = operator.connection
    operator.connection = Connection("local", BUCKET, shared.local, throttle=throttle)
    try:
        session = operator.session()
        made = Pass(session, Orders(), lambda documents: make_plan(session, documents, runtime_image=HELLO), Lines())
        made.run(load_valid(operator.write(*specs))[0].services)
    finally:
        operator.connection = shared
    return made


@pytest.mark.parametrize(
    ("method", "percent", "retry_after_s"),
    [
        pytest.param("google.cloud.run.*", 100, None, id="run-refuses-all"),
        pytest.param("google.cloud.run.*", 100, 90, id="run-says-when"),
        pytest.param("storage.*", 100, None, id="storage-refuses-all"),
        pytest.param("*", 50, None, id="half-of-everything"),
    ],
)
def test_ten_minutes_of_refusals_are_outlasted(operator, method, percent, retry_after_s):
    """Everything is made, once; what it cost is counted, and nobody called while he was told to wait."""
    time = EmulatedTime(operator.emulator)
    throttle = Throttle(1200.0, monotonic=time.monotonic, sleep=time.sleep, look_s=1e9)
    storm = {
        "method": method,
        "percent": percent,
        "times": None,
        "for_s": TEN_MINUTES_S,
        "retry_after_s": retry_after_s,
    }
    operator.emulator.faults({**storm, "status": "RESOURCE_EXHAUSTED", "reason": "RATE_LIMIT_EXCEEDED"})

    made = one_pass(operator, throttle, *SERVICES)

    [rule] = operator.emulator.control("GET", "faults")
    throttled = sum(count.throttled for count in throttle.counts.values())
    operator.emulator.faults()
    assert states(made) == dict.fromkeys("abcd", "changed"), [service.problems for service in made.told.values()]
    assert names(operator) == set("abcd")
    assert operator.differences(*SERVICES) == []
    assert throttled == rule["applied"] > 0
    assert any(count.waited_s > 1 for count in throttle.counts.values())
    if percent == 100:
        # Sixteen threads, and yet hardly more refusals than one caller who waits longer each time would have met.
        assert time.passed >= TEN_MINUTES_S
        assert throttled < 80
    if retry_after_s:
        assert throttled <= 16 + TEN_MINUTES_S / retry_after_s


def test_a_storm_that_outlasts_patience_is_said(operator):
    """The pass names what refused it, and ends."""
    time = EmulatedTime(operator.emulator)
    throttle = Throttle(100.0, monotonic=time.monotonic, sleep=time.sleep, look_s=1e9)
    refusing = {"method": "google.cloud.run.*", "times": None, "status": "RESOURCE_EXHAUSTED", "message": "too many"}
    operator.emulator.faults({**refusing, "reason": "RATE_LIMIT_EXCEEDED", "retry_after_s": 60})

    made = one_pass(operator, throttle, SERVICES[0])

    operator.emulator.faults()
    assert states(made) == {"a": "failed"}
    assert "too many" in made.told["a"].problems[0]
    assert names(operator) == set()
