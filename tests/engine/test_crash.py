"""kill -9 at any point, then apply again: it converges, nothing twice, and the lock is taken over."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.operating import REGION, spec

SERVICE = spec(
    env={"LOG_LEVEL": "info"},
    access={"invokers": ["user:a@example.com"]},
    registry={"repository": "ml"},
)
COMMAND = [sys.executable, "-m", "reconciler.cli", "apply", "--local", "--yes"]


def mutating_calls(operator):
    """How many calls of one apply change something."""
    operator.emulator.control("DELETE", "calls")
    operator.apply(SERVICE)
    counts = operator.emulator.calls()
    operator.emulator.reset()
    reading = (
        "Get",
        "List",
        "storage.objects.list",
        "storage.objects.get",
        "storage.buckets.get",
        "storage.buckets.list",
    )
    return sum(n for name, n in counts.items() if not name.split("/")[-1].startswith(reading))


def killed_at(operator, call, when):
    """Start an apply, and kill it while its n-th mutating call hangs, before or after the write.

    Returns:
        Whether it got that far.
    """
    operator.emulator.faults({"method": "*", "mutating": True, "skip": call, "times": 1, "when": when, "hang": True})
    environment = {**os.environ, "MLSERVICE_EMULATOR_STATE": str(operator.emulator.state)}
    process = subprocess.Popen(
        [*COMMAND, str(operator.write(SERVICE))],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    reached = False
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and not reached:
        reached = operator.emulator.control("GET", "faults")[0]["waiting"] > 0
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    operator.emulator.faults()
    return reached


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_point_the_next_apply_converges(operator, when, record_property):
    """Whatever mutating call an apply dies at, the next one finishes the work."""
    points = mutating_calls(operator)
    assert points >= 6
    reached = 0
    for call in range(points):
        operator.emulator.reset()
        reached += killed_at(operator, call, when)
        operator.emulator.advance(301)  # the dead run's lock expires

        report = operator.apply(SERVICE)

        assert not report.failed, (call, [str(r.error) for r in report.failed])
        assert operator.differences(SERVICE) == [], call
        assert len(operator.services()) == 1
        assert operator.inventories()[REGION, "churn"].lock is None
        operator.destroy("churn")
        assert operator.services() == []
    record_property("points", reached)
    # The first write of an inventory finds no bucket: a refused call has no moment after its write.
    assert reached >= points - (when == "after")
