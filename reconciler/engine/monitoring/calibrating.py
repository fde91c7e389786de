"""What limits a service's history of windows speaks for, and what would have fired with those and with today's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.engine.monitoring.comparing import by_logarithm, id_of
from reconciler.engine.monitoring.limits import FEWEST, Limits, limits_of, windows_for
from reconciler.engine.monitoring.reading import READING
from reconciler.engine.monitoring.watched import Watched, objectives, values_needed, watched
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.monitoring_results import MonitoringResults
from reconciler.kinds.vertex_model_monitor.logarithms import taken_in
from reconciler.kinds.vertex_schedule import orders_of
from runtime.retraining.watching.measured import PREDICTIONS_DRIFT, by_job, name_of, number, points, side
from runtime.retraining.watching.verdict import Column, Finding, judge, once

if TYPE_CHECKING:
    from reconciler.core.objects import Observed

AT_ONCE = timedelta(days=2)
"""Of a search: some fifty windows of the shortest schedule, so that an answer stays small."""
HEAVY = 0.05
"""A usual distance from which on a column has heavy tails, or few values: buckets of equal width between each side's
own extremes make it, and no change does. Source: model_monitoring.md B.4."""

_STEP, _MOST_ORDER = 0.001, 0.999
"""Of a limit of order, as a spec takes it."""

Found = tuple[str, list[Column]]
"""When a window was measured, and its columns."""
Part = tuple[str, str, Mapping[str, list[Column]]]
"""A job, when it measured this, and its columns by objective."""
Searched = tuple[list[Part], frozenset[str]]
"""Of a time; and the columns that have values of 0 or below, or are no numbers."""


@dataclass(frozen=True, slots=True)
class ByOrder:
    """The limit of the order of all numbers of one comparison.

    Args:
        limit: What the windows speak for, with the three decimals that a spec takes.
        limits: The same before it was rounded up, with what it states.
        present: The limit now; None for none.
        fired: How many windows are a breach by order now, and with the limit proposed.
    """

    limit: float
    limits: Limits
    present: float | None
    fired: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        told = {
            "limit": self.limit,
            "rate": self.limits.rate,
            "smallestRate": self.limits.smallest,
            "beyond": self.limits.beyond,
            "of": self.limits.windows,
            "interval": list(self.limits.interval),
            "fires": self.fired[1],
            "firesNow": self.fired[0],
        }
        return told | ({"limitNow": self.present} if self.present is not None else {})


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One comparison.

    Args:
        which: `skew`, `drift`, `predictiondrift`.
        windows: How many windows there are.
        since: When the oldest was measured, ISO 8601; empty without any.
        least: Values below which nothing is said of a column.
        limits: What they speak for; None where they are too few.
        present: Limit of each column now; columns without one are left out.
        fired: Per column, how many windows are a breach of it now, and with the limits proposed.
        breaches: How many windows are a breach now, and with the limits proposed.
        taken: Columns that are compared by their logarithm now.
        positive: Columns of numbers, all above 0 as far as is known.
        logarithmic: What `monitoring.logarithmic` may be, which is one for all comparisons of a service: those of now,
            and what is heavy; empty where nothing is to be added.
        order: The limit of the order of numbers; None where no number was measured, or in too few windows.
    """

    which: str
    windows: int
    since: str
    least: int
    limits: Limits | None
    present: Mapping[str, float]
    fired: Mapping[str, tuple[int, int]]
    breaches: tuple[int, int]
    taken: frozenset[str] = frozenset()
    positive: frozenset[str] = frozenset()
    logarithmic: tuple[str, ...] = ()
    order: ByOrder | None = None

    @property
    def heavy(self) -> list[str]:
        """Columns whose distance is large though nothing changes."""
        return [name for name, far in self.limits.usual.items() if far > HEAVY] if self.limits else []

    def to_json(self, false_alarms: float) -> dict[str, Any]:
        """Give plain data: the form that `mlservice monitor calibrate --output json` documents."""
        found = self.limits
        told = {
            "which": self.which,
            "windows": self.windows,
            "since": self.since,
            "minSamples": self.least,
            "windowsNeeded": windows_for(false_alarms),
            "breaches": {"present": self.breaches[0], "proposed": self.breaches[1]},
        }
        told |= {"order": self.order.to_json() if self.order else None}
        if found is None:
            return {**told, "limits": None}
        stated = {
            "rate": found.rate,
            "smallestRate": found.smallest,
            "beyond": found.beyond,
            "of": found.windows,
            "interval": list(found.interval),
            "heavy": self.heavy,
            "logarithmic": list(self.logarithmic),
            "unheld": list(found.unheld),
        }
        return {**told, **stated, "limits": [self._column(found, name) for name in found.columns]}

    def _column(self, found: Limits, name: str) -> dict[str, Any]:
        now, then = self.fired.get(name, (0, 0))
        told = {"name": name, "usual": found.usual[name], "limit": found.columns[name], "fires": then, "firesNow": now}
        return told | ({"limitNow": self.present[name]} if name in self.present else {})


def proposing(told: Sequence[Calibrated]) -> list[Calibrated]:
    """Give the comparisons of a service with the logarithms that all of them would have.

    Args:
        told: All of them.
    """
    taken = frozenset[str]().union(*(each.taken for each in told))
    more = frozenset[str]().union(*(each.positive.intersection(each.heavy) for each in told)) - taken
    names = tuple(sorted(taken | more)) if more else ()
    return [replace(each, logarithmic=names) for each in told]


def calibrated(
    which: str,
    windows: Sequence[Found],
    false_alarms: float,
    *,
    least: int,
    present: Mapping[str, float] | None = None,
    order: float | None = None,
) -> Calibrated:
    """Find the limits of one comparison.

    Args:
        which: Its name.
        windows: In any order.
        false_alarms: The rate of false alarms that is wanted, all columns together, in (0, 1).
        least: Values below which nothing is said of a column.
        present: Limit of each column now; left out, those of the newest window.
        order: Greatest distance of the order of numbers now; None for none.
    """
    ordered = sorted(windows, key=lambda each: each[0])
    columns = [once(each) for _, each in ordered]
    told = [each for each in map(partial(_distances, least=least), columns) if each]
    limits = limits_of(told, false_alarms, alike=which == PREDICTIONS_DRIFT) if len(told) >= FEWEST else None
    now = _limits(columns) if present is None else present
    proposed = {**now, **(limits.columns if limits else {})}
    fired = [_fired(columns, each, least) for each in (now, proposed)]
    names = sorted({name for each in fired for window in each for name in window})
    counts = {name: tuple(sum(name in window for window in each) for each in fired) for name in names}
    return Calibrated(
        which,
        len(told),
        ordered[0][0] if ordered else "",
        least,
        limits,
        now,
        {name: (one, other) for name, (one, other) in counts.items()},
        (sum(map(bool, fired[0])), sum(map(bool, fired[1]))),
        order=_by_order(columns, false_alarms, least=least, present=order),
    )


def _by_order(
    windows: Sequence[Sequence[Column]], false_alarms: float, *, least: int, present: float | None
) -> ByOrder | None:
    """Find the limit of order: one for all numbers, so that of a window the farthest counts."""
    told = [found for window in windows if (found := _orders(window, least=least))]
    if len(told) < FEWEST:
        return None
    limits = limits_of(told, false_alarms, alike=True)
    # Upwards: a lower limit would be another rate.
    most = min(_MOST_ORDER, math.ceil(round(max(limits.columns.values()) / _STEP, 6)) * _STEP)
    fired = [0 if limit is None else _fired_by_order(windows, limit, least) for limit in (present, most)]
    return ByOrder(round(most, 3), limits, present, (fired[0], fired[1]))


def _orders(columns: Iterable[Column], *, least: int) -> dict[str, float]:
    return {each.name: each.order for each in columns if each.order is not None and (each.rows or 0) >= least}


def _fired_by_order(windows: Sequence[Sequence[Column]], limit: float, least: int) -> int:
    """Give how many windows are a breach where this is the only limit."""
    found = 0
    for window in windows:
        free = [replace(one, limit=None) for one in window]
        said = judge(free, least=least, orders=dict.fromkeys(_orders(window, least=least), limit))
        found += any(each.order is not None and each.order.finding is Finding.BREACH for each in said.columns)
    return found


def _distances(columns: Iterable[Column], *, least: int) -> dict[str, float]:
    return {each.name: each.distance for each in columns if each.distance is not None and (each.rows or 0) >= least}


def _limits(windows: Sequence[Sequence[Column]]) -> dict[str, float]:
    return {each.name: each.limit for each in windows[-1] if each.limit is not None} if windows else {}


def _fired(windows: Sequence[Sequence[Column]], limits: Mapping[str, float], least: int) -> list[set[str]]:
    """Give the columns of each window that are a breach with these limits: the verdict that starts trainings."""
    return [
        {
            each.column.name
            for each in judge([replace(one, limit=limits.get(one.name)) for one in window], least=least).columns
            if each.finding is Finding.BREACH
        }
        for window in windows
    ]


def calibrate(session: Session, name: str, region: str | None, *, false_alarms: float, days: int) -> list[Calibrated]:
    """Find the limits of every comparison of a service.

    Args:
        session: The run.
        name: Of the service.
        region: Where; None for wherever it is.
        false_alarms: The rate that is wanted, in (0, 1).
        days: How far back windows are read, in days.

    Raises:
        UsageError: As `watched` says.
        ApiError: Something cannot be read.
    """
    with naming_roles(READING):
        found = watched(session, name, region)
        results = MonitoringResults.of(session.connection, found.region)
        until = session.clock.now() + timedelta(minutes=1)
        times = list(_times(until - timedelta(days=days), until))
        asked = [(which, each, time) for which, each in found.schedules.items() for time in times]
        answers = session.pool.gather([partial(_search, results, found, each, time) for _, each, time in asked])
        scales = {id_of(str(job["name"])): by_logarithm(job) for job in results.jobs(found.name)}
    positive = found.columns.difference(*(low for _, low in answers))
    told: list[Calibrated] = []
    for which, schedule in found.schedules.items():
        mine = [parts for (one, _, _), (parts, _) in zip(asked, answers, strict=True) if one == which]
        told += (replace(each, positive=positive) for each in _of_schedule(schedule, mine, scales, false_alarms))
    return proposing(told)


def _of_schedule(
    schedule: Observed[Any],
    answers: Sequence[Sequence[Part]],
    scales: Mapping[str, frozenset[str]],
    false_alarms: float,
) -> Iterator[Calibrated]:
    """Find the limits of the comparisons of one schedule, by the windows that were measured on its scale of now."""
    taken = taken_in(schedule.fields.target.query) if schedule.fields.target else frozenset()
    windows = merged(_alike(part, taken, scales) for parts in answers for part in parts)
    for sort, objective in objectives(schedule).items():
        of_one = [(at, columns[objective]) for at, columns in windows if objective in columns]
        order = orders_of(schedule.fields.job)[sort == PREDICTIONS_DRIFT]
        made = calibrated(sort, of_one, false_alarms, least=values_needed(schedule), order=order)
        yield replace(made, taken=taken)


def _alike(part: Part, taken: frozenset[str], scales: Mapping[str, frozenset[str]]) -> Part:
    """Leave out the columns that a job measured on another scale: its limit would be of neither."""
    job, made, columns = part
    other = taken ^ scales.get(id_of(job), taken)
    return job, made, {sort: [each for each in told if each.name not in other] for sort, told in columns.items()}


def _times(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        yield since, min(until, since + AT_ONCE)
        since += AT_ONCE


def merged(parts: Iterable[Part]) -> list[tuple[str, Mapping[str, list[Column]]]]:
    """Put windows together: what a job measured just before a time that is searched ends, and just after, is one."""
    at: dict[str, str] = {}
    windows: dict[str, dict[str, list[Column]]] = {}
    for job, made, columns in parts:
        at[job] = min(at.get(job, made), made)
        window = windows.setdefault(job, {})
        for objective, each in columns.items():
            window[objective] = window.get(objective, []) + each
    return [(at[job], columns) for job, columns in windows.items()]


def _search(
    results: MonitoringResults, found: Watched, schedule: Observed[Any], time: tuple[datetime, datetime]
) -> Searched:
    """Give the windows of a time. Of each the numbers are kept, and not the histograms."""
    made: dict[str, str] = {}
    low: set[str] = set()
    stats = results.of_schedule(found.name, schedule.server_name, *time)
    told = by_job(_noted((each for each in stats if name_of(each) in found.columns), made, low))
    return [(job, made.get(job, ""), columns) for job, columns in told.items()], frozenset(low)


def _noted(stats: Iterable[Mapping[str, Any]], made: dict[str, str], low: set[str]) -> Iterator[Mapping[str, Any]]:
    """Pass statistics on; note when each job made them, and which columns have no logarithm of some value."""
    for each in stats:
        for point in points(each):
            made.setdefault(str(point.get("modelMonitoringJob", "")), str(point.get("createTime", "")))
            if not all(_is_positive(side(point.get(which))) for which in ("baselineStats", "currentStats")):
                low.add(name_of(each))
        yield each


def _is_positive(statistics: Mapping[str, Any]) -> bool:
    """Tell whether all values of a side are numbers above 0; protobuf's JSON leaves out a least value that is 0."""
    numbers = statistics.get("numStats")
    return isinstance(numbers, Mapping) and (number(numbers.get("min")) or 0.0) > 0


def spec_words(found: Sequence[Calibrated]) -> dict[str, Any]:
    """Give the limits as `monitoring` of a spec has them."""
    words: dict[str, Any] = {}
    for each in found:
        if each.limits and each.which == PREDICTIONS_DRIFT:
            words["predictionDrift"] = max(each.limits.columns.values())  # which all of them have
            words |= {"predictionOrder": each.order.limit} if each.order else {}
        elif each.limits:
            words[each.which] = {"features": dict(each.limits.columns)}
            words[each.which] |= {"order": each.order.limit} if each.order else {}
    return {"monitoring": words} if words else {}
