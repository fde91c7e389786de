"""Work that must never hold up an answer: a bounded queue, one daemon thread, and a count of what did not fit."""

from __future__ import annotations

import logging
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("runtime")

Item = TypeVar("Item")


class Background(Generic[Item]):
    """Hands items to a function, many at once, in another thread.

    Args:
        name: For the thread and the log.
        handle: Takes items in order, and tells how many of them were lost, None for none; what it raises is logged,
            and all of them are.
        size: Items that may wait.
        at_once: Items given to one call.
        weigh: Tells how many bytes an item holds; None to count items only.
        heaviest: Bytes that may wait.
        gather_s: How long the thread lets items come together. Waking it for each costs a request more than its own
            work: both want the interpreter.
        begin: Called once in the thread, before the first items; what it raises is logged.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[list[Item]], int | None],
        *,
        size: int = 1000,
        at_once: int = 100,
        weigh: Callable[[Item], int] | None = None,
        heaviest: int = 64 << 20,
        gather_s: float = 0.0,
        begin: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.handled = self.dropped = self.failed = 0
        self._handle = handle
        self._items: deque[Item] = deque()
        self._size, self._at_once = size, at_once
        self._weigh, self._heaviest = weigh, heaviest
        self._held = 0  # bytes that came; less those that left, what waits
        self._left = 0
        self._came = self._gone = 0  # items: one is counted by who puts, the other by the thread
        self._gather_s = gather_s
        self._awake, self._hurry = threading.Event(), threading.Event()
        self._idle = threading.Condition()
        self._begin = begin
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def put(self, item: Item) -> None:
        """Queue an item, or count it as dropped. Called by one thread."""
        weight = 0 if self._weigh is None else self._weigh(item)
        if len(self._items) >= self._size or self._held - self._left + weight > self._heaviest:
            self.dropped += 1
            return
        self._held += weight
        self._came += 1
        self._items.append(item)
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
        if self._begin is not None:
            self._guarded(self._begin, 0)
        while True:
            self._awake.wait()
            self._awake.clear()
            if self._gather_s:
                self._hurry.wait(self._gather_s)
            while self._items:
                self._take([self._items.popleft() for _ in range(min(self._at_once, len(self._items)))])

    def _take(self, items: list[Item]) -> None:
        lost = self._guarded(partial(self._handle, items), len(items))
        self.handled += len(items) - lost
        self.failed += lost
        if self._weigh is not None:
            self._left += sum(map(self._weigh, items))
        with self._idle:
            self._gone += len(items)
            self._idle.notify_all()

    def _guarded(self, work: Callable[[], int | None], items: int) -> int:
        """Do something; returns how many items it lost."""
        try:
            return work() or 0
        except Exception:  # a sink may fail in any way; requests go on
            log.exception("background work failed", extra={"work": self.name, "items": items})
            return items
