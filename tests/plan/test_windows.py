"""Warm windows: open when their schedule says so and a little before, by the clock of their zone, the widest first."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.facts import Facts
from reconciler.core.windows import AHEAD, kept_s, least_at, next_after, open_at
from reconciler.cost.warm import shares
from reconciler.kinds import run_service
from schemas.cron import parse_cron
from schemas.sections.resources import Scaling
from schemas.service import MLService
from tests.operating import spec

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EARLY = int(AHEAD / MINUTE)
STEP, STEPS = 5, 7 * 24 * 12
"""Minutes that all these windows begin and end with, and how often they come in a week."""
WINDOWS = st.lists(
    st.fixed_dictionaries(
        {
            "schedule": st.sampled_from(["0 8 * * *", "30 22 * * 1-5", "0 */6 * * *", "15 23 * * 0", "0 0 * * 6"]),
            "lasts": st.sampled_from(["5m", "7h", "30h", "7d"]),
            "minInstances": st.integers(1, 9),
        }
    ),
    max_size=3,
)


def scaling(*windows, least=0):
    """A section."""
    return Scaling.model_validate({"minInstances": least, "maxInstances": 10, "windows": list(windows)})


def by_hand(section, moment):
    """How many are warm at a minute: every schedule is tried at each minute before."""
    found = [section.min_instances]
    for window in section.windows:
        cron = parse_cron(window.schedule)
        for back in range(int(window.lasts_s) // 60):
            fired = moment - back * MINUTE
            if fired.minute in cron.minutes and fired.hour in cron.hours and cron.runs_on(fired.date()):
                found.append(window.min_instances)
                break
    return max(found)


@given(WINDOWS, st.integers(0, 3), st.integers(0, 40), st.integers(0, 40))
def test_seconds_kept_are_those_of_open_windows_and_a_little_more(windows, least, hours, later):
    """Never less than what was kept at each moment, and beyond it what a pass that comes late leaves open."""
    section, since = scaling(*windows, least=least), MONDAY + hours * 60 * MINUTE
    until = since + later * 60 * MINUTE
    every = [since + (minute + 0.5) * STEP * MINUTE for minute in range(later * 60 // STEP)]
    exact_s = sum(least_at(section, moment) for moment in every) * STEP * 60
    late_s = sum(max(least_at(section, moment), least_at(section, moment - AHEAD)) for moment in every) * STEP * 60

    assert exact_s <= kept_s(section, least, since, until) <= late_s


@given(WINDOWS, st.integers(0, 3), st.integers(0, 7 * 24 * 60 - 1))
def test_as_many_as_the_widest_open_window(windows, least, minute):
    """At any minute those of the open window with the most; from a little before, those of the one that opens then."""
    section, now = scaling(*windows, least=least), MONDAY + minute * MINUTE

    soon = max(by_hand(section, now + early * MINUTE) for early in range(int(AHEAD / MINUTE) + 1))

    assert by_hand(section, now) <= least_at(section, now) == max(soon, section.min_instances)
    assert least_at(section, None) == section.min_instances


@given(WINDOWS, st.integers(0, 3))
def test_shares_are_those_of_a_week(windows, least):
    """What is priced is what is kept warm, the minutes before included, five minutes by five minutes."""
    section = scaling(*windows, least=least)
    counted: dict[int, int] = {}
    spans = [
        (
            (day * 1440 + hour * 60 + minute - EARLY) // STEP,
            (int(window.lasts_s) // 60 + EARLY) // STEP,
            window.min_instances,
        )
        for window in section.windows
        for cron in [parse_cron(window.schedule)]
        for day in range(7)
        if cron.runs_on((MONDAY + timedelta(days=day)).date())
        for hour in cron.hours
        for minute in cron.minutes
    ]
    for step in range(STEPS):
        most = max((many for first, lasts, many in spans if (step - first) % STEPS < lasts), default=0)
        if most > least:
            counted[most] = counted.get(most, 0) + 1

    assert dict(shares(section)) == {many: Decimal(steps) / STEPS for many, steps in counted.items()}


def test_a_window_goes_by_the_clock_on_the_wall():
    """Half past seven in Paris is another moment of the world in summer."""
    section = scaling({"schedule": "30 7 * * *", "timeZone": "Europe/Paris", "lasts": "2h", "minInstances": 2})

    for day, opens in (((2026, 7, 1), 5), ((2026, 12, 1), 6)):
        begins = datetime(*day, opens, 30, tzinfo=UTC)
        assert [least_at(section, begins + timedelta(minutes=at)) for at in (-11, -10, 0, 119, 120)] == [0, 2, 2, 2, 0]
        assert open_at(section, begins).ends == begins + timedelta(hours=2)
        assert next_after(section, begins - timedelta(hours=1)).begins == begins


def test_a_schedule_of_days_of_the_month_is_priced_over_years():
    """The first of each month, all day and ten minutes: 48 times in 1461 days."""
    section = scaling({"schedule": "0 0 1 * *", "lasts": "1d", "minInstances": 1})

    assert shares(section) == ((1, Decimal(48 * (24 * 60 + EARLY)) / (1461 * 24 * 60)),)
    assert next_after(section, datetime(2026, 11, 2, tzinfo=UTC)) is None, "not within eight days"


WHO, PLACE = "the next pass of the operator, or an apply", "scaling.windows[0]"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (MONDAY, (f"2 instances kept warm from 2026-11-30 08:00 UTC to 2026-11-30 18:00 UTC, by {WHO}", PLACE)),
        (
            MONDAY + timedelta(hours=9),
            (f"2 instances kept warm until 2026-11-30 18:00 UTC, and then until {WHO}", PLACE),
        ),
    ],
)
def test_a_plan_says_what_the_clock_does(now, said):
    """Which window is open, or opens next."""
    asked = spec(scaling={"windows": [{"schedule": "0 8 * * 1-5", "lasts": "10h", "minInstances": 2}]})

    notes = [*run_service.notes(MLService.model_validate(asked), Facts("p", "b", "image@sha256:" + "0" * 64, now=now))]

    assert [(text, path) for text, path in notes if "warm" in text] == [said]
