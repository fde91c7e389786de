"""When a schedule runs: `TZ=Europe/Berlin 0 6 * * *`, from its start to its end, so many times.

Source: comments of `Schedule`. Pure.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.apis.scheduler import schedules

ZONED = re.compile(r"(?:CRON_)?TZ=(?P<zone>\S+)\s+(?P<fields>.*)", re.DOTALL)


def wrong(cron: str) -> str:
    """What is wrong with a cron line; nothing, where it comes again one day."""
    fields, zone = parted(cron)
    if not schedules.is_cron(fields):
        return f'"{cron}" does not have five cron fields.'
    try:
        schedules.following(fields, zone, datetime(2026, 1, 1, tzinfo=UTC))
    except schedules.ScheduleError as error:
        return f'"{cron}": {error}.'
    return ""


def parted(cron: str) -> tuple[str, str]:
    """The fields and the time zone of a cron line."""
    found = ZONED.fullmatch(cron.strip())
    return (found["fields"].strip(), found["zone"]) if found else (cron.strip(), "UTC")


def following(schedule: Any, after: datetime) -> datetime | None:
    """The next run after a moment, UTC; None: the schedule is over.

    Args:
        schedule: `Schedule`, checked.
        after: Of what comes at this very moment, nothing.
    """
    if schedule.max_run_count and schedule.started_run_count >= schedule.max_run_count:
        return None
    start = schedule.start_time.ToDatetime(UTC)
    fields, zone = parted(schedule.cron)
    # A run may be at the very start.
    due = schedules.following(fields, zone, max(after, start - timedelta(microseconds=1)))
    return None if schedule.HasField("end_time") and due > schedule.end_time.ToDatetime(UTC) else due
