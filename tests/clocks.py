"""A clock that tests hold in their hands: time passes when somebody sleeps, and at once."""

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Counts seconds instead of letting them pass.

    Attributes:
        slept: Every pause that was asked for, in order.
    """

    def __init__(self, start: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)) -> None:
        self._start, self._passed = start, 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The time of day."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Let time pass, at once."""
        with self._lock:
            self.slept.append(seconds)
            self._passed += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody sleeping."""
        with self._lock:
            self._passed += seconds
