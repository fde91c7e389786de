"""Moments for people. What is none stays whole: half of a secret is one that nothing recognises any more."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any


def minute(moment: Any) -> str:
    """Give a moment to the minute, in UTC; nothing for nothing."""
    return _written(moment, UTC, "%Y-%m-%d %H:%M")


def when(moment: Any, zone: tzinfo | None) -> str:
    """Give a moment in the reader's time zone, with its name.

    Args:
        moment: ISO 8601.
        zone: The time zone; None for that of this machine.
    """
    return _written(moment, zone, "%Y-%m-%d %H:%M %Z")


def _written(moment: Any, zone: tzinfo | None, form: str) -> str:
    text = str(moment or "")
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(zone).strftime(form)
    except (ValueError, OverflowError):
        return text
