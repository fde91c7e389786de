"""Time as an argument: what a run asks instead of the machine, so that a test says what time it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from reconciler.core.due import zone_of


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> datetime:
        """Give the time of day, in UTC: what is written down and compared with what others wrote."""

    def monotonic(self) -> float:
        """Give seconds that never go back: what patience is measured with."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """This machine's clock.

    Args:
        ahead: How far the world at hand is ahead: the emulator's clock may be moved.
    """

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """Give the time of day in the world at hand."""
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        """Give this machine's monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)


def by_the_wall(now: datetime, zone: str) -> datetime:
    """Give a time by the clock of a time zone.

    Args:
        now: The time.
        zone: A name of the tz database.

    Raises:
        UsageError: There is no such zone here.
    """
    return now.astimezone(zone_of(zone))
