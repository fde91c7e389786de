"""What time series are made of, as plain values: points, and distributions of values.

Source: comments of `google.api.Distribution`, `google.monitoring.v3.Point` and `TimeInterval`.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from google.api.distribution_pb2 import Distribution as Message
from google.cloud.monitoring_v3.types import common

from emulator.core.failures import ApiFailure

TypedValue = common.TypedValue.pb()
SECOND = 10**9
"""Times are whole nanoseconds since 1970: they are compared for equality."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution.

    Attributes:
        count: How many values.
        mean: Of them.
        squares: Sum of their squared distances from the mean.
        bounds: Where its buckets meet, ascending.
        counts: How many values each bucket has: one more than bounds; below the first bound, ..., from the last one on.
    """

    count: int
    mean: float
    squares: float
    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    @classmethod
    def read(cls, message: Any) -> "Spread":
        """From the API's own form."""
        bounds = tuple(bounds_of(message.bucket_options))
        counts = tuple(message.bucket_counts)
        whole = counts + (0,) * (len(bounds) + 1 - len(counts)) if bounds else counts
        return cls(message.count, message.mean, message.sum_of_squared_deviation, bounds, whole)

    def write(self) -> Any:
        """In the API's own form."""
        made = Message(count=self.count, mean=self.mean, sum_of_squared_deviation=self.squares)
        made.bucket_counts.extend(self.counts)
        if self.bounds:
            made.bucket_options.explicit_buckets.bounds.extend(self.bounds)
        return made

    def joined(self, other: "Spread") -> "Spread":
        """The distribution of the values of both.

        Raises:
            ApiFailure: Their buckets differ.
        """
        return self._combined(other, 1)

    def since(self, earlier: "Spread") -> "Spread":
        """What came after an earlier state of the same counter."""
        return self._combined(earlier, -1)

    def _combined(self, other: "Spread", sign: int) -> "Spread":
        if not other.count:
            return self
        if not self.count and sign > 0:
            return other
        if self.bounds != other.bounds:
            raise ApiFailure("UNIMPLEMENTED", "The emulator does not join distributions with different buckets.")
        count = self.count + sign * other.count
        if count <= 0:
            return Spread(0, 0.0, 0.0, self.bounds, (0,) * len(self.counts))
        mean = (self.count * self.mean + sign * other.count * other.mean) / count
        between = self.count * (self.mean - mean) ** 2 + sign * other.count * (other.mean - mean) ** 2
        counts = tuple(max(a + sign * b, 0) for a, b in zip(self.counts, other.counts, strict=True))
        return Spread(count, mean, max(self.squares + sign * other.squares + between, 0.0), self.bounds, counts)

    def percentile(self, share: float) -> float:
        """The value below which a share (0 to 1) of the values lie, estimated within its bucket as Google does."""
        if not self.bounds or not sum(self.counts):
            return self.mean
        wanted, before = share * sum(self.counts), 0
        for index, (count, reached) in enumerate(zip(self.counts, accumulate(self.counts), strict=True)):
            if count and reached >= wanted:
                low, high = self._edges(index)
                return low + (high - low) * (wanted - before) / count
            before = reached
        return self.bounds[-1]

    def within(self, low: float, high: float) -> float:
        """How many of the values lie from `low` to `high`, estimated within buckets."""
        if not self.bounds:
            return float(self.count) if low <= self.mean <= high else 0.0
        found = 0.0
        for index, count in enumerate(self.counts):
            start, end = self._edges(index)
            if index == len(self.bounds):  # nobody knows how far it goes
                found += count if high > end else 0
            elif count and end > start:
                found += count * max(min(high, end) - max(low, start), 0.0) / (end - start)
        return found

    def _edges(self, index: int) -> tuple[float, float]:
        low = self.bounds[index - 1] if index else min(0.0, self.bounds[0])
        high = self.bounds[index] if index < len(self.bounds) else self.bounds[-1]
        return low, high


def bounds_of(options: Any) -> Iterator[float]:
    """Where buckets meet, however they are described."""
    kind = options.WhichOneof("options")
    if kind == "explicit_buckets":
        yield from options.explicit_buckets.bounds
    elif kind == "linear_buckets":
        given = options.linear_buckets
        yield from (given.offset + given.width * index for index in range(given.num_finite_buckets + 1))
    elif kind == "exponential_buckets":
        given = options.exponential_buckets
        yield from (given.scale * given.growth_factor**index for index in range(given.num_finite_buckets + 1))


Value = bool | int | float | str | Spread


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement.

    Attributes:
        start: Nanoseconds since 1970; as `end` for a gauge.
        end: Nanoseconds since 1970.
        value: What was measured.
    """

    start: int
    end: int
    value: Value


@dataclass(frozen=True, slots=True)
class Line:
    """One time series, or what aligning and reducing made of several.

    Attributes:
        metric: Type of the metric.
        resource: Type of the monitored resource; empty where series of several types were joined.
        labels: `metric.labels.x`, `resource.labels.x` and `project`, with their values, sorted.
        kind: `GAUGE`, `DELTA` or `CUMULATIVE`.
        type: `BOOL`, `INT64`, `DOUBLE`, `STRING` or `DISTRIBUTION`.
        points: The oldest first.
        unit: Of the values.
    """

    metric: str
    resource: str
    labels: tuple[tuple[str, str], ...]
    kind: str
    type: str
    points: tuple[Point, ...] = ()
    unit: str = ""

    @property
    def key(self) -> str:
        """What tells it from the others of one answer."""
        return "\n".join([self.resource, *(f"{name}={value}" for name, value in self.labels)])


def read_value(message: Any) -> Value:
    """A `TypedValue` as a plain value."""
    kind = message.WhichOneof("value")
    found = getattr(message, kind)
    made: Value = Spread.read(found) if kind == "distribution_value" else found
    return made


def write_value(value: Value, type_: str) -> Any:
    """A plain value as a `TypedValue`."""
    made = TypedValue()
    if isinstance(value, Spread):
        made.distribution_value.CopyFrom(value.write())
    elif type_ == "DOUBLE":
        made.double_value = float(value)
    elif type_ == "INT64":
        made.int64_value = int(value)
    else:
        setattr(made, f"{type_.lower()}_value", value)
    return made


def nanoseconds(stamp: Any) -> int:
    """A timestamp message as nanoseconds since 1970."""
    return int(stamp.seconds * SECOND + stamp.nanos)


def number(value: Value) -> float:
    """What comparisons and averages take a value for."""
    return value.mean if isinstance(value, Spread) else float(value)


def mean_of(numbers: Sequence[float]) -> float:
    """Their average."""
    return math.fsum(numbers) / len(numbers)


def deviation_of(numbers: Sequence[float]) -> float:
    """Their standard deviation, of all there are."""
    mean = mean_of(numbers)
    return math.sqrt(mean_of([(each - mean) ** 2 for each in numbers]))


def joined(spreads: Iterable[Spread]) -> Spread:
    """The distribution of the values of all."""
    whole = Spread(0, 0.0, 0.0)
    for each in spreads:
        whole = whole.joined(each)
    return whole
