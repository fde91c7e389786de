"""kill -9 at any point, then apply again: it converges, nothing twice, and the lock is taken over."""

import pytest

from tests.engine.killing import killed_while
from tests.operating import REGION, spec

SERVICE = spec(
    env={"LOG_LEVEL": "info"},
    access={"invokers": ["user:a@example.com"]},
    registry={"repository": "ml"},
)


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
        reached += killed_while(operator, {"method": "*", "mutating": True, "skip": call, "when": when}, SERVICE)
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
