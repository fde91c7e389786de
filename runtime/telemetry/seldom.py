"""What may go wrong with every request is told at once, and then seldom: tracebacks ten times a second cost money."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S = 60.0


class Seldom:
    """Counts what goes wrong, and says when it is to be told.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._told: dict[object, float] = {}
        self._since: dict[object, int] = {}

    def due(self, kind: object, count: int) -> int:
        """Count some, and give how many there were since this kind was told; 0 where that was in the last minute.

        Args:
            kind: What went wrong: of another kind the first is told at once. There are few of them.
            count: How often, or of how many it cost.
        """
        total = self._since.get(kind, 0) + count
        now = self._clock()
        if kind in self._told and now - self._told[kind] < EVERY_S:
            self._since[kind] = total
            return 0
        self._told[kind], self._since[kind] = now, 0
        return total
