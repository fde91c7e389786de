"""Our own estimate of what is spent, beside the bill of the emulated project; and where its series are silent."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from reconciler.core.inventory import Inventory
from reconciler.engine.ladder.evidence import Billed, Pulled, gather, read_billed
from schemas.service import MLService
from tests.conftest import HTTP
from tests.spending import KEY, LADDER, World, budgeted

PUBLIC = {"access": {"authentication": "Public"}}
GPU = {"resources": {"cpu": 4, "memory": "16Gi", "gpu": {"type": "nvidia-l4"}}}
WHOLE = {"resources": {"cpu": 1, "memory": "512Mi", "cpuIdle": False}}
HALF_A_DAY = {"schedule": "0 12 * * *", "lasts": "12h", "minInstances": 1}
SINCE, UNTIL = datetime(2026, 11, 1, 7, tzinfo=UTC), datetime(2026, 11, 20, 7, tzinfo=UTC)
HOUR_S = 3600
EUROS = Decimal("0.9")
SLOW = Decimal("0.002")
"""Euros of a minute and a half, which six requests may take altogether on a slow machine."""


@pytest.fixture
def world(operator):
    return World(operator)


def priced(least=0, windows=(), **sections):
    """A service with a budget that is far off."""
    wanted = budgeted(1000, LADDER[:1], **PUBLIC, **sections)
    wanted["spec"]["scaling"] |= {"minInstances": least, "windows": list(windows)}
    return wanted


@pytest.mark.parametrize(
    ("wanted", "seconds", "usd"),
    [
        pytest.param(priced(), 0.6, "0.0000265", id="nobody-is-kept"),
        pytest.param(priced(1), 36 * HOUR_S, "0.000005", id="one-is-kept"),
        pytest.param(priced(0, [HALF_A_DAY]), 18 * HOUR_S, "0.000005", id="one-for-half-a-day-and-a-quarter"),
        pytest.param(priced(1, **GPU), 36 * HOUR_S, "0.0002907", id="one-with-a-gpu"),
        pytest.param(priced(**WHOLE), 6 * 900, "0.000019", id="billed-whole-for-a-quarter-of-an-hour-each"),
    ],
)
def test_our_estimate_is_near_the_bill(world, wanted, seconds, usd):
    """Within a tenth, after a day and a half with a request now and then; and the bill is what the time of it costs."""
    world.operator.apply(wanted)
    for _ in range(6):
        assert HTTP.get(world.operator.service().uri).is_success
        world.advance(timedelta(hours=6))
        world.reconcile(wanted)
    own, bill = world.book().readings[-1], world.emulator.control("GET", "spend")

    billed, known = sum(Decimal(line["amount"]) for line in bill), Decimal(seconds) * Decimal(usd) * EUROS
    assert own.source == "own"
    assert billed * Decimal("0.9") <= own.cost <= billed * Decimal("1.1")
    assert known * Decimal("0.98") <= billed <= known * Decimal("1.02") + SLOW


@pytest.mark.parametrize(
    ("wanted", "billed_h", "counted_h", "taken_h", "usd", "said"),
    [
        pytest.param(priced(1), None, 100, 0, "1.8", ["is not told"], id="seen-and-kept"),
        pytest.param(priced(), None, 100, 0, "0", [], id="seen-and-never-billed"),
        pytest.param(priced(**WHOLE), None, 100, 0, "6.84", ["is not told"], id="seen-and-billed-whole"),
        pytest.param(priced(1, **GPU), None, 0, 0, "0", [], id="never-seen"),
        pytest.param(priced(1), 100, 300, 0, "1.8", [], id="told"),
        pytest.param(priced(), 100, 100, 1, "1.8774", [], id="was-kept-before-the-spec-said-less"),
    ],
)
def test_what_is_not_told_is_what_was_seen(wanted, billed_h, counted_h, taken_h, usd, said):  # noqa: PLR0917 - a row
    """And it is said, for what somebody pays for; never is it more than instances may have cost."""
    hours = [billed_h, counted_h, taken_h]
    series = [{} if each is None else {KEY: Decimal(each * HOUR_S)} for each in hours]
    evidence = gather(MLService.model_validate(wanted), Inventory(*KEY[::-1]), Pulled(), Billed(SINCE, UNTIL, *series))

    assert evidence.own == Decimal(usd) * EUROS
    assert len(evidence.unknown) == len(said)
    assert all(text in found for text, found in zip(said, evidence.unknown, strict=True))


def test_instances_are_seen_and_what_they_did_is_added_up(world):
    """By region and name: a minute for each time that one was seen, and requests and starts as billed at the most."""
    wanted = priced(1)
    world.operator.apply(wanted)
    assert HTTP.get(world.operator.service().uri).is_success
    world.advance(timedelta(hours=1))

    found = read_billed(world.operator.session())
    assert found.unknown == ""
    assert set(found.seconds) == set(found.counted) == set(found.taken) == {KEY}
    assert 3000 < found.seconds[KEY] < 5000
    assert 60 <= found.counted[KEY] < 5000
    assert Decimal("10.2") <= found.taken[KEY] < 100
