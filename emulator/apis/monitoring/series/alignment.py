"""Points of one series at regular times: a window of one alignment period ends at each, and one value stands for it.

A window has the points whose end lies in it, its own beginning not included. Where Google divides what falls into two
windows between them, the emulator counts it where it ends.

Source: comments of `google.monitoring.v3.Aggregation` and its `Aligner`.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from emulator.apis.monitoring.series.values import (
    SECOND,
    Line,
    Point,
    Spread,
    Value,
    deviation_of,
    joined,
    mean_of,
    number,
)
from emulator.core.failures import ApiFailure

NUMBERS = frozenset({"INT64", "DOUBLE"})
COUNTED = frozenset({*NUMBERS, "DISTRIBUTION"})
ANY = frozenset({*COUNTED, "BOOL", "STRING"})
MEASURED = frozenset({"GAUGE", "DELTA"})
GROWING = frozenset({"DELTA", "CUMULATIVE"})
GAUGE = frozenset({"GAUGE"})
SHARES = {"99": 0.99, "95": 0.95, "50": 0.5, "05": 0.05}
"""Of the percentiles that aligners and reducers are named after."""


@dataclass(frozen=True, slots=True)
class Aligner:
    """How one value is made of a window.

    Attributes:
        kinds: Kinds of metrics it can be applied to.
        types: Types of values it can be applied to.
        gives: Type of its values; empty: as before.
        of: Makes the value; None: there is none in such a window.
    """

    kinds: frozenset[str]
    types: frozenset[str]
    gives: str
    of: Callable[[Sequence[Point]], Value | None]


def _numbers(points: Sequence[Point]) -> list[float]:
    return [number(each.value) for each in points]


def _least(points: Sequence[Point]) -> Value:
    return min((each.value for each in points), key=number)


def _most(points: Sequence[Point]) -> Value:
    return max((each.value for each in points), key=number)


def _mean(points: Sequence[Point]) -> float:
    spreads = [each.value for each in points if isinstance(each.value, Spread)]
    return joined(spreads).mean if spreads else mean_of(_numbers(points))


def _sum(points: Sequence[Point]) -> Value:
    spreads = [each.value for each in points if isinstance(each.value, Spread)]
    return joined(spreads) if spreads else total([each.value for each in points])


def total(values: Sequence[Value]) -> int | float:
    """Their sum, whole if all of them are."""
    whole = all(isinstance(each, int) for each in values)
    return sum(int(number(each)) for each in values) if whole else sum(map(number, values))


def _true(points: Sequence[Point]) -> int:
    return sum(each.value is True for each in points)


def _percentile(share: float) -> Callable[[Sequence[Point]], Value]:
    return lambda points: joined(each.value for each in points if isinstance(each.value, Spread)).percentile(share)


ALIGNERS = {
    "ALIGN_DELTA": Aligner(GROWING, COUNTED, "", _sum),
    "ALIGN_RATE": Aligner(GROWING, NUMBERS, "DOUBLE", _sum),
    "ALIGN_NEXT_OLDER": Aligner(GAUGE, ANY, "", lambda points: points[-1].value),
    "ALIGN_MIN": Aligner(MEASURED, NUMBERS, "", _least),
    "ALIGN_MAX": Aligner(MEASURED, NUMBERS, "", _most),
    "ALIGN_MEAN": Aligner(MEASURED, COUNTED, "DOUBLE", _mean),
    "ALIGN_COUNT": Aligner(MEASURED, ANY, "INT64", len),
    "ALIGN_SUM": Aligner(MEASURED, COUNTED, "", _sum),
    "ALIGN_STDDEV": Aligner(MEASURED, NUMBERS, "DOUBLE", lambda points: deviation_of(_numbers(points))),
    "ALIGN_COUNT_TRUE": Aligner(GAUGE, frozenset({"BOOL"}), "INT64", _true),
    "ALIGN_COUNT_FALSE": Aligner(GAUGE, frozenset({"BOOL"}), "INT64", lambda points: len(points) - _true(points)),
    "ALIGN_FRACTION_TRUE": Aligner(GAUGE, frozenset({"BOOL"}), "DOUBLE", lambda points: _true(points) / len(points)),
    **{
        f"ALIGN_PERCENTILE_{name}": Aligner(MEASURED, frozenset({"DISTRIBUTION"}), "DOUBLE", _percentile(share))
        for name, share in SHARES.items()
    },
}


def aligner_of(name: str, line: Line) -> Aligner:
    """The aligner of that name, for a series.

    Raises:
        ApiFailure: It cannot be applied to such a series (source of the words: google/exposure-notifications-
            verification-server issue 659).
    """
    found = ALIGNERS.get(name)
    if found is None:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know the aligner {name}.")
    if line.kind not in found.kinds or line.type not in found.types:
        why = f"cannot be applied to metrics with kind {line.kind} and value type {line.type}."
        text = f'Field aggregation.perSeriesAligner had an invalid value of "{name}": The aligner {why}'
        raise ApiFailure("INVALID_ARGUMENT", text)
    return found


def aligned(line: Line, name: str, period_ns: int, ends: Sequence[int]) -> Line:
    """A series with one point for each window that has any.

    Args:
        line: With the points of the windows; of a counter, also the last one before.
        name: Of the aligner.
        period_ns: Length of a window.
        ends: Where windows end, ascending.

    Raises:
        ApiFailure: The aligner does not go with the series.
    """
    aligner = aligner_of(name, line)
    points = [*increases(line.points)] if line.kind == "CUMULATIVE" else list(line.points)
    times = [each.end for each in points]
    made = []
    for end in ends:
        inside = points[bisect_right(times, end - period_ns) : bisect_right(times, end)]
        value = aligner.of(inside) if inside else None
        if value is not None:
            made.append(_at(name, value, end, period_ns))
    kind = "DELTA" if name == "ALIGN_DELTA" else "GAUGE"
    return replace(line, points=tuple(made), kind=kind, type=aligner.gives or line.type)


def _at(name: str, value: Value, end: int, period_ns: int) -> Point:
    if name == "ALIGN_RATE":
        return Point(end, end, number(value) / (period_ns / SECOND))
    return Point(end - period_ns if name == "ALIGN_DELTA" else end, end, value)


def increases(points: Sequence[Point]) -> Iterator[Point]:
    """What a counter grew by from point to point; the first one, and one that began again, since its beginning."""
    before = None
    for point in points:
        if before is None or point.start > before.start:
            yield point
        else:
            yield Point(before.end, point.end, grown(before.value, point.value))
        before = point


def grown(before: Value, after: Value) -> Value:
    """What a counter grew by."""
    if isinstance(before, Spread) and isinstance(after, Spread):
        return after.since(before)
    if isinstance(before, int) and isinstance(after, int):
        return after - before
    return number(after) - number(before)


def window_ends(start: int, end: int, period_ns: int) -> list[int]:
    """Where the windows of an interval end: at its end, and every period before that."""
    return [*range(end, start, -period_ns)][::-1] or [end]
