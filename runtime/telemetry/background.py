"""Work that must never hold up an answer: a bounded queue, one daemon thread, and a count of what did not fit."""

from __future__ import annotations

import logging
import threading
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("runtime")

Item = TypeVar("Item")


class Background(Generic[Item]):
    """Hands items to a function, many at once, in another thread.

    Args:
        name: For the thread and the log.
        handle: Takes items in order; what it raises is logged, and the items are lost.
        size: Items that may wait.
        at_once: Items given to one call.
    """

    def __init__(
        self, name: str, handle: Callable[[list[Item]], None], *, size: int = 1000, at_once: int = 100
    ) -> None:
        self.name = name
        self.handled = self.dropped = self.failed = 0
        self._handle = handle
        self._items: Queue[Item] = Queue(size)
        self._at_once = at_once
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def put(self, item: Item) -> None:
        """Queue an item, or count it as dropped."""
        try:
            self._items.put_nowait(item)
        except Full:
            self.dropped += 1

    def flush(self, seconds: float) -> bool:
        """Wait until everything is handled.

        Returns:
            Whether it was, within `seconds`.
        """
        items = self._items
        with items.all_tasks_done:
            return items.all_tasks_done.wait_for(lambda: not items.unfinished_tasks, seconds)

    def _serve(self) -> None:
        while True:
            items = [self._items.get()]
            try:
                while len(items) < self._at_once:
                    items.append(self._items.get_nowait())
            except Empty:
                pass
            self._run(items)
            for _ in items:
                self._items.task_done()

    def _run(self, items: list[Item]) -> None:
        try:
            self._handle(items)
            self.handled += len(items)
        except Exception:  # a sink may fail in any way; requests go on
            self.failed += len(items)
            log.exception("background work failed", extra={"work": self.name, "items": len(items)})
