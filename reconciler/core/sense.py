"""What a fresh decision about an object is beside the one that was agreed to, where somebody wrote it in between."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.core.plan import Change


class Sense(StrEnum):
    """What the fresh decision comes to.

    Args:
        SAME: What was agreed to.
        DONE: What was agreed to is there already: an answer was lost, or somebody else was faster.
        SAFER: Something else, which risks nothing that the reader of the plan did not see.
        BOLDER: Something else, which somebody has to agree to first.
    """

    SAME = "same"
    DONE = "done"
    SAFER = "safer"
    BOLDER = "bolder"


def same(agreed: Change, now: Change) -> Sense:
    """Know no other: what differs is written until it is as the spec says it."""
    del agreed, now
    return Sense.SAME
