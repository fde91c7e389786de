"""When a schedule comes next, in its time zone.

Cron fields go to cronsim, which does as Debian's cron does when clocks change: a job of fixed times that falls into the
hour that is left out runs right after it, one in the hour that comes twice runs once; a job of every so many minutes or
hours (its field begins with `*`) follows elapsed time.

Source: https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules, for the fields and for `every 2 hours`;
how Google's own service behaves when clocks change is not documented.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

ITEM = r"(\*|\d+|[a-z]{3})(-(\d+|[a-z]{3}))?(/\d+)?"
CRON = re.compile(rf"{ITEM}(,{ITEM})*(\s+{ITEM}(,{ITEM})*){{4}}", re.IGNORECASE)
"""Five fields without the extensions `L`, `W`, `#` and `?`, which cronsim takes and Google does not."""
INTERVAL = re.compile(r"every (?P<count>[1-9]\d{0,4}) (?P<unit>minutes|mins|hours)")
DAY = r"(?:sun|mon|tue|wed|thu|fri|sat)[a-z]*"
DAILY = re.compile(rf"every (?P<days>day|{DAY}(?:, ?{DAY})*) (?P<hour>\d\d?):(?P<minute>\d\d)")
ENGLISH = re.compile(r"(every|[1-9](st|nd|rd|th)|first|second|third|fourth|fifth)[ ,].*")


class ScheduleError(ValueError):
    """No schedule, no time zone, or a date that never comes."""


def following(schedule: str, time_zone: str, after: datetime) -> datetime:
    """The first time after `after`, in UTC.

    Raises:
        ScheduleError: There is none.
        NotImplementedError: The schedule is in words that Google knows and we do not.
    """
    zone, text = zone_of(time_zone), " ".join(schedule.lower().split())
    if interval := INTERVAL.fullmatch(text):
        unit = "hours" if interval["unit"] == "hours" else "minutes"
        # At the whole minute: the recorded job of 14:11:50 was to run at 16:11.
        return (after + timedelta(**{unit: int(interval["count"])})).replace(second=0, microsecond=0)
    return next_of(cron_of(text), zone, after)


def is_cron(schedule: str) -> bool:
    """Whether a schedule is written as cron fields."""
    return CRON.fullmatch(schedule.strip()) is not None


def zone_of(name: str) -> tzinfo:
    """A time zone by its name in the tz database, or `utc` (comment of `Job.time_zone`)."""
    try:
        return ZoneInfo("Etc/UTC" if name.lower() == "utc" else name)
    except (KeyError, ValueError, OSError) as error:
        raise ScheduleError(f"{name!r} is no time zone") from error


def cron_of(text: str) -> str:
    """The five fields of a schedule."""
    if daily := DAILY.fullmatch(text):
        days = "*" if daily["days"] == "day" else ",".join(day.strip()[:3] for day in daily["days"].split(","))
        return f"{int(daily['minute'])} {int(daily['hour'])} * * {days}"
    if is_cron(text):
        return text
    if ENGLISH.fullmatch(text):
        raise NotImplementedError(text)
    raise ScheduleError(f"{text!r} is no schedule")


def next_of(fields: str, zone: tzinfo, after: datetime) -> datetime:
    """The first time of a cron expression after `after`."""
    try:
        for local in CronSim(fields, after.astimezone(zone)):
            # cronsim counts local times. In an hour that comes twice it begins with the first one, which may be over.
            if (found := local.astimezone(UTC)) > after:
                return found
    except CronSimError as error:
        raise ScheduleError(str(error)) from error
    raise ScheduleError(f"{fields!r} never comes")
