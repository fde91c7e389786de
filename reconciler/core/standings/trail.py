"""Every decision about a rollout, in the order they were made; equal ones that follow each other are one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.kept.moving import MOST_DECISIONS

_TIMES = frozenset({"since", "until", "count"})
_SAME = ("phase", "step", "percent", "version", "action", "wait")
"""What two decisions of one wait have in common, whatever was counted meanwhile."""

Decided = Mapping[str, Any]


def after(trail: Sequence[Decided], made: Decided, most: int = MOST_DECISIONS) -> tuple[list[Decided], int]:
    """Give the trail with one more decision.

    Args:
        trail: Decisions, the newest last.
        made: The new one.
        most: How many are kept.

    Returns:
        The trail, and how many had to go.
    """
    last = trail[-1] if trail else None
    if last is not None and _told(last) == _told(made):
        return [*trail[:-1], _joined(last, made)], 0
    return thinned([*trail, made], most)


def thinned(trail: Sequence[Decided], most: int) -> tuple[list[Decided], int]:
    """Keep so many: of the oldest that only wait for the same, the last of each row; then the newest.

    What was done is worth more than how often nothing was: a wait of days must not push out the step before it.

    Args:
        trail: Decisions, the newest last.
        most: How many are kept.

    Returns:
        The trail, and how many had to go.
    """
    kept: list[Decided] = []
    beyond = len(trail) - most
    for each in trail:
        if beyond > 0 and kept and _waits_on(kept[-1], each):
            kept[-1] = _joined(kept[-1], each)
            beyond -= 1
        else:
            kept.append(each)
    gone = max(0, len(kept) - most)
    return kept[gone:], gone


def _told(decision: Decided) -> dict[str, Any]:
    return {key: value for key, value in decision.items() if key not in _TIMES}


def _waits_on(before: Decided, after_it: Decided) -> bool:
    return not before["action"] and all(before[key] == after_it[key] for key in _SAME)


def _joined(before: Decided, after_it: Decided) -> dict[str, Any]:
    """Make one of two: the words and numbers of the later."""
    both = before["count"] + after_it["count"]
    return {**after_it, "since": before["since"], "until": after_it["until"], "count": both}
