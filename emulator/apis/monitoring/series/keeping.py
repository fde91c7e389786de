"""Where series lie: each with its latest point, and all its points by time.

Points are kept for six weeks, as Google keeps them whole; what it makes of older ones is not emulated.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from google.api import metric_pb2
from google.cloud.monitoring_v3.types import metric

from emulator.apis.monitoring.series.metrics import HEADERS, KINDS, POINTS, below
from emulator.apis.monitoring.series.selectors import Selector
from emulator.apis.monitoring.series.values import SECOND, Line, Point, nanoseconds, read_value
from emulator.core.world import World

TimeSeries, PointMessage = metric.TimeSeries.pb(), metric.Point.pb()
KEPT_NS = 42 * 86_400 * SECOND
TYPES = {value: name for name, value in metric_pb2.MetricDescriptor.ValueType.items()}


def name_of(project: str, series: Any) -> str:
    """Under which name a series is kept: that of its metric, and a digest of what tells it from others."""
    told = [sorted(series.metric.labels.items()), series.resource.type, sorted(series.resource.labels.items())]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
    return f"{below(project, series.metric.type)}{digest}"


def latest(world: World, name: str) -> Any:
    """A series with its latest point, or None."""
    body = world.store.get(HEADERS, name)
    return None if body is None else TimeSeries.FromString(body)


def put(world: World, name: str, series: Any) -> None:
    """Add the one point that a series has, and forget what is too old; in a transaction of the caller's."""
    point = series.points[0]
    end = nanoseconds(point.interval.end_time)
    world.store.put(HEADERS, name, series.SerializeToString())
    world.store.put(POINTS, at(name, end), point.SerializeToString())
    old = world.store.between(POINTS, at(name, 0), at(name, end - KEPT_NS))
    world.store.delete_all(POINTS, [found for found, _ in old])


def at(name: str, when_ns: int) -> str:
    """The name of a point of a series: names are in the order of time."""
    return f"{name}/{max(when_ns, 0):020d}"


def selected(world: World, project: str, selector: Selector) -> Iterator[tuple[str, Line]]:
    """The series that a filter lets through, by name, each with its latest point alone."""
    for type_ in sorted(selector.metrics):
        for name, body in world.store.list(HEADERS, below(project, type_)):
            line = line_of(project, TimeSeries.FromString(body))
            if selector.test({"metric.type": line.metric, "resource.type": line.resource, **dict(line.labels)}):
                yield name, line


def line_of(project: str, series: Any) -> Line:
    """A series as a plain value."""
    labels = {"project": project.removeprefix("projects/")}
    labels |= {f"metric.labels.{key}": value for key, value in series.metric.labels.items()}
    labels |= {f"resource.labels.{key}": value for key, value in series.resource.labels.items()}
    return Line(
        series.metric.type,
        series.resource.type,
        tuple(sorted(labels.items())),
        KINDS.get(series.metric_kind, "GAUGE"),
        TYPES[series.value_type],
        tuple(map(point_of, series.points)),
        series.unit,
    )


def point_of(message: Any) -> Point:
    """A point as a plain value."""
    end = nanoseconds(message.interval.end_time)
    start = nanoseconds(message.interval.start_time) if message.interval.HasField("start_time") else end
    return Point(start, end, read_value(message.value))


def filled(world: World, name: str, line: Line, after: int, until: int) -> Line:
    """A series with its points after a time, until another one and with it; of a counter also the one before."""
    found = world.store.between(POINTS, at(name, after + 1), at(name, until + 1))
    points = [point_of(PointMessage.FromString(body)) for _, body in found]
    if line.kind == "CUMULATIVE" and points:
        before = world.store.last_between(POINTS, at(name, 0), at(name, after + 1))
        points = [*([point_of(PointMessage.FromString(before[1]))] if before else []), *points]
    return replace(line, points=tuple(points))
