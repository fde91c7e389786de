"""When a window is to be judged: the minutes of a schedule, read by the reconciler. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Times:
    """The minutes that a cron expression names, in UTC.

    Args:
        minutes: Of an hour.
        hours: Of a day.
        days: Of a month; None for all.
        months: Of a year.
        weekdays: 0 is Sunday; None for all.
        either: A day that is one of `days` or of `weekdays` will do.
    """

    minutes: Collection[int]
    hours: Collection[int]
    days: Collection[int] | None
    months: Collection[int]
    weekdays: Collection[int] | None
    either: bool

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Times:
        """Read what the reconciler wrote."""
        return cls(**told)

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """Give the times after one moment, up to and with another, in order.

        Args:
            after: Aware.
            until: Aware; some days later at most, each minute of which is looked at.
        """
        first, last = after.astimezone(UTC), until.astimezone(UTC)
        days = (first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1))
        found = (
            datetime.combine(day, time(hour, minute), UTC)
            for day in days
            if self._on(day)
            for hour in sorted(self.hours)
            for minute in sorted(self.minutes)
        )
        return [each for each in found if first < each <= last]

    def _on(self, day: date) -> bool:
        of_month = self.days is None or day.day in self.days
        of_week = self.weekdays is None or day.isoweekday() % 7 in self.weekdays
        return (of_month or of_week if self.either else of_month and of_week) and day.month in self.months
