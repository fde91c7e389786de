"""Work that must never hold up an answer: a bounded queue, one daemon thread, and a count of what did not fit."""

from __future__ import annotations

import logging
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from runtime.telemetry.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("runtime")

Item = TypeVar("Item")


def _one(item: object) -> int:
    del item
    return 1


def _nothing(item: object) -> int:
    del item
    return 0


class Background(Generic[Item]):
    """Hands items to a function, many at once, in another thread.

    Args:
        name: For the thread and the log.
        handle: Takes items in order, and tells how many of them were lost, None for none; where it raises all are, and
            the log says so, once a minute.
        size: Items that may wait.
        at_once: Items given to one call; more, where the last one counts for several.
        count: Tells for how many an item counts; None where each is one.
        weigh: Tells how many bytes an item holds; None to count items only.
        heaviest: Bytes that may wait; an item that is heavier waits alone.
        gather_s: How long the thread lets items come together. Waking it for each costs a request more than its own
            work: both want the interpreter.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[list[Item]], int | None],
        *,
        size: int = 1000,
        at_once: int = 100,
        count: Callable[[Item], int] | None = None,
        weigh: Callable[[Item], int] | None = None,
        heaviest: int = 64 << 20,
        gather_s: float = 0.0,
    ) -> None:
        self.name = name
        self.handled = self.dropped = self.failed = 0
        self._handle = handle
        self._items: deque[tuple[Item, int, int]] = deque()  # each with what it counts for, and its bytes
        self._size, self._at_once = size, at_once
        self._count, self._weigh, self._heaviest = count or _one, weigh or _nothing, heaviest
        self._held = 0  # bytes that came; less those that left, what waits
        self._left = 0
        self._came = self._taken = self._gone = 0  # items: the first is counted by who puts, the others by the thread
        self._gather_s = gather_s
        self._awake, self._hurry = threading.Event(), threading.Event()
        self._idle = threading.Condition()
        self._seldom = Seldom()
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    @property
    def waiting(self) -> int:
        """Items that came and are not handled yet."""
        return self._came - self._gone

    def put(self, item: Item) -> None:
        """Queue an item, or count it as dropped. Called by one thread."""
        count, weight = self._count(item), self._weigh(item)
        waiting, held = self._came - self._taken, self._held - self._left
        if (waiting and waiting + count > self._size) or (held and held + weight > self._heaviest):
            self.dropped += count
            return
        self._held += weight
        self._came += count
        self._items.append((item, count, weight))
        if not self._awake.is_set():
            self._awake.set()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is handled.

        Returns:
            Whether it was, within `seconds`.
        """
        self._hurry.set()
        with self._idle:
            done = self._idle.wait_for(lambda: self._gone == self._came, seconds)
        self._hurry.clear()
        return done

    def _serve(self) -> None:
        while True:
            self._awake.wait()
            self._awake.clear()
            if self._gather_s:
                self._hurry.wait(self._gather_s)
            while self._items:
                self._take()

    def _take(self) -> None:
        items: list[Item] = []
        count = weight = 0
        while self._items and count < self._at_once:
            item, counts, weighs = self._items.popleft()
            items.append(item)
            count += counts
            weight += weighs
        self._taken += count
        lost = self._guarded(partial(self._handle, items), count)
        self.handled += count - lost
        self.failed += lost
        self._left += weight
        with self._idle:
            self._gone += count
            self._idle.notify_all()

    def _guarded(self, work: Callable[[], int | None], items: int) -> int:
        """Do something; returns how many items it lost."""
        try:
            return work() or 0
        except Exception as error:  # a sink may fail in any way; requests go on
            told = self._seldom.due(type(error), items)
            if told:
                log.exception("background work failed", extra={"work": self.name, "items": told})
            return items
