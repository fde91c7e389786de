"""How many passes were due in a time: what tells a job that has nothing to say from one that does not run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.cron import Cron, CronError, parse_cron

_MOST_DAYS = 800
"""A schedule that does not fire in two years is taken to never fire."""


@lru_cache(maxsize=256)  # of one report it is asked for each service that it tells of
def due(schedule: str, time_zone: str, after: datetime, until: datetime, *, most: int) -> int:
    """Count the moments at which a schedule fires.

    Args:
        schedule: Cron, five fields.
        time_zone: Name of its time zone.
        after: The first moment that does not count.
        until: The last one that does.
        most: Where counting ends.

    Returns:
        0 where the schedule cannot be read.
    """
    try:
        cron, zone = parse_cron(schedule), ZoneInfo(time_zone)
        first, last = after.astimezone(zone), until.astimezone(zone)
    except (CronError, ValueError, OSError, KeyError, OverflowError):
        return 0
    count = 0
    for number in range(min(_MOST_DAYS, (last.date() - first.date()).days + 1)):
        day = first.date() + timedelta(days=number)
        if not _fits(cron, day.month, day.day, day.isoweekday() % 7):
            continue
        for minute in sorted(hour * 60 + minute for hour in cron.hours for minute in cron.minutes):
            moment = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone).astimezone(UTC)
            count += after < moment <= until
            if count >= most:
                return count
    return count


def _fits(cron: Cron, month: int, day: int, weekday: int) -> bool:
    """Tell whether it fires on a day; days of month and of week are either, where both are said."""
    if month not in cron.months:
        return False
    said = [number in chosen for number, chosen in ((day, cron.days), (weekday, cron.weekdays)) if chosen is not None]
    return any(said) or not said
