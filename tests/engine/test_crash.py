"""kill -9 at any point, then apply again: it converges, nothing twice, and the lock is taken over."""

import pytest

from tests.engine.killing import killed_while
from tests.operating import HELLO, REGION, spec

SERVICE = spec(
    env={"LOG_LEVEL": "info"},
    access={"invokers": ["user:a@example.com"]},
    registry={"repository": "ml"},
    mounts={"/models": "gs://acme-data/models/"},
    sidecars={"beside": {"image": HELLO, "env": {"PORT": "0"}}},
    execution={"sessionAffinity": True},
)
RETRAINED = spec(
    triggers=[
        {"name": "weekly", "when": {"schedule": "0 3 * * 1", "timeZone": "Europe/Paris"}},
        {"name": "new-data", "when": {"pubsub": "churn-data-ready"}},
        {"name": "new-files", "when": {"storage": "gs://acme-data/churn/"}},
    ],
    retraining={"run": {"cloudRunJob": {"name": "train"}}},
)
"""A service with a function, its subscriptions, a notification of a bucket, a sweep and the grants of each."""


def furnish(operator):
    """Start anew with what others make: a job that trains, a topic and a bucket of theirs."""
    operator.emulator.reset()
    operator.make_job()
    publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
    publisher.create_topic(request={"name": "projects/local/topics/churn-data-ready"})
    operator.connection.storage.create_bucket("acme-data")


def mutating_calls(operator, wanted):
    """How many calls of one apply change something."""
    operator.emulator.control("DELETE", "calls")
    operator.apply(wanted)
    counts = operator.emulator.calls()
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
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("wanted", "sampled"), [(SERVICE, 1), (RETRAINED, 14)], ids=["service", "retraining"])
def test_killed_at_any_point_the_next_apply_converges(operator, wanted, sampled, when, request):
    """Whatever mutating call an apply dies at, the next one finishes the work.

    Of the many calls of a whole retraining each fourteenth is tried, beginning with another one for each `when`;
    `--every-kill` tries them all.
    """
    furnish(operator)
    points = mutating_calls(operator, wanted)
    assert points >= 6
    first, step = (
        (0, 1) if sampled == 1 or request.config.getoption("--every-kill") else (2 * (when == "after"), sampled)
    )
    tried = range(first, points, step)
    reached = 0
    for call in tried:
        furnish(operator)
        reached += killed_while(operator, {"method": "*", "mutating": True, "skip": call, "when": when}, wanted)
        operator.emulator.advance(310)  # the dead run's lock expires

        report = operator.apply(wanted)

        assert not report.failed, (call, [str(r.error) for r in report.failed])
        assert operator.differences(wanted) == [], call
        assert len(operator.services()) == 1 + (wanted is RETRAINED), call  # a function is a service as well
        assert operator.inventories()[REGION, "churn"].lock is None
        operator.destroy("churn")
        assert operator.services() == []
    request.node.user_properties += [("points", points), ("killed", reached)]
    # The first write of an inventory finds no bucket: a refused call has no moment after its write. And two that write
    # one policy at once may write it again, so that one apply has a call more than the next.
    assert reached >= int(0.9 * len(tried)) - (when == "after")
