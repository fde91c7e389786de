"""The month that Google bills by: it begins at midnight in Los Angeles."""

from __future__ import annotations

from datetime import UTC, date, datetime

_SUMMER, _WINTER = 7, 8
"""Hours that Los Angeles is behind UTC."""
_SUMMER_MONTHS = range(4, 12)
"""Months whose first midnight is in summer time: that begins on a Sunday from the 8th of March on, and ends on one of
the first seven days of November, at two in the morning (15 U.S.C. 260a). So no table of time zones is needed here,
which not every machine has."""
_DECEMBER = 12


def start_of(now: datetime) -> datetime:
    """Give when the billing month of a moment began.

    Args:
        now: The moment, aware.

    Returns:
        In UTC.

    Source:
        cloud.google.com/billing/docs/how-to/budgets: periods begin at 12 AM US and Canadian Pacific Time.
    """
    at = now.astimezone(UTC)
    this = _first(at.year, at.month)
    if at >= this:
        return this
    return _first(at.year - 1, _DECEMBER) if at.month == 1 else _first(at.year, at.month - 1)


def end_of(now: datetime) -> datetime:
    """Give when the billing month of a moment ends, which is when the next one begins.

    Args:
        now: The moment, aware.
    """
    start = start_of(now)
    return _first(start.year + 1, 1) if start.month == _DECEMBER else _first(start.year, start.month + 1)


def day_of(moment: datetime) -> str:
    """Name the day on which a month ends or begins, by the clock of Los Angeles: `1 December`."""
    at = moment.astimezone(UTC)
    named = date(at.year, at.month, at.day)
    return f"{named.day} {named:%B}"


def _first(year: int, month: int) -> datetime:
    return datetime(year, month, 1, _SUMMER if month in _SUMMER_MONTHS else _WINTER, tzinfo=UTC)
