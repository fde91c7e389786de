"""Warm windows as shares of a month: how long how many instances are kept warm, whatever day it is."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.cron import Cron, parse_cron

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.sections.resources import Scaling, WarmWindow

AHEAD = timedelta(minutes=10)
"""How early a window opens: the pass before it may be the last one that is in time, and an instance takes a while."""
_MONDAY = date(2024, 1, 1)
_DAY_M, _WEEK, _FOUR_YEARS, _MONTHS = 24 * 60, 7, 1461, 12


@lru_cache(maxsize=256)  # of four years of days, where a schedule names days of the month
def shares(scaling: Scaling) -> tuple[tuple[int, Decimal], ...]:
    """Give how many instances are kept warm, beyond `minInstances`, and for which share of the time.

    Where windows of several time zones overlap, it is by their winter time.

    Args:
        scaling: Of the spec, already checked.
    """
    crons = [parse_cron(window.schedule) for window in scaling.windows]
    days = _WEEK if all(cron.days is None and len(cron.months) == _MONTHS for cron in crons) else _FOUR_YEARS
    period = days * _DAY_M
    changes: list[tuple[int, int, int]] = []  # minute, +1 or -1, instances
    for window, cron in zip(scaling.windows, crons, strict=True):
        for first, last in _merged(_spans(window, cron, days), period):
            changes += [(first, 1, window.min_instances), (last, -1, window.min_instances)]
    minutes: dict[int, int] = {}
    open_: dict[int, int] = {}
    at = 0
    for minute, step, instances in sorted(changes):
        most = max((count for count, many in open_.items() if many), default=0)
        minutes[most] = minutes.get(most, 0) + minute - at
        open_[instances] = open_.get(instances, 0) + step
        at = minute
    least = scaling.min_instances
    return tuple((count, Decimal(many) / period) for count, many in sorted(minutes.items()) if count > least and many)


def _spans(window: WarmWindow, cron: Cron, days: int) -> Iterator[tuple[int, int]]:
    """Give the minutes from and to which a window is open, from the first day on."""
    ahead = int(AHEAD.total_seconds()) // 60
    early = _offset_m(window.time_zone) + ahead
    lasts = max(1, int(window.lasts_s) // 60) + ahead
    for day in range(days):
        if cron.runs_on(_MONDAY + timedelta(days=day)):
            for hour in sorted(cron.hours):
                for minute in sorted(cron.minutes):
                    first = day * _DAY_M + hour * 60 + minute - early
                    yield first, first + lasts


def _merged(spans: Iterator[tuple[int, int]], period: int) -> Iterator[tuple[int, int]]:
    """Give spans within one period that come round in it: what goes beyond its end is at its beginning."""
    for begins, ends in spans:
        first, last = begins % period, (ends - 1) % period + 1
        if ends - begins >= period:
            yield 0, period
        elif first < last:
            yield first, last
        else:
            yield first, period
            yield 0, last


def _offset_m(zone: str) -> int:
    try:
        offset = ZoneInfo(zone).utcoffset(datetime(2024, 1, 15))  # noqa: DTZ001 - by the clock of the zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return 0
    return int(offset.total_seconds()) // 60 if offset else 0
