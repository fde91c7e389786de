"""Monitors are looked at: every window that ended since the last look is judged, recorded, and acted on once.

Woken by a log entry, and by the sweep in any case. The order is: judge, act, remember, tell. Who dies before it is
remembered judges again, and what that leads to has the same key, so nothing is started twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Protocol

from runtime.retraining.breaches import Watch, watching
from runtime.retraining.decision import Event
from runtime.retraining.events import key_of
from runtime.retraining.google import Refused, Unavailable
from runtime.retraining.handling import TRIES, Moved, NotNow
from runtime.retraining.watching.measured import SORTS, wanted_of
from runtime.retraining.watching.monitors import Measured
from runtime.retraining.watching.verdict import judge, once
from runtime.retraining.watching.windows import Window, Windows

BACK = timedelta(days=1)
"""How far back windows are looked for. A function that was away for longer starts nothing for what is over."""
OVERLAP = timedelta(hours=3)
"""How far before the last window known: a job may take so much longer than the one after it."""


class Reads(Protocol):
    """Who reads monitors."""

    def schedules(self, shown: str) -> Iterator[tuple[str, str]]:
        """Give our schedules of a display name, and the monitor of each."""

    def measured(self, schedule: str, monitor: str, since: datetime) -> Iterator[Measured]:
        """Give what the jobs of a schedule measured since then, the oldest first."""


class Remembers(Protocol):
    """Who remembers windows."""

    def read(self) -> tuple[Windows, int]:
        """Give what is remembered, and its generation."""

    def write(self, windows: Windows, generation: int) -> None:
        """Write it, unless somebody wrote since that generation, which raises `Moved`."""


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that a look takes.

    Args:
        reads: Reads monitors.
        remembers: Remembers windows.
        schedules: Display name of each schedule, by what it compares.
        least: Values below which nothing is said of a column.
        watches: Which triggers fire for what.
        act: Acts on an event; gives what was decided, for people.
        tell: Tells of a window.
        more: Judges windows that are no monitor's, after those: given what is remembered, and the time. May take long,
            and raise as `reads` does.
        wanted: Limit of each column that is to be compared, None for none, by comparison (`skew`, ...): one that a
            window tells nothing of was not, unless its job is of before it was to be.
        orders: Greatest distance of order of each column that has such a limit, by comparison.
    """

    reads: Reads
    remembers: Remembers
    schedules: Mapping[str, str]
    least: int
    watches: Sequence[Watch]
    act: Callable[[Event], str]
    tell: Callable[[Window, str], None]
    more: Callable[[Windows, datetime], Iterable[Window]] | None = None
    wanted: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    orders: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def look(how: Look, now: datetime) -> list[Window]:
    """Judge what ended since the last look.

    Args:
        how: With what.
        now: The time it is, aware.

    Returns:
        The windows that were judged, the oldest first, those of monitors before others.

    Raises:
        Refused, Unavailable: A monitor cannot be read, a window not be acted on or told; all others were. One that was
            not acted on is judged again, with those of its sort behind it; one that was not told is in the log alone.
        NotNow: Others wrote at every try.
    """
    known, _ = how.remembers.read()
    failed: list[Exception] = []
    stuck: set[str] = set()
    found: list[Window] = []
    for window in chain(_ended(how, known, now, failed), _more(how, known, now, failed, stuck)):
        if known.tells(window):
            continue
        found.append(window)
        if window.sort not in stuck:  # in their order: what is in a row is counted
            _take(window, how, failed, stuck)
    for first in failed:
        raise first
    return found


def _take(window: Window, how: Look, failed: list[Exception], stuck: set[str]) -> None:
    try:
        came = _acted(window, how)
    except (Refused, Unavailable) as error:
        stuck.add(window.sort)
        failed.append(error)
        return
    if not _remember(window, how):
        return  # another look at the same time has, and tells of it
    try:
        how.tell(window, came)
    except (Refused, Unavailable) as error:
        failed.append(error)


def _ended(how: Look, known: Windows, now: datetime, failed: list[Exception]) -> list[Window]:
    """Give what every schedule measured, the oldest first: a monitor that cannot be read keeps no other from it."""
    found: list[Window] = []
    since = now - BACK
    for compares, shown in how.schedules.items():
        try:
            newest = known.newest([sort for (each, _), sort in SORTS.items() if each == compares])
            found += _windows(how, compares, shown, max(since, newest - OVERLAP) if newest else since)
        except (Refused, Unavailable) as error:
            failed.append(error)
    return sorted(found, key=lambda each: (each.at, each.sort))


def _more(
    how: Look, known: Windows, now: datetime, failed: list[Exception], stuck: Collection[str]
) -> Iterator[Window]:
    """Judge the others one by one: each is remembered before the next one is asked for, whatever becomes of that."""
    try:
        for window in how.more(known, now) if how.more else ():
            yield window
            if window.sort in stuck:  # those behind it wait for it
                return
    except (Refused, Unavailable) as error:
        failed.append(error)


def _windows(how: Look, compares: str, shown: str, since: datetime) -> Iterator[Window]:
    for schedule, monitor in how.reads.schedules(shown):
        for measured in how.reads.measured(schedule, monitor, since):
            if measured.ended:
                yield from _judged(compares, measured, how)


def _judged(compares: str, measured: Measured, how: Look) -> Iterator[Window]:
    for objective, columns in measured.columns.items():
        sort = SORTS.get((compares, objective))
        if sort is not None:
            wanted = wanted_of(how.wanted.get(sort), measured.compared.get(objective))
            said = judge(once(columns), least=how.least, wanted=wanted, orders=how.orders.get(sort))
            yield Window(sort, measured.job, measured.at, said)


def _acted(window: Window, how: Look) -> str:
    """Give what came of it, for people. Where nothing can be said, nothing begins and nothing ends."""
    watch = watching(how.watches, window.sort)
    if watch is None or window.says is None:
        return ""
    reason = window.verdict.reason if window.verdict else ""
    return how.act(
        Event(
            key_of(watch.trigger, window.sort, window.job),
            watch.trigger,
            window.at,
            f"{window.sort}: {reason}"[:500],
            monitor=window.sort,
            needed=watch.consecutive,
            over=not window.says,
        )
    )


def _remember(window: Window, how: Look) -> bool:
    """Remember a window; False where somebody else did: of several who judge one, one tells of it."""
    for _ in range(TRIES):
        known, generation = how.remembers.read()
        if known.tells(window):
            return False
        try:
            how.remembers.write(known.with_window(window), generation)
        except Moved:
            continue
        return True
    raise NotNow("too many are looking at once")
