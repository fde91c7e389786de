"""How many passes were due in a time: what tells a job that has nothing to say from one that does not run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from schemas.cron import CronError, parse_cron

_MOST_DAYS = 800
"""A schedule that does not fire in two years is taken to never fire."""


def due(schedule: str, zone: tzinfo, after: datetime, until: datetime, *, most: int) -> int:
    """Count the moments at which a schedule fires.

    Args:
        schedule: Cron, five fields.
        zone: Its time zone.
        after: The first moment that does not count.
        until: The last one that does.
        most: Where counting ends.

    Returns:
        0 where the schedule cannot be read.
    """
    try:
        cron = parse_cron(schedule)
        first, last = after.astimezone(zone), until.astimezone(zone)
    except (CronError, OverflowError):
        return 0
    count = 0
    for number in range(min(_MOST_DAYS, (last.date() - first.date()).days + 1)):
        day = first.date() + timedelta(days=number)
        if not cron.runs_on(day):
            continue
        for minute in sorted(hour * 60 + minute for hour in cron.hours for minute in cron.minutes):
            moment = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone).astimezone(UTC)
            count += after < moment <= until
            if count >= most:
                return count
    return count
