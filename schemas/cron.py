"""Cron expressions as Cloud Scheduler and Vertex AI take them: five fields, no extensions.

Source:
    https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules
"""

import itertools
import re
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.refusal import shown

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ITEM = re.compile(r"(?P<first>\*|[0-9]{1,4}|[a-z]{3})(-(?P<last>[0-9]{1,4}|[a-z]{3}))?(/(?P<step>[0-9]{1,4}))?")
_DAY_MINUTES = 24 * 60
_MONTHS_OF_A_YEAR = 12
_FIRST_DAY, _CALENDAR_DAYS = date(2024, 1, 1), 28 * 366


class CronError(ValueError):
    """Not a schedule. The text says why, and begins with the part that is wrong."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()
    first_word: int = 0


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    _Field("day of week", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes a schedule fires in. `days` and `weekdays` (0 is Sunday) are None where the field begins with `*`."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None

    @property
    def never(self) -> bool:
        """Whether no date fits, as with 31 February."""
        if self.weekdays is not None or self.days is None:
            return False
        return all(min(self.days) > _DAYS_OF_MONTH[month - 1] for month in self.months)

    @property
    def shortest_gap_s(self) -> int:
        """Least seconds between two runs of one day; a day where there is one run a day or fewer."""
        runs = sorted(hour * 60 + minute for hour in self.hours for minute in self.minutes)
        gaps = [later - earlier for earlier, later in itertools.pairwise(runs)]
        return min(gaps, default=_DAY_MINUTES) * 60

    @property
    def longest_gap_s(self) -> int:
        """Most seconds from one run to the next, where clocks do not change."""
        runs = sorted(hour * 60 + minute for hour in self.hours for minute in self.minutes)
        within = max((later - earlier for earlier, later in itertools.pairwise(runs)), default=0)
        over_night = self._days_apart * _DAY_MINUTES - runs[-1] + runs[0]
        return max(within, over_night) * 60

    @property
    def _days_apart(self) -> int:
        """Most days from one day with runs to the next, over the 28 years in which calendars come round."""
        if self.days is None and self.weekdays is None and len(self.months) == _MONTHS_OF_A_YEAR:
            return 1
        found = [day for day in range(_CALENDAR_DAYS) if self.runs_on(_FIRST_DAY + timedelta(days=day))]
        return max((later - earlier for earlier, later in itertools.pairwise(found)), default=_CALENDAR_DAYS)

    def runs_on(self, day: date) -> bool:
        """Tell whether there are runs on a day: where days of month and of week are both given, either will do."""
        if day.month not in self.months:
            return False
        asked = [
            given
            for given, fits in ((self.days, day.day), (self.weekdays, day.isoweekday() % 7))
            if given is not None and fits in given
        ]
        return bool(asked) or (self.days is None and self.weekdays is None)


def parse_cron(text: str) -> Cron:
    """Read five fields.

    Raises:
        CronError: With what is wrong.
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        counted = f"{len(parts)} field{'' if len(parts) == 1 else 's'}"
        raise CronError(f"{counted} instead of five: minute, hour, day of month, month, day of week")
    minutes, hours, days, months, weekdays = (_values(part, field) for part, field in zip(parts, _FIELDS, strict=True))
    return Cron(
        minutes=minutes,
        hours=hours,
        days=None if parts[2].startswith("*") else days,
        months=months,
        weekdays=None if parts[4].startswith("*") else frozenset(day % 7 for day in weekdays),
    )


def _values(part: str, field: _Field) -> frozenset[int]:
    found: set[int] = set()
    for item in part.split(","):
        found |= _range(item, field)
    return frozenset(found)


def _range(item: str, field: _Field) -> set[int]:
    match = _ITEM.fullmatch(item.lower())
    if not match:
        raise CronError(f"{shown(item)} is not a {field.name}: write numbers, lists (1,2), ranges (1-5), steps (*/5)")
    if match["first"] == "*":
        if match["last"]:
            raise CronError(f"{shown(item)} is not a {field.name}")
        first, last = field.least, field.most
    else:
        first = _number(match["first"], field)
        last = _number(match["last"], field) if match["last"] else field.most if match["step"] else first
    step = int(match["step"] or 1)
    if step == 0 or first > last:
        raise CronError(f"{shown(item)} is an empty {field.name}")
    return set(range(first, last + 1, step))


def _number(text: str, field: _Field) -> int:
    if text in field.words:
        return field.words.index(text) + field.first_word
    if not (text.isascii() and text.isdigit()) or not field.least <= int(text) <= field.most:
        raise CronError(f"{shown(text)} is not a {field.name}: {field.least} to {field.most}")
    return int(text)
