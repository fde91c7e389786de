"""What instances take of what they have, stretch by stretch: CPU time, memory, and requests they had at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.processes.taken import Taken, taken

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from emulator.processes.model import Size


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one instance was up to for a time.

    Attributes:
        since: When it began; virtual time.
        until: When it ended, or when Cloud Run would have ended the instance.
        cpu_s: CPU time taken in it; None where that cannot be told.
        memory_bytes: Memory at its end; None where that cannot be told.
        most: Requests at once, at the most.
        last: Requests at its end.
    """

    since: datetime
    until: datetime
    cpu_s: float | None
    memory_bytes: int | None
    most: int
    last: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What the instances of a revision were up to since this was last asked.

    Attributes:
        revision: Full name.
        size: Of each.
        stretches: One for each instance that is there.
        starts_s: How long those took that started, in real seconds.
    """

    revision: str
    size: Size
    stretches: tuple[Stretch, ...]
    starts_s: tuple[float, ...]


class Gauge:
    """Of one instance. Only the loop's thread touches it.

    Args:
        now: Virtual time at which it is ready.
        pids: Of its containers; none where what they take is not to be known.
    """

    def __init__(self, now: datetime, pids: Sequence[int]) -> None:
        self._pids = tuple(pids)
        self._since = now
        self._before = taken(self._pids)
        self._most = 0

    def entered(self, in_flight: int) -> None:
        """Hear that a request came in; that many are there now."""
        self._most = max(self._most, in_flight)

    def turn(self, now: datetime, until: datetime, in_flight: int) -> Stretch:
        """End a stretch, and begin the next one.

        Args:
            now: Virtual time.
            until: Not later: until when Cloud Run would have had the instance.
            in_flight: Requests that are there.
        """
        found = taken(self._pids)
        cpu_s = _between(self._before, found)
        stretch = Stretch(self._since, until, cpu_s, found.memory_bytes if found else None, self._most, in_flight)
        self._since, self._before, self._most = now, found, in_flight
        return stretch


def _between(before: Taken | None, after: Taken | None) -> float | None:
    """CPU time of a stretch: what a child took that ended and was not waited for is lost."""
    return None if before is None or after is None else max(0.0, after.cpu_s - before.cpu_s)
