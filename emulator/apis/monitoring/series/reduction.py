"""Several series as one: by group, time by time.

Source: comments of `google.monitoring.v3.Aggregation` and its `Reducer`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from emulator.apis.monitoring.series.alignment import ANY, COUNTED, NUMBERS, SHARES, aligned, total
from emulator.apis.monitoring.series.selectors import BadFilter, path_of
from emulator.apis.monitoring.series.values import Line, Point, Spread, Value, deviation_of, joined, mean_of, number
from emulator.core.failures import ApiFailure


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One step of aligning and reducing.

    Attributes:
        period_ns: Of the windows; 0 where nothing is aligned.
        aligner: Its name: `ALIGN_NONE`, ...
        reducer: Its name: `REDUCE_NONE`, ...
        groups: Fields by which series are told apart: `metric.labels.x`, `resource.type`, `project`.
    """

    period_ns: int = 0
    aligner: str = "ALIGN_NONE"
    reducer: str = "REDUCE_NONE"
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reducer:
    """How one value is made of several.

    Attributes:
        types: Types of values it can be applied to.
        gives: Type of its values; empty: as before.
        of: Makes the value.
    """

    types: frozenset[str]
    gives: str
    of: Callable[[Sequence[Value]], Value]


def _sum(values: Sequence[Value]) -> Value:
    spreads = [each for each in values if isinstance(each, Spread)]
    return joined(spreads) if spreads else total(values)


def _mean(values: Sequence[Value]) -> float:
    spreads = [each for each in values if isinstance(each, Spread)]
    return joined(spreads).mean if spreads else mean_of([*map(number, values)])


def _true(values: Sequence[Value]) -> int:
    return sum(each is True for each in values)


def _percentile(share: float) -> Callable[[Sequence[Value]], float]:
    def found(values: Sequence[Value]) -> float:
        spreads = [each for each in values if isinstance(each, Spread)]
        return joined(spreads).percentile(share) if spreads else ranked([*map(number, values)], share)

    return found


def ranked(numbers: Sequence[float], share: float) -> float:
    """The number below which a share of them lie, between two of them where that is not one of them."""
    ordered, place = sorted(numbers), share * (len(numbers) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


REDUCERS = {
    "REDUCE_MEAN": Reducer(COUNTED, "DOUBLE", _mean),
    "REDUCE_MIN": Reducer(NUMBERS, "", lambda values: min(values, key=number)),
    "REDUCE_MAX": Reducer(NUMBERS, "", lambda values: max(values, key=number)),
    "REDUCE_SUM": Reducer(COUNTED, "", _sum),
    "REDUCE_STDDEV": Reducer(NUMBERS, "DOUBLE", lambda values: deviation_of([*map(number, values)])),
    "REDUCE_COUNT": Reducer(ANY, "INT64", len),
    "REDUCE_COUNT_TRUE": Reducer(frozenset({"BOOL"}), "INT64", _true),
    "REDUCE_COUNT_FALSE": Reducer(frozenset({"BOOL"}), "INT64", lambda values: len(values) - _true(values)),
    "REDUCE_FRACTION_TRUE": Reducer(frozenset({"BOOL"}), "DOUBLE", lambda values: _true(values) / len(values)),
    **{f"REDUCE_PERCENTILE_{name}": Reducer(COUNTED, "DOUBLE", _percentile(share)) for name, share in SHARES.items()},
}


def aggregated(lines: Iterable[Line], how: Aggregation, ends: Sequence[int]) -> list[Line]:
    """Align each series, then reduce each group to one.

    Args:
        lines: With their points.
        how: One step.
        ends: Where windows end, ascending.

    Raises:
        ApiFailure: The step does not go with the series.
    """
    made = (
        [*lines] if how.aligner == "ALIGN_NONE" else [aligned(each, how.aligner, how.period_ns, ends) for each in lines]
    )
    return made if how.reducer == "REDUCE_NONE" else reduced(made, how.reducer, how.groups)


def reduced(lines: Iterable[Line], name: str, groups: Sequence[str]) -> list[Line]:
    """One series per group.

    Raises:
        ApiFailure: The reducer cannot be applied to such series.
    """
    members: dict[tuple[str, tuple[tuple[str, str], ...]], list[Line]] = defaultdict(list)
    for line in lines:
        members[group_of(line, groups)].append(line)
    return [_one(of_group, name, resource, labels) for (resource, labels), of_group in sorted(members.items())]


def group_of(line: Line, groups: Sequence[str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Which group a series is of: its type of resource, and what is kept of its labels."""
    wanted = {canonical(each) for each in groups}
    return line.resource, tuple((name, value) for name, value in line.labels if name in wanted)


def canonical(group: str) -> str:
    """A field to group by, as `metric.labels.x`.

    Raises:
        ApiFailure: INVALID_ARGUMENT for what one cannot group by.
    """
    if group.startswith("metadata."):
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not group by {group}.")
    try:
        return path_of(group)
    except BadFilter as error:
        text = f'Field aggregation.groupByFields had an invalid value of "{group}": The field name is not valid.'
        raise ApiFailure("INVALID_ARGUMENT", text) from error


def _one(lines: Sequence[Line], name: str, resource: str, labels: tuple[tuple[str, str], ...]) -> Line:
    reducer, first = reducer_of(name, lines), lines[0]
    times: dict[tuple[int, int], list[Value]] = defaultdict(list)
    for line in lines:
        for point in line.points:
            times[point.start, point.end].append(point.value)
    ordered = sorted(times.items(), key=lambda each: each[0][1])
    points = tuple(Point(start, end, reducer.of(values)) for (start, end), values in ordered)
    return replace(first, resource=resource, labels=labels, points=points, type=reducer.gives or first.type)


def reducer_of(name: str, lines: Sequence[Line]) -> Reducer:
    """The reducer of that name, for some series.

    Raises:
        ApiFailure: It cannot be applied to them.
    """
    found = REDUCERS.get(name)
    if found is None:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know the reducer {name}.")
    for line in lines:
        if line.type not in found.types:
            why = f"The reducer cannot be applied to metrics with value type {line.type}."
            text = f'Field aggregation.crossSeriesReducer had an invalid value of "{name}": {why}'
            raise ApiFailure("INVALID_ARGUMENT", text)
    return found
