"""Live progress of an apply: one line per change, in place on a terminal, one after another in a pipe."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from reconciler.cli.console import clean, say

if TYPE_CHECKING:
    from reconciler.core.plan import Change
    from reconciler.render.names import Names

_DOING = {"create": "creating", "update": "updating", "replace": "replacing", "delete": "deleting"}
_DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}


class Live:
    """Shows changes as they start and end.

    Args:
        total: How many there are.
        names: What people call the objects.
    """

    def __init__(self, total: int, names: Names) -> None:
        self._total = total
        self._names = names
        self._ended = 0
        self._running: dict[str, float] = {}
        self._status: Any = None
        self._console: Any = None

    def __enter__(self) -> Self:
        """Begin; a spinner only where someone watches."""
        if self._total and sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - late, for start-up

            self._console = Console(stderr=True, highlight=False, soft_wrap=True)
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        if self._status:
            self._status.stop()

    def tell(self, change: Change, what: str, seconds: float) -> None:
        """Take note of a change that started or ended."""
        name = self._names(change.address)
        if what == "started":
            self._running[name] = time.monotonic()
        else:
            self._running.pop(name, None)
            self._ended += 1
            self._print(change, what, seconds)
        if self._status:
            doing = ", ".join(f"{_DOING.get(str(change.action), '')} {n}" for n in list(self._running)[:3])
            self._status.update(clean(f"{self._ended}/{self._total} {doing}"))

    def _print(self, change: Change, what: str, seconds: float) -> None:
        if what == "done":
            self._line(
                f"  ✓ {_DONE.get(str(change.action), what)} {self._names(change.address)} ({seconds:.1f} s)", "green"
            )
        else:
            self._line(f"  ✗ {what} {self._names(change.address)}", "red")

    def say(self, text: str) -> None:
        """Print something else in between."""
        self._line(text, "yellow")

    def _line(self, text: str, style: str) -> None:
        """Print above the spinner: its own console knows how to get out of the way."""
        if self._console:
            self._console.print(clean(text), style=style, markup=False)
        else:
            say(text, style)
