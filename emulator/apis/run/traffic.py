"""How many requests containers answered, and how long that took: counted until the minute ends.

What becomes of it is `emulator/apis/monitoring/requests.py`, which is imported when the first minute ends.
"""

import logging
import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from emulator.core.world import World

log = logging.getLogger("emulator")
MINUTE_S = 60
WRITE = "emulator.apis.monitoring.requests:write"
"""What the timer calls: Cloud Monitoring stands on Cloud Run, and not the other way round."""
SCALE_MS, GROWTH, FINITE = 1.0, 1.1, 160
"""Buckets of milliseconds, each a tenth wider than the one before: to more than an hour."""
BOUNDS_MS = [SCALE_MS * GROWTH**index for index in range(FINITE + 1)]


@dataclass(slots=True)
class Answers:
    """Of one revision with one code, in one minute.

    Attributes:
        count: How many.
        mean_ms: How long they took.
        squares: Sum of squared distances from the mean.
        buckets: How many took how long: below the first bound, ..., from the last one on.
    """

    count: int = 0
    mean_ms: float = 0.0
    squares: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))

    def add(self, took_ms: float) -> None:
        """Count one."""
        self.count += 1
        before = took_ms - self.mean_ms
        self.mean_ms += before / self.count
        self.squares += before * (took_ms - self.mean_ms)
        self.buckets[bisect_right(BOUNDS_MS, took_ms)] += 1


Key = tuple[str, int]


class Traffic:
    """Counts in the data plane's loop; a thread of its own sets the timer that writes at the end of the minute."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._counts: dict[Key, Answers] = {}
        self._began = False
        self._lock, self._came = threading.Lock(), threading.Event()
        self._go_on: Callable[[], None] | None = None
        self._over = False
        self._thread: threading.Thread | None = None

    def answered(self, revision: str, code: int, took_s: float) -> None:
        """Count an answer of a revision, by its full name. Called by the data plane's loop alone."""
        with self._lock:
            first = self._empty
            self._counts.setdefault((revision, code), Answers()).add(took_s * 1000)
        self._set_a_timer(first=first)

    @property
    def _empty(self) -> bool:
        return not (self._counts or self._began)

    def _set_a_timer(self, *, first: bool) -> None:
        if first and not self._over:
            # No time may be skipped before the timer is set: whoever sent the request would find nothing counted.
            self._go_on = self._world.clock.hold()
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="traffic", daemon=True)
                self._thread.start()
            self._came.set()

    def began(self, revision: str) -> None:
        """Hear of an instance that became ready: from now on there is something to tell. Called by the loop alone."""
        del revision
        with self._lock:
            first = self._empty
            self._began = True
        self._set_a_timer(first=first)

    def taken(self) -> Mapping[Key, Answers]:
        """Give the answers that were counted, and begin again."""
        with self._lock:
            counts, self._counts = self._counts, {}
            self._began = False
        return counts

    def close(self) -> None:
        """Set no more timers."""
        self._over = True
        self._came.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _serve(self) -> None:
        while True:
            self._came.wait()
            self._came.clear()
            go_on, self._go_on = self._go_on, None
            try:
                if self._over:
                    return
                self._set_timer()
            except Exception:  # what is not counted must not end the thread
                log.exception("requests are not counted")
            finally:
                if go_on is not None:
                    go_on()

    def _set_timer(self) -> None:
        now = self._world.clock.now()
        end = now.replace(second=0, microsecond=0) + timedelta(seconds=MINUTE_S)
        self._world.clock.call_at(end, WRITE, {"end": end.isoformat()})
