"""Whether a condition of an alert policy holds for each of its series, from the points there are. Pure.

Source: https://cloud.google.com/monitoring/alerts/concepts-indepth (retest window, missing data);
https://cloud.google.com/monitoring/alerts/metric-absence; comments of `AlertPolicy.Condition`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from emulator.apis.monitoring.alerts.burning import Burn, burnt
from emulator.apis.monitoring.series.reduction import Aggregation, aggregated
from emulator.apis.monitoring.series.values import SECOND, Line, Value, number

RAW_NS = 60 * SECOND
"""How long a point counts where nothing is aligned."""
GRID_NS = 30 * SECOND
"""Points leave a window at a look at the next half minute: one look for all that leave together."""


class Missing(StrEnum):
    """What is taken to hold while there are no points."""

    AS_BEFORE = "as before"
    NO = "no"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Query:
    """Which series are looked at, and how.

    Attributes:
        filter: As the policy has it.
        steps: Aligning and reducing, in order.
        burn: The objective whose burn rate it is; None: of the series themselves.
    """

    filter: str
    steps: tuple[Aggregation, ...] = ()
    burn: Burn | None = None

    @property
    def reach_ns(self) -> int:
        """How far back the points lie that count at a time."""
        if self.burn is not None:
            return self.burn.lookback_ns
        return sum(step.period_ns for step in self.steps) or RAW_NS

    @property
    def filters(self) -> tuple[str, ...]:
        """What selects the series."""
        return self.burn.filters if self.burn is not None else (self.filter,)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as a plain value.

    Attributes:
        name: Full name.
        shown: Its display name.
        query: What it looks at.
        duration_ns: How long it must hold, or for how long there must be no points.
        absence: It holds when there are no points.
        above: It holds when the value is greater than `threshold`; else when it is less.
        threshold: In the metric's unit.
        share_of: What the value is divided by; None: by nothing.
        missing: What is taken to hold while there are no points.
        count: For how many series it must hold.
        percent: The same as a share of all series, in percent; 0: by `count`.
    """

    name: str
    shown: str
    query: Query
    duration_ns: int = 0
    absence: bool = False
    above: bool = True
    threshold: float = 0.0
    share_of: Query | None = None
    missing: Missing = Missing.AS_BEFORE
    count: int = 1
    percent: float = 0.0

    @property
    def queries(self) -> tuple[Query, ...]:
        """What it looks at, and what that is divided by."""
        return (self.query, self.share_of) if self.share_of else (self.query,)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is true of one series of a condition at one time.

    Attributes:
        line: The series, as its labels say; without points.
        holds: Whether the condition is violated; None: there is nothing to tell it by.
        value: What was compared; None for no points.
        last: When its newest point ended, in nanoseconds; 0 when that is not known.
        again: When that may change by itself, in nanoseconds; None: only by new points.
    """

    line: Line
    holds: bool | None
    value: Value | None = None
    last: int = 0
    again: int | None = None


def judged(condition: Condition, lines: Sequence[Sequence[Line]], now: int, *, since: int = 0) -> list[Verdict]:
    """Judge every series of a condition.

    Args:
        condition: Which.
        lines: Per query of the condition the series that it selects, with the points that count now; for an absence
            with the newest one alone.
        now: The time, in nanoseconds.
        since: When the policy was last changed: an absence begins with a point that is not older.
    """
    if condition.absence:
        return [absent(condition, line, now, since) for line in newest(condition, lines[0])]
    made = values(condition.query, lines[0], now)
    if condition.share_of:
        made = divided(made, values(condition.share_of, lines[1], now))
    return [compared(condition, line, leaving(condition, lines, now), now) for line in made]


def newest(condition: Condition, lines: Iterable[Line]) -> list[Line]:
    """The newest point of each series, or of each group of them."""
    found: dict[str, Line] = {}
    for line in lines:
        [group] = grouped(condition.query.steps, line)
        before = found.get(group.key)
        if before is None or group.points[-1].end > before.points[-1].end:
            found[group.key] = group
    return list(found.values())


def grouped(steps: Iterable[Aggregation], line: Line) -> list[Line]:
    """A series as the group that it is a part of, whatever its values become."""
    lines = [line]
    for step in steps:
        if step.reducer != "REDUCE_NONE":
            lines = aggregated(lines, Aggregation(0, "ALIGN_NONE", "REDUCE_COUNT", step.groups), [])
    return lines


def absent(condition: Condition, line: Line, now: int, since: int) -> Verdict:
    """Whether a series has had no points for too long; not judged where it had none since the policy is as it is."""
    last = line.points[-1].end
    due = last + condition.duration_ns
    if last < since:
        return Verdict(bare(line), None, None, last)
    return Verdict(bare(line), now >= due, None, last, due if due > now else None)


def bare(line: Line) -> Line:
    """A series without its points."""
    return Line(line.metric, line.resource, line.labels, line.kind, line.type, (), line.unit)


def values(query: Query, lines: Iterable[Line], now: int) -> list[Line]:
    """What there is to compare: each series with one point at most, for now."""
    if query.burn is not None:
        return burnt(query.burn, lines, now)
    made = [*lines]
    for step in query.steps:
        made = aggregated(made, step, [now])
    return made


def divided(lines: Iterable[Line], by: Iterable[Line]) -> list[Line]:
    """Series divided by those of the same labels; where there is nothing to divide by there is no value."""
    below = {line.key: number(line.points[-1].value) for line in by if line.points}
    made = []
    for line in lines:
        whole = below.get(line.key)
        points = tuple(
            type(point)(point.start, point.end, number(point.value) / whole) for point in line.points if whole
        )
        made.append(Line(line.metric, line.resource, line.labels, "GAUGE", "DOUBLE", points, "1"))
    return made


def compared(condition: Condition, line: Line, again: int | None, now: int) -> Verdict:
    """Whether the value of a series is past the threshold."""
    recent = [point for point in line.points if point.end > now - condition.query.reach_ns]
    if not recent:
        holds = {Missing.YES: True, Missing.NO: False, Missing.AS_BEFORE: None}[condition.missing]
        return Verdict(bare(line), holds, None, 0, again)
    value = recent[-1].value
    over = number(value) > condition.threshold if condition.above else number(value) < condition.threshold
    return Verdict(bare(line), over, value, recent[-1].end, again)


def leaving(condition: Condition, lines: Sequence[Sequence[Line]], now: int) -> int | None:
    """When the next point that counts will count no more."""
    ends = [
        point.end + query.reach_ns
        for query, many in zip(condition.queries, lines, strict=True)
        for line in many
        for point in line.points
        if now < point.end + query.reach_ns
    ]
    return max(-(-min(ends) // GRID_NS) * GRID_NS, now + 1) if ends else None
