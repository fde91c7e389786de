"""`ListTimeSeries`: series that a filter selects, as they are, or aligned and reduced, the newest point first.

Source: comments of `ListTimeSeriesRequest`; https://cloud.google.com/monitoring/api/v3/aggregation. An interval has the
points after its start until its end; without a start, those at its end.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from google.cloud.monitoring_v3.types import common, metric_service
from google.protobuf.timestamp_pb2 import Timestamp

from emulator.apis.monitoring import filters
from emulator.apis.monitoring.descriptors import API
from emulator.apis.monitoring.series import keeping, metrics
from emulator.apis.monitoring.series.alignment import window_ends
from emulator.apis.monitoring.series.metrics import SERVICE, Descriptor
from emulator.apis.monitoring.series.reduction import Aggregation, aggregated
from emulator.apis.monitoring.series.selectors import BadFilter, Selector, parse
from emulator.apis.monitoring.series.values import SECOND, Line, nanoseconds, write_value
from emulator.core.api import Call
from emulator.core.callbacks import resolve
from emulator.core.failures import ApiFailure
from emulator.core.paging import Order, page_of
from emulator.core.resources import by_id, fits
from emulator.core.world import World

ListResponse = metric_service.ListTimeSeriesResponse.pb()
HEADERS_ONLY = metric_service.ListTimeSeriesRequest.TimeSeriesView.HEADERS
MOST_WINDOWS = 100_000
BILLED, WRITE_BILLED = "run.googleapis.com/container/billable_instance_time", "emulator.apis.monitoring.billed:write"
LEAST_PERIOD_NS = 60 * SECOND
BY_KEY = Order(lambda line: (line.key,))
LONGEST_PERIOD_NS = 104 * 7 * 86_400 * SECOND


@API.method(SERVICE + "ListTimeSeries")
def listed(world: World, request: Any, _: Call) -> Any:
    """A page of series; each is whole, with all its points."""
    project = by_id(world, request.name)
    if not fits("projects/*", project):
        raise ApiFailure("UNIMPLEMENTED", "The emulator lists the time series of projects only.")
    if request.order_by:
        raise ApiFailure("INVALID_ARGUMENT", "Field orderBy had an invalid value: It must be left blank.")
    steps = [*map(aggregation_of, (request.aggregation, request.secondary_aggregation))]
    selector, within = selector_of(request.filter), interval_of(request.interval)
    tell(world, selector, within)
    lines = aligned(world, project, selector, within, steps)
    found, token = page_of(request, lines, BY_KEY, default=1000)
    whole = request.view != HEADERS_ONLY
    return ListResponse(time_series=[message_of(each, whole=whole) for each in found], next_page_token=token)


def tell(world: World, selector: Selector, within: tuple[int, int]) -> None:
    """Have that written which is written seldom, as far as it is asked for: both ends of an interval end a point."""
    if BILLED in selector.metrics:
        now = world.clock.now()
        for moment_ns in within:  # of any size: an interval may end where no date is
            until_s = min(max(moment_ns / SECOND, 0.0), now.timestamp())
            resolve(WRITE_BILLED)(world, datetime.fromtimestamp(until_s, UTC))


def interval_of(interval: Any) -> tuple[int, int]:
    """Start and end of an interval, in nanoseconds.

    Raises:
        ApiFailure: INVALID_ARGUMENT for one without an end, or that ends before it starts.
    """
    if not interval.HasField("end_time"):
        raise ApiFailure("INVALID_ARGUMENT", "Request was missing field interval.endTime.")
    end = nanoseconds(interval.end_time)
    start = nanoseconds(interval.start_time) if interval.HasField("start_time") else end
    if start > end:
        text = "Field interval had an invalid value: The start time must not be later than the end time."
        raise ApiFailure("INVALID_ARGUMENT", text)
    return (end - 1 if start == end else start), end


def aggregation_of(message: Any) -> Aggregation:
    """One step, as a plain value.

    Raises:
        ApiFailure: INVALID_ARGUMENT for one that is not whole.
    """
    aligner = common.Aggregation.Aligner(message.per_series_aligner).name
    reducer = common.Aggregation.Reducer(message.cross_series_reducer).name
    period = message.alignment_period.ToNanoseconds()
    if aligner == "ALIGN_NONE" and reducer == "REDUCE_NONE":
        return Aggregation()
    if aligner == "ALIGN_NONE":
        text = (
            'Field aggregation.perSeriesAligner had an invalid value of "ALIGN_NONE": An aligner is needed to reduce.'
        )
        raise ApiFailure("INVALID_ARGUMENT", text)
    if not LEAST_PERIOD_NS <= period <= LONGEST_PERIOD_NS:
        why = "The alignment period must be at least 60 seconds, and at most 104 weeks."
        text = f'Field aggregation.alignmentPeriod had an invalid value of "{period // SECOND}s": {why}'
        raise ApiFailure("INVALID_ARGUMENT", text)
    return Aggregation(period, aligner, reducer, tuple(message.group_by_fields))


def selector_of(text: str, field: str = "filter") -> Selector:
    """A filter that names the one metric it is about.

    Raises:
        ApiFailure: INVALID_ARGUMENT for another one.
    """
    try:
        found = parse(text.strip())
    except BadFilter as error:
        raise filters.refused(text, error, field) from error
    if len(found.metrics) != 1:
        why = "The supplied filter does not specify a valid combination of metric and monitored resource descriptors."
        text = f'Field {field} had an invalid value of "{text}": {why} The query will not return any time series.'
        raise ApiFailure("INVALID_ARGUMENT", text)
    return found


def aligned(
    world: World, project: str, selector: Selector, within: tuple[int, int], steps: Sequence[Aggregation]
) -> list[Line]:
    """The series that a filter selects, after each step; those that have no points are left out.

    Raises:
        ApiFailure: There is no such metric, or a step does not go with it.
    """
    for type_ in selector.metrics:
        if metrics.find(world, project, type_) is None:
            raise metrics.missing(type_)
    start, end = within
    reach = start - steps[0].period_ns
    found = keeping.selected(world, project, selector)
    lines = [keeping.filled(world, name, line, reach, end) for name, line in found]
    for step in steps:
        lines = aggregated(lines, step, ends_of(start, end, step))
    return [line for line in lines if line.points]


def ends_of(start: int, end: int, step: Aggregation) -> list[int]:
    """Where the windows of a step end.

    Raises:
        ApiFailure: INVALID_ARGUMENT for more than anybody can want.
    """
    if not step.period_ns:
        return []
    if (end - start) // step.period_ns > MOST_WINDOWS:
        raise ApiFailure("INVALID_ARGUMENT", "Field interval had an invalid value: It has too many alignment periods.")
    return window_ends(start, end, step.period_ns)


def message_of(line: Line, *, whole: bool = True) -> Any:
    """A series as the API gives it.

    Args:
        line: The series.
        whole: With its points.
    """
    made = keeping.TimeSeries(
        metric_kind=Descriptor.MetricKind.Value(line.kind), value_type=Descriptor.ValueType.Value(line.type)
    )
    made.unit, made.metric.type, made.resource.type = line.unit, line.metric, line.resource
    for name, value in line.labels:
        side, _, key = name.partition(".labels.")
        if key:
            getattr(made, side).labels[key] = value
    for point in reversed(line.points) if whole else ():
        added = made.points.add()
        added.interval.start_time.CopyFrom(stamp(point.start))
        added.interval.end_time.CopyFrom(stamp(point.end))
        added.value.CopyFrom(write_value(point.value, line.type))
    return made


def stamp(when_ns: int) -> Timestamp:
    """A time as a message."""
    return Timestamp(seconds=when_ns // SECOND, nanos=when_ns % SECOND)
