"""How often each API method was called. Tests of the reconciler count with it."""

import threading
from collections import Counter


class CallLog:
    """Counts by method name; every API call counts, also one that a fault or the API refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, method: str) -> None:
        """Count one call."""
        with self._lock:
            self._counts[method] += 1

    def counts(self) -> list[dict[str, str | int]]:
        """`{"method", "count"}` per method, sorted."""
        with self._lock:
            return [{"method": method, "count": self._counts[method]} for method in sorted(self._counts)]

    def clear(self) -> None:
        """Count from zero; calls under way have been counted already."""
        with self._lock:
            self._counts.clear()
