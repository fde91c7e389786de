"""What time it is: the system's, or an emulator's, which goes on faster, or by leaps."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_CLOCK_FRESH_S = 0.5
_CLOCK_WITHIN_S = 5.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def clock(emulator: str = "") -> Callable[[], datetime]:
    """Give what tells the time.

    Args:
        emulator: Address of its HTTP side; empty for the system's time.
    """
    return EmulatedClock(emulator) if emulator else lambda: datetime.now(UTC)


@dataclass(slots=True)
class EmulatedClock:
    """The emulator's time, which goes on faster, or by leaps.

    Args:
        http: Address of the emulator.
        ticks: Gives seconds that only go forward.
    """

    http: str
    ticks: Callable[[], float] = time.monotonic
    _ahead: timedelta = timedelta()
    _asked: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> datetime:
        """Give the time there; where nobody answers, as it was last."""
        with self._lock:
            if self.ticks() - self._asked > _CLOCK_FRESH_S:
                self._asked = self.ticks()
                self._ahead = self._told() or self._ahead
        return datetime.now(UTC) + self._ahead

    def _told(self) -> timedelta | None:
        try:
            with _DIRECT.open(f"{self.http}/_emulator/clock", timeout=_CLOCK_WITHIN_S) as answer:
                return timedelta(seconds=float(json.loads(answer.read())["offset_s"]))
        except (OSError, ValueError, KeyError):
            return None
