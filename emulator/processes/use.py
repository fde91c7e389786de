"""For how long instances ran, and for how long of that they answered: what Cloud Run bills.

Source: https://cloud.google.com/run/docs/configuring/billing-settings (an instance that has a request is billed, to the
next 100 ms; without one, where CPU is always allocated, or at the price of idle ones where it is kept).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Use:
    """What the instances of a revision were up to.

    Attributes:
        since: From when on; virtual time.
        busy_s: They had requests.
        kept_s: They had none, and are kept all the same.
        idle_s: They had none, and wait for some.
    """

    since: datetime
    busy_s: float = 0.0
    kept_s: float = 0.0
    idle_s: float = 0.0

    def and_of(self, other: Use) -> Use:
        """Add another one."""
        return Use(
            min(self.since, other.since),
            self.busy_s + other.busy_s,
            self.kept_s + other.kept_s,
            self.idle_s + other.idle_s,
        )


class Meter:
    """Counts for one instance, stretch by stretch. Only the loop's thread touches it.

    Args:
        now: Virtual time at which it is ready.
        idle_most_s: For how long one that is not kept waits for requests: Cloud Run would have ended it then, also
            where the clock was moved on faster than the emulator looks.
    """

    def __init__(self, now: datetime, idle_most_s: float) -> None:
        self._since = now
        self._idle_most_s = idle_most_s
        self._waited_s = 0.0
        self._busy = False

    def turn(self, now: datetime, *, busy: bool, kept: bool) -> Use:
        """End a stretch, and begin the next one.

        Args:
            now: Virtual time.
            busy: Whether it has requests from now on.
            kept: Whether it counts among those that are kept, as far as it had none.

        Returns:
            What the stretch was.
        """
        now = max(now, self._since)  # who asks may have been told of more
        lasted_s = (now - self._since).total_seconds()
        began, was_busy = self._since, self._busy
        self._since, self._busy = now, busy
        if was_busy:
            self._waited_s = 0.0
            return Use(began, busy_s=math.ceil(round(lasted_s / STEP_S, 6)) * STEP_S)
        if kept:
            return Use(began, kept_s=lasted_s)
        counted_s = min(lasted_s, max(0.0, self._idle_most_s - self._waited_s))
        self._waited_s = 0.0 if busy else self._waited_s + lasted_s
        return Use(began, idle_s=counted_s)
