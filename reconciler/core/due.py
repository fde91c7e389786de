"""When a schedule fires: what tells a job that has nothing to say from one that does not run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from reconciler.core.errors import UsageError
from schemas.cron import Cron, CronError, parse_cron

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
        count = 0
        for _ in moments(parse_cron(schedule), zone, after, until):
            count += 1
            if count >= most:
                break
    except (CronError, OverflowError):
        return 0
    return count


def moments(cron: Cron, zone: tzinfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """Give the moments at which a schedule fires, in UTC, one after the other.

    Args:
        cron: The schedule.
        zone: Its time zone.
        after: The first moment that does not count.
        until: The last one that does.

    Raises:
        OverflowError: Beyond the years that Python knows.
    """
    first, last = after.astimezone(zone).date(), until.astimezone(zone).date()
    minutes = sorted(hour * 60 + minute for hour in cron.hours for minute in cron.minutes)
    for number in range(min(_MOST_DAYS, (last - first).days + 1)):
        day = first + timedelta(days=number)
        if not cron.runs_on(day):
            continue
        for minute in minutes:
            moment = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone).astimezone(UTC)
            if after < moment <= until:
                yield moment


def zone_of(name: str) -> tzinfo:
    """Give a time zone of this machine.

    Raises:
        UsageError: There is no such zone here.
    """
    if name in {"UTC", "Etc/UTC"}:  # also where the machine knows no zones
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - most runs look at no zone

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"'{name}' is no time zone here", hint="a name of the tz database: Europe/Paris") from error
