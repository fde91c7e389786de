"""What Cloud Run's instances used is on the bill, at the emulator's own prices."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.apis.billingbudgets import metering
from emulator.apis.monitoring.billed import LONGEST, points
from emulator.processes.billable import Spell, Spells
from emulator.processes.model import Size
from emulator.processes.use import Meter, Use
from tests.emulator_run.cloud import Cloud, service

START = datetime(2026, 5, 1, tzinfo=UTC)
IDLE_MOST_S = 900
STRETCHES = st.lists(st.tuples(st.integers(0, 4000), st.booleans(), st.booleans()), max_size=12)


def metered(stretches):
    """What a meter tells of stretches: how long each, whether it is busy after it, whether it is kept."""
    meter, now = Meter(START, IDLE_MOST_S), START
    for lasts_s, busy, kept in stretches:
        now += timedelta(seconds=lasts_s)
        yield meter.turn(now, busy=busy, kept=kept)


@given(STRETCHES)
def test_no_time_is_billed_twice(stretches):
    """All kinds of it together are never longer than the instance was there, and each stretch is of one kind."""
    found = [*metered(stretches)]

    assert all((each.busy_s > 0) + (each.kept_s > 0) + (each.idle_s > 0) <= 1 for each in found)
    assert sum(each.busy_s + each.kept_s + each.idle_s for each in found) <= sum(s for s, *_ in stretches) + 1e-6


@given(STRETCHES)
def test_who_waits_for_long_is_not_billed_for_it(stretches):
    """Between two requests at most for as long as Cloud Run keeps an instance that nobody needs."""
    waited_s = 0.0
    for each, (_, busy, kept) in zip(metered(stretches), stretches, strict=True):
        waited_s = 0.0 if busy or kept else waited_s + each.idle_s
        assert waited_s <= IDLE_MOST_S


def test_a_request_is_billed_to_the_next_tenth_of_a_second():
    """Source: https://cloud.google.com/run/docs/configuring/billing-settings."""
    meter = Meter(START, IDLE_MOST_S)
    meter.turn(START, busy=True, kept=False)

    assert meter.turn(START + timedelta(milliseconds=210), busy=False, kept=False).busy_s == pytest.approx(0.3)


STEPS = st.lists(
    st.tuples(st.integers(0, 20_000), st.lists(st.floats(0, 1), max_size=3), st.integers(0, 600), st.booleans()),
    max_size=9,
)


@given(STEPS)
def test_what_is_drawn_is_what_is_billed(steps):
    """Whoever asks when: every second once, in whole minutes that no other point of the series has."""
    spells, now, added, drawn = Spells(), START, [], []
    for lasts_s, shares, ago_s, asked in steps:
        began, now = now, now + timedelta(seconds=lasts_s)
        for share in shares:  # of several instances
            spell = Spell(began + (now - began) * share, now, lasts_s * (1 - share) + 0.1)
            spells.add(spell)
            added.append(spell.seconds)
        if asked:
            drawn += points(spells.take((now - timedelta(seconds=ago_s)).replace(second=0)))
    drawn += points(spells.take(now + timedelta(days=1)))

    assert sum(seconds for *_, seconds in drawn) == pytest.approx(sum(added))
    assert all(start < end <= start + LONGEST for start, end, _ in drawn)
    assert all(one[1] <= other[0] for one, other in pairwise(drawn))
    assert len(spells) == 0


@pytest.mark.parametrize(
    ("size", "region", "costs"),
    [
        pytest.param(Size(2, 1), "europe-west1", "2.6", id="by-request"),
        pytest.param(Size(2, 1), "europe-west3", "3.64", id="in-a-dearer-region"),
        pytest.param(Size(2, 1, always=True), "europe-west1", "41.8", id="for-its-life"),
        pytest.param(Size(4, 16, "nvidia-l4", always=True), "europe-west1", "319.77", id="with-a-gpu"),
    ],
)
def test_prices(size, region, costs):
    """50,000 s with requests, 10,000 s kept without, 1,040,000 s idle: the last counts where CPU is always there."""
    use = Use(START, busy_s=50_000, kept_s=10_000, idle_s=1_040_000)

    assert metering.price(size, use, region) == Decimal(costs)


@pytest.mark.slow
def test_a_kept_instance_is_on_the_bill_of_its_project_with_its_labels(bill):
    """Ten hours of it, as the service is labelled; one that nobody calls and nobody keeps costs nothing."""
    cloud = Cloud(bill.emulator)
    kept = service(container={"resources": {"limits": {"cpu": "1", "memory": "512Mi"}}})
    kept.template.scaling.min_instance_count = 1
    kept.labels["team"] = "growth"
    cloud.create("kept", kept)
    cloud.create("idle")
    bill.costs()

    bill.emulator.advance(36_000)

    found, of_an_hour = bill.costs(team="growth"), Decimal("0.000019") * 3600
    assert 9 * of_an_hour < found < 11 * of_an_hour
    assert {line["labels"].get("team") for line in bill.lines()} == {"growth"}
    cloud.services.delete_service(name="projects/local/locations/europe-west1/services/kept").result(timeout=30)
    before = bill.costs()
    bill.emulator.advance(36_000)
    assert bill.costs() == before
