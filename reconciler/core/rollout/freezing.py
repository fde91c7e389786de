"""When no version gets more traffic, by the clock on a wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_DAY_MINUTES = 24 * 60
_WEEK = 7 * _DAY_MINUTES
_MOST = 64
"""Windows that may follow on one another."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A time in which versions stay as they are: one of every week, or some days.

    Args:
        begins: Minute of the week, 0 is Monday at midnight; without effect where days are given.
        ends: The first minute that is open again; before `begins` where it lasts over Sunday night.
        first: The first day of some.
        last: The last one, which is closed, too.
    """

    begins: int = 0
    ends: int = 0
    first: date | None = None
    last: date | None = None

    def until(self, wall: datetime) -> datetime | None:
        """Give when it ends by the same clock; None where it is not now."""
        if self.first is not None and self.last is not None:
            after = datetime.combine(self.last + timedelta(days=1), time())
            return after if self.first <= wall.date() <= self.last else None
        minute = wall.weekday() * _DAY_MINUTES + wall.hour * 60 + wall.minute
        since, lasts = (minute - self.begins) % _WEEK, (self.ends - self.begins) % _WEEK
        if since >= lasts:
            return None
        return wall.replace(second=0, microsecond=0) + timedelta(minutes=lasts - since)


def frozen_until(windows: Sequence[Closed], zone: tzinfo, now: datetime) -> datetime | None:
    """Give the next moment that is open; None where it is open now.

    A window begins and ends by the clock on the wall, so the night in which clocks change makes it an hour shorter or
    longer.

    Args:
        windows: When it is closed.
        zone: Of the clock.
        now: The time, aware.

    Returns:
        In UTC. Where windows never end, a moment that is still closed.
    """
    moment = now.astimezone(UTC)
    for _ in range(_MOST):
        wall = moment.astimezone(zone).replace(tzinfo=None)
        ends = max((end for each in windows if (end := each.until(wall)) is not None), default=None)
        if ends is None:
            return moment if moment != now.astimezone(UTC) else None
        # A time that comes twice is the first of the two, unless that is past; one that never comes is an hour later.
        later = ends.replace(tzinfo=zone).astimezone(UTC)
        moment = later if later > moment else ends.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return moment
