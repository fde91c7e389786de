"""Of when a page is: how old what it shows is, and whether passes were missed since. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from page.documents import Data
from page.snapshot import Snapshot
from page.version import VERSION

_UNTOLD = timedelta(minutes=30)
"""After this a report is stale where nobody said when the next pass is due."""
_LATE = timedelta(minutes=2)
"""How long a pass may take before it is missed."""


def freshness(snapshot: Snapshot, now: datetime) -> tuple[bool, int]:
    """Tell whether it is stale, and how many passes were missed, as far as somebody said when they are due.

    Args:
        snapshot: Of reports and standings, or of either alone.
        now: The time.
    """
    at, due = snapshot.at, snapshot.due
    if at is None or snapshot.over:  # who is gone misses nothing
        return False, 0
    if not due:
        return now - at > _UNTOLD, 0
    missed = sum(now > moment + _LATE for moment in due)
    every = due[-1] - due[0]
    if missed == len(due) and every:
        missed += int((now - due[-1] - _LATE) / every)
    return missed >= 2, missed  # noqa: PLR2004 - one may be late, two are silence


def head(snapshot: Snapshot, now: datetime, place: str) -> Data:
    """Say of when a page is.

    Args:
        snapshot: What is shown.
        now: The time.
        place: Where documents lie, in words.
    """
    stale, missed = freshness(snapshot, now)
    projects = sorted({each["project"] for each in (*snapshot.passes, *snapshot.standings) if each["project"]})
    due = [] if snapshot.over else [moment.isoformat() for moment in snapshot.due if moment > now]
    return {
        "place": place,
        "target": " --local" if snapshot.local else "",
        "projects": projects,
        "at": snapshot.at.isoformat() if snapshot.at else None,
        "next": due[0] if due else None,
        "stale": stale,
        "missedPasses": missed,
        "byHand": snapshot.by_hand,
        "uninstalled": snapshot.over.isoformat() if snapshot.over else None,
        "reported": bool(snapshot.passes or snapshot.standings),
        "trouble": snapshot.trouble,
        "unreadable": list(snapshot.unreadable),
        "program": VERSION,
    }
