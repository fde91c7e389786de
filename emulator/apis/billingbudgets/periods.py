"""Over which time a budget counts. Pure.

Source: comments of `CalendarPeriod` and `CustomPeriod`: all begin at midnight of US Pacific time. As Google's notices
show it, that follows daylight saving time (`costIntervalStart` at 07:00 or 08:00 UTC), though the comments say UTC-8.
"""

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from google.cloud.billing.budgets_v1.types import budget_model

ZONE = ZoneInfo("America/Los_Angeles")
MONTHS = {
    int(budget_model.CalendarPeriod.MONTH): 1,
    int(budget_model.CalendarPeriod.QUARTER): 3,
    int(budget_model.CalendarPeriod.YEAR): 12,
}
LAST = datetime.max.replace(tzinfo=UTC)


def midnight(day: date) -> datetime:
    """The beginning of a day for Google's billing."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def period(budget_filter: Any, now: datetime) -> tuple[datetime, datetime]:
    """The time that a budget counts now: its beginning, and its end, which is no part of it.

    Args:
        budget_filter: Of the budget, with a period.
        now: UTC.
    """
    if budget_filter.WhichOneof("usage_period") == "custom_period":
        custom = budget_filter.custom_period
        end = custom.end_date if custom.HasField("end_date") else None
        # The day that it ends is a part of it.
        return midnight(date_of(custom.start_date)), LAST if end is None else following(date_of(end))
    months = MONTHS[budget_filter.calendar_period]
    today = now.astimezone(ZONE).date()
    first = date(today.year, (today.month - 1) // months * months + 1, 1)
    return midnight(first), midnight(after(first, months))


def after(first: date, months: int) -> date:
    """The first of a month so many months later."""
    total = first.year * 12 + first.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)


def following(day: date) -> datetime:
    """The end of a day."""
    return midnight(date.fromordinal(day.toordinal() + 1)) if day < date(9999, 12, 30) else LAST


def date_of(message: Any) -> date:
    """A date.

    Raises:
        ValueError: There is no such day.
    """
    return date(message.year, message.month, message.day)
