"""Durations as Google's clients give them."""

from __future__ import annotations

from typing import Any


def seconds(duration: Any) -> int:
    """Give a duration in whole seconds; 0 for none."""
    return int(duration.total_seconds()) if duration else 0
