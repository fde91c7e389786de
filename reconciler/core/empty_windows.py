"""Windows of Model Monitoring that had no rows: which side of them, and whether that is to be expected. Pure."""

from __future__ import annotations

import re

BASELINE, TARGET = "baseline", "target"
AGAINST_EARLIER = frozenset({"drift", "predictiondrift"})
"""Comparisons with an earlier window, which in the first days there is none of."""
_EMPTY = re.compile(rf"No data found in the (?P<side>{BASELINE}|{TARGET}) dataset\b")


def empty_side(reason: str) -> str:
    """Give the side without rows; empty where that is not what kept a job from measuring.

    Args:
        reason: In Model Monitoring's words, before its query.
    """
    found = _EMPTY.match(reason)
    return found["side"] if found else ""


def is_expected(which: str, reason: str) -> bool:
    """Tell whether a comparison has nothing to compare with yet, as in its first days.

    Args:
        which: `skew`, `drift`, `predictiondrift`.
        reason: Why a job measured nothing.
    """
    return which in AGAINST_EARLIER and empty_side(reason) == BASELINE
