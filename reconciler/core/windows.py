"""Warm windows: how many instances are kept warm at a time.

Nothing in Google Cloud keeps instances warm by the clock. A plan wants what is right when it is made, and the
operator's passes, which come every few minutes, make it so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from reconciler.core.due import moments, zone_of
from reconciler.cost.warm import AHEAD
from schemas.cron import parse_cron

if TYPE_CHECKING:
    from schemas.sections.resources import Scaling, WarmWindow

_LOOK = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Opening:
    """A window that is open, or will be.

    Args:
        place: Among the windows of the spec.
        instances: Kept warm meanwhile.
        begins: When its schedule fires; it is open a little before.
        ends: When it closes.
    """

    place: int
    instances: int
    begins: datetime
    ends: datetime


def least_at(scaling: Scaling, now: datetime | None) -> int:
    """Give how many instances are kept warm.

    Args:
        scaling: Of the spec.
        now: When; None for outside of all windows.
    """
    found = open_at(scaling, now) if now else None
    return max(scaling.min_instances, found.instances if found else 0)


def open_at(scaling: Scaling, now: datetime) -> Opening | None:
    """Give the open window that keeps most instances warm, of several the one that closes last; None where none does.

    Raises:
        UsageError: This machine does not know its time zone.
    """
    found = [
        Opening(place, window.min_instances, moment, moment + _lasts(window))
        for place, window in enumerate(scaling.windows)
        for moment in moments(parse_cron(window.schedule), zone_of(window.time_zone), now - _lasts(window), now + AHEAD)
    ]
    return max(found, key=lambda each: (each.instances, each.ends), default=None)


def kept_s(scaling: Scaling, least: int, since: datetime, until: datetime) -> int:
    """Give for how many seconds instances were kept warm between two moments, at the most: passes close windows late.

    Args:
        scaling: Of the spec.
        least: Kept warm outside of all windows.
        since: From when on.
        until: Until when.

    Raises:
        UsageError: This machine does not know a window's time zone.
    """
    spans = [
        (max(since, moment - AHEAD), min(until, moment + _lasts(window) + AHEAD), window.min_instances)
        for window in scaling.windows
        for moment in moments(
            parse_cron(window.schedule), zone_of(window.time_zone), since - _lasts(window) - AHEAD, until + AHEAD
        )
    ]
    edges = sorted({since, until, *(edge for first, last, _ in spans for edge in (first, last))})
    total = timedelta(0)
    for first, last in pairwise(edges):
        open_ = (count for begins, ends, count in spans if begins <= first and last <= ends)
        total += max([least, *open_]) * (last - first)
    return int(total.total_seconds())


def next_after(scaling: Scaling, now: datetime) -> Opening | None:
    """Give the window that opens next, within eight days; None where none does."""
    found = []
    for place, window in enumerate(scaling.windows):
        zone = zone_of(window.time_zone)
        moment = next(moments(parse_cron(window.schedule), zone, now + AHEAD, now + AHEAD + _LOOK), None)
        if moment is not None:
            found.append(Opening(place, window.min_instances, moment, moment + _lasts(window)))
    return min(found, key=lambda each: (each.begins, -each.instances), default=None)


def _lasts(window: WarmWindow) -> timedelta:
    return timedelta(seconds=window.lasts_s)
