"""A thread for calls that may take long: of a model, or of a topic."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Worker:
    """One daemon thread: a call that never returns must not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def run(self, what: Callable[[], None]) -> None:
        """Run it after what was given before; the caller does not wait, and hears of nothing."""
        self._calls.put(what)

    def _serve(self) -> None:
        while True:
            self._calls.get()()
