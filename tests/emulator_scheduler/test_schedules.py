"""When a schedule comes next; no emulator."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from emulator.apis.scheduler import schedules

PARIS = "Europe/Paris"


def at(text):
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(schedule, zone, after):
    """The times after a time, in local words."""
    while True:
        after = schedules.following(schedule, zone, after)
        yield after.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M %z")


def first(count, schedule, zone, after):
    """So many of them."""
    return list(islice(times(schedule, zone, at(after)), count))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param("0 3 * * *", "2026-11-26T03:00:00", id="daily"),
        pytest.param("*/15 * * * *", "2026-11-25T10:15:00", id="steps"),
        pytest.param("0 10 * * *", "2026-11-26T10:00:00", id="the-moment-itself-is-over"),
        pytest.param("0 3 * * 1", "2026-11-30T03:00:00", id="monday"),
        pytest.param("0 3 * * MON-tue", "2026-11-30T03:00:00", id="names-in-either-case"),
        pytest.param("0 3 * * 7", "2026-11-29T03:00:00", id="seven-is-sunday"),
        pytest.param("0 3 1 * 5", "2026-11-27T03:00:00", id="day-or-weekday"),
        pytest.param("0 3 29 2 *", "2028-02-29T03:00:00", id="leap-day"),
        pytest.param("5,10-12/2 * * jan *", "2027-01-01T00:05:00", id="lists-ranges-and-month"),
        pytest.param("every 2 hours", "2026-11-25T12:00:00", id="interval"),
        pytest.param("every 5 mins", "2026-11-25T10:05:00", id="interval-in-minutes"),
        pytest.param("every 5 minutes", "2026-11-25T10:05:00", id="the-whole-word"),
        pytest.param("every day 09:30", "2026-11-26T09:30:00", id="every-day"),
        pytest.param("every monday, wed 9:00", "2026-11-30T09:00:00", id="days-by-name"),
    ],
)
def test_schedules(schedule, expected):
    """From a Wednesday at ten, in UTC."""
    assert schedules.following(schedule, "Etc/UTC", at("2026-11-25T10:00:00")) == at(expected)


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        ("", "Etc/UTC"),
        ("* * * *", "Etc/UTC"),
        ("* * * * * *", "Etc/UTC"),
        ("60 * * * *", "Etc/UTC"),
        ("0 24 * * *", "Etc/UTC"),
        ("0 0 0 * *", "Etc/UTC"),
        ("0 0 * 13 *", "Etc/UTC"),
        ("0 0 * * 8", "Etc/UTC"),
        ("0 0 L * *", "Etc/UTC"),
        ("0 0 15W * *", "Etc/UTC"),
        ("0 0 * * 5#2", "Etc/UTC"),
        ("0 0 * * 5L", "Etc/UTC"),
        ("0 0 ? * 1", "Etc/UTC"),
        ("*/0 * * * *", "Etc/UTC"),
        ("5-1 * * * *", "Etc/UTC"),
        ("@daily", "Etc/UTC"),
        ("0 0 31 2 *", "Etc/UTC"),
        ("0 0 30 2 *", PARIS),
        ("0 3 * * *", "Europe/Pariss"),
        ("0 3 * * *", "Europe"),
        ("0 3 * * *", "../../etc/passwd"),
        ("0 3 * * *", "/etc/localtime"),
    ],
)
def test_what_is_no_schedule_or_no_zone(schedule, zone):
    """Extensions that other crons know, dates that never come, zones that are not there."""
    with pytest.raises(schedules.ScheduleError):
        schedules.following(schedule, zone, at("2026-11-25T10:00:00"))


@pytest.mark.parametrize(
    "schedule", ["1st monday of month 09:00", "every 5 minutes from 10:00 to 14:00", "every 12 hours synchronized"]
)
def test_words_that_google_knows_and_we_do_not(schedule):
    """They are not called wrong."""
    with pytest.raises(NotImplementedError):
        schedules.following(schedule, "Etc/UTC", at("2026-11-25T10:00:00"))


def test_utc_may_be_written_in_any_case():
    """As the comment of `Job.time_zone` does."""
    for name in ("utc", "UTC", "Utc"):
        assert schedules.following("0 3 * * *", name, at("2026-11-25T10:00:00")) == at("2026-11-26T03:00:00")


def test_an_hour_that_is_left_out():
    """Paris, 28 March 2027, from two to three: the job runs once, right after it; the next day as always."""
    assert first(3, "30 2 * * *", PARIS, "2027-03-27T00:00:00") == [
        "03-27 02:30 +0100",
        "03-28 03:00 +0200",
        "03-29 02:30 +0200",
    ]


def test_an_hour_that_comes_twice():
    """Paris, 31 October 2027, from three back to two: the job runs once, the first time."""
    assert first(3, "30 2 * * *", PARIS, "2027-10-30T00:00:00") == [
        "10-30 02:30 +0200",
        "10-31 02:30 +0200",
        "11-01 02:30 +0100",
    ]


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_asked_in_the_hour_that_comes_twice(minute):
    """In its second coming the job of half past two has run, whatever minute it is: the next one is tomorrow's."""
    after = at("2027-10-31T01:00:00") + timedelta(minutes=minute)

    assert schedules.following("30 2 * * *", PARIS, after) == at("2027-11-01T01:30:00")


def test_several_times_in_an_hour_that_is_left_out():
    """They all fall onto its end, which is one time."""
    assert first(3, "0,20,40 2 * * *", PARIS, "2027-03-27T12:00:00") == [
        "03-28 03:00 +0200",
        "03-29 02:00 +0200",
        "03-29 02:20 +0200",
    ]


@pytest.mark.parametrize("day", ["2027-03-28", "2027-10-31"])
def test_a_job_of_every_so_many_minutes_follows_elapsed_time(day):
    """Half an hour is half an hour, also where clocks change."""
    found = [at(f"{day}T00:00:00")]
    for _ in range(6):
        found += [schedules.following("*/30 * * * *", PARIS, found[-1])]

    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=30)}
