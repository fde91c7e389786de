"""Moments for people. What is none stays whole: half of a secret is one that nothing recognises any more."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


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


def ago(moment: Any, now: datetime) -> str:
    """Say how long ago a moment was, such as `3 min ago`; nothing for nothing."""
    text = str(moment or "")
    try:
        found = datetime.fromisoformat(text)
        seconds = max(0, int((now - (found if found.tzinfo else found.replace(tzinfo=UTC))).total_seconds()))
    except (ValueError, OverflowError):
        return text
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def _written(moment: Any, zone: tzinfo | None, form: str) -> str:
    text = str(moment or "")
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(zone).strftime(form)
    except (ValueError, OverflowError):
        return text
