"""What is remembered of one object from pass to pass, where the object itself has no room for it.

The position of a rollout is the live traffic, and a reason beside it is an annotation written in the same call: what
the object can hold belongs there. What it cannot hold (when a cooldown began, how often in a row something failed) is
one small record per object in the inventory, written under the service's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from reconciler.core.diff import plain
from reconciler.core.record import revive

if TYPE_CHECKING:
    from reconciler.core.objects import Desired, Observed

M = TypeVar("M")
"""A frozen dataclass of plain values."""


@dataclass(frozen=True, slots=True)
class Memory(Generic[M]):
    """How a kind remembers.

    Args:
        record: The dataclass.
        following: What to remember after this pass, of what was remembered, what is wanted (of what is there with what
            is left to others), what is there, and the time; pure. None forgets.
    """

    record: type[M]
    following: Callable[[M | None, Desired[Any], Observed[Any] | None, datetime], M | None]

    def next(
        self, before: Mapping[str, Any], want: Desired[Any], seen: Observed[Any] | None, now: datetime
    ) -> Mapping[str, Any]:
        """Give the plain data to keep, of the plain data that was kept."""
        known = revive(self.record, before) if before else None
        after = self.following(known, want, seen, now)
        found: dict[str, Any] = {} if after is None else plain(after)
        return found
