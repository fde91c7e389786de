"""How much services are used, as Cloud Monitoring has it: three lists for all of them, and what they cost so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from reconciler.cost.estimate import estimate
from reconciler.cost.measured import Use, as_measured
from reconciler.cost.neighbours import neighbours
from reconciler.cost.shape import Instances, Shape
from reconciler.cost.usage import ASSUMED
from reconciler.engine.spending import HERE, read_spending
from reconciler.engine.status import read_status
from reconciler.engine.use import read_use
from schemas import load
from tests.operating import REGION, spec

LIST = "google.monitoring.v3.MetricService/ListTimeSeries"
PUBLIC = {"authentication": "Public"}
WEEK_S = 7 * 86_400
SMALL = Shape("us-central1", Instances(1000, 1024, 0, 3))


def spending(operator, *specs):
    """What the services of specs cost, by name."""
    session = operator.session()
    services = load(operator.write(*specs)).services
    found = read_spending(session, read_status(session, []).services, services)
    return {name: each for (_, name), each in found.items()}


def test_use_is_read_of_all_services_in_three_lists(operator):
    """Requests, how long they took, what is billed: of one that was asked, and of one that nobody asked."""
    specs = [spec("asked", access=PUBLIC), spec("quiet", access=PUBLIC)]
    operator.apply(*specs)
    for _ in range(3):
        assert httpx.get(operator.service("asked").uri).status_code == 200
    operator.emulator.advance(3600)
    operator.emulator.control("DELETE", "calls")

    found = spending(operator, *specs)

    assert operator.emulator.calls()[LIST] == 3
    asked, quiet = found["asked"].use, found["quiet"].use
    assert (asked.requests, quiet.requests, quiet.mean_ms, quiet.billed_s) == (3, 0, None, None)
    assert asked.mean_ms > 0
    assert asked.billed_s >= Decimal("0.3")
    assert 0 < asked.span_s < 2 * 3600
    assert (found["asked"].source, found["asked"].unknown) == (HERE, "")
    assert Decimal(found["quiet"].as_used["expected"]) < Decimal(found["quiet"].by_spec["expected"])
    assert found["quiet"].as_used["worst"] == found["quiet"].by_spec["worst"]


def test_what_may_not_be_read_is_said_and_the_spec_still_priced(operator):
    """A reader without a role of Cloud Monitoring's."""
    operator.apply(spec())
    operator.emulator.advance(3600)
    operator.emulator.faults({"method": LIST, "status": "PERMISSION_DENIED", "times": None})

    found = spending(operator, spec())["churn"]

    assert found.by_spec
    assert (found.use, found.as_used) == (None, None)
    assert "of Cloud Run" in found.unknown


def test_a_service_of_another_place_is_not_priced_by_a_spec_of_its_name(operator):
    """The spec beside us is of another region: nothing is known of what it costs."""
    operator.apply(spec())

    assert spending(operator, spec(region="us-central1"))["churn"].by_spec is None


def test_what_was_made_a_moment_ago_has_no_use_yet(operator):
    """Points of the last three minutes may not be there."""
    operator.apply(spec())
    now = operator.session().clock.now()

    assert read_use(operator.session(), {(REGION, "churn"): now}) == {}
    assert read_use(operator.session(), {}) == {}


@pytest.mark.parametrize(
    ("billed_s", "least", "always", "key", "expected_s"),
    [
        (WEEK_S / 2, 0, False, "cpu", Decimal(1_314_000)),
        (WEEK_S * 9, 0, False, "cpu", Decimal(3 * 2_628_000)),
        (WEEK_S / 2, 0, True, "cpu", Decimal(1_314_000)),
        (WEEK_S / 2, 1, True, "cpu", Decimal(2_628_000)),
    ],
    ids=["half an instance", "never more than there may be", "billed by instance", "never less than are kept"],
)
def test_billed_instances_are_what_was_measured(billed_s, least, always, key, expected_s):
    """Half an instance billed all week is half of a month's seconds, whatever requests would come to by chance."""
    shape = Shape("us-central1", Instances(1000, 1024, least, 3, always=always))
    usage = as_measured(ASSUMED, Use(700, Decimal(90), Decimal(billed_s), WEEK_S), shape)
    (line,) = [each for each in estimate("one", shape, usage).lines if each.key == key]

    assert line.quantity.expected == expected_s


def test_warm_instances_are_not_taken_for_busy_ones():
    """What is billed has their idle seconds in it, which cost less: busy ones are worked out from the requests."""
    shape = Shape("us-central1", Instances(1000, 1024, 1, 3))
    use = Use(700, Decimal(90), Decimal(WEEK_S), WEEK_S)
    lines = {each.key: each for each in estimate("one", shape, as_measured(ASSUMED, use, shape)).lines}

    assert lines["cpuWarm"].quantity.expected > lines["cpu"].quantity.expected


def test_requests_of_the_uptime_check_are_not_counted_twice():
    """It asks six times a minute, and nobody else does."""
    shape = Shape("us-central1", Instances(1000, 1024), checks_per_second=Decimal("0.1"))
    usage = as_measured(ASSUMED, Use(WEEK_S // 10, Decimal(5), None, WEEK_S), shape)

    assert (usage.requests_per_second, usage.request_duration_ms, usage.instances) == (0, 5, None)


def test_what_is_measured_leaves_the_worst_case_and_compares_like_with_like():
    """Nobody is held to it; and another line of the spec is compared with this one as it is worked out."""
    use = Use(7 * 86_400, Decimal(100), Decimal(WEEK_S * 2), WEEK_S)
    usage = as_measured(ASSUMED, use, SMALL)
    measured, worked_out = estimate("one", SMALL, usage), estimate("one", SMALL, ASSUMED)

    assert measured.total.worst == worked_out.total.worst
    assert measured.total.floor == worked_out.total.floor
    assert neighbours(measured) == neighbours(worked_out)
    assert usage.measured == {"requests_per_second", "request_duration_ms", "instances"}


def test_use_is_told_as_it_is():
    """In the units of its names, without more digits than there are."""
    since = datetime(2026, 11, 20, tzinfo=UTC)
    until = (since + timedelta(days=7)).isoformat()
    use = Use(1_209_600, Decimal("112.34"), Decimal(WEEK_S) / 4, WEEK_S, since.isoformat(), until)

    assert use.to_json() == {
        "requests": 1_209_600,
        "requestsPerSecond": "2",
        "requestDurationMs": 112.3,
        "billedInstances": "0.25",
        "since": since.isoformat(),
        "until": until,
    }
