"""Cron as Google takes it."""

import pytest

from schemas.cron import CronError, parse_cron


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("0 3 * * 1", ({0}, {3}, None, set(range(1, 13)), {1})),
        ("*/20 0-2 1,15 jan-mar *", ({0, 20, 40}, {0, 1, 2}, {1, 15}, {1, 2, 3}, None)),
        ("5/30 * * DEC SUN-TUE", ({5, 35}, set(range(24)), None, {12}, {0, 1, 2})),
        ("0 0 * * 7", ({0}, {0}, None, set(range(1, 13)), {0})),
        ("1-9/4 0 */10 * *", ({1, 5, 9}, {0}, {1, 11, 21, 31}, set(range(1, 13)), None)),
    ],
)
def test_fields(text, fields):
    """Numbers, names, lists, ranges, steps; 0 and 7 are Sunday; `*` restricts nothing."""
    cron = parse_cron(text)

    assert (cron.minutes, cron.hours, cron.days, cron.months, cron.weekdays) == fields


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "*-5 * * * *",
        "1,,2 * * * *",
        "* * L * *",
        "? * * * *",
        "@daily",
        "1.5 * * * *",
        "٣ * * * *",
    ],
)
def test_what_is_no_schedule(text):
    """Extensions of other tools are refused, not guessed at."""
    with pytest.raises(CronError):
        parse_cron(text)


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("0 0 31 2 *", True),
        ("0 0 30 2 *", True),
        ("0 0 31 4,6,9,11 *", True),
        ("0 0 29 2 *", False),
        ("0 0 31 2 1", False),
        ("0 0 31 2 */2", True),
    ],
)
def test_dates_that_never_come(text, never):
    """29 February comes; a weekday beside an impossible day makes the schedule possible (either counts)."""
    assert parse_cron(text).never is never


LONGEST = {
    "*/5 * * * *": 300,
    "0 * * * *": 3600,
    "0,40 * * * *": 2400,
    "0 0,1,20 * * *": 19 * 3600,  # most of the day is one gap, and neither the first nor the night
    "50 23 * * *": 86_400,
    "0 6-18 * * *": 12 * 3600,
    "0 9 * * 1-5": 3 * 86_400,
    "0 9 1 * *": 31 * 86_400,
    "0 9 1 * 1": 7 * 86_400,
    "0 9 */10 * *": 10 * 86_400,
    "0 9 * * */3": 3 * 86_400,
    "0 9 */2 * 1": 21 * 86_400,
    "0 0 29 2 *": 1461 * 86_400,
    "*/30 * * 7 *": 335 * 86_400 + 1800,
}


@pytest.mark.parametrize(("text", "seconds"), LONGEST.items())
def test_longest_gap(text, seconds):
    """Over nights, weekends, months and leap years; steps over all days restrict, and both fields then."""
    assert parse_cron(text).longest_gap_s == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("*/5 * * * *", 300),
        ("0 * * * *", 3600),
        ("0 3 * * 1", 86_400),
        ("0,59 1 * * *", 3540),
        ("0,45 8,9 * * *", 900),  # from 8:45 to 9:00, though within an hour they are 45 minutes apart
        ("5,40,50 */6 * * *", 600),
    ],
)
def test_shortest_gap(text, seconds):
    """Two runs of one day; a day where there is only one."""
    assert parse_cron(text).shortest_gap_s == seconds
