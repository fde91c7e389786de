"""What is written: one point per series, in the order of time; what cannot be written does not stop the rest.

Source: comments of `MetricService.CreateTimeSeries`; https://cloud.google.com/monitoring/quotas. Words of refusals:
googleapis/python-monitoring issue 57, GoogleCloudPlatform/opentelemetry-operations-java issue 247 (order),
google/ts-bridge issue 7 and opentelemetry-operations-python issue 431 (too often); the others are in their style.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.cloud.monitoring_v3.types import metric_service

from emulator.apis.monitoring.series import keeping, metrics, resources
from emulator.apis.monitoring.series.metrics import Descriptor
from emulator.apis.monitoring.series.values import SECOND, nanoseconds
from emulator.core.failures import CODES, ApiFailure
from emulator.core.world import World

MOST = 200
PERIOD_NS = 5 * SECOND
"""A custom metric takes a point of a series no more often than this."""
PAST_NS, FUTURE_NS = (25 * 3600 + 5 * 60) * SECOND, 5 * 60 * SECOND
VALUE_LONGEST = 1024
ORDER = (
    "Points must be written in order. One or more of the points specified had an older start time than the most recent"
    " point."
)
OFTEN = "One or more points were written more frequently than the maximum sampling period configured for the metric."
Summary = metric_service.CreateTimeSeriesSummary.pb()
VALUES = {
    "bool_value": Descriptor.BOOL,
    "int64_value": Descriptor.INT64,
    "double_value": Descriptor.DOUBLE,
    "string_value": Descriptor.STRING,
    "distribution_value": Descriptor.DISTRIBUTION,
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A series that cannot be written, and why."""

    index: int
    series: Any
    why: str


def check_request(many: Sequence[Any]) -> None:
    """Refuse a request of too many series, of none, or of one series twice.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if not many:
        raise ApiFailure("INVALID_ARGUMENT", "Request was missing field timeSeries.")
    if len(many) > MOST:
        why = f"A maximum of {MOST} TimeSeries can be written in a single request."
        raise ApiFailure("INVALID_ARGUMENT", f'Field timeSeries had an invalid value of "{len(many)}": {why}')
    names: set[str] = set()
    for index, series in enumerate(many):
        name = keeping.name_of("", series)
        if name in names or len(series.points) != 1:
            once = "Only one point can be written per TimeSeries per request."
            why = f"Duplicate TimeSeries encountered. {once}" if name in names else once
            place = f"timeSeries[{index}]" if name in names else f"timeSeries[{index}].points"
            raise ApiFailure("INVALID_ARGUMENT", f"Field {place} had an invalid value: {why}")
        names.add(name)


def check(world: World, where: str, series: Any) -> None:
    """Refuse a series that is not well made.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    metrics.check_type(series.metric.type, f"{where}.metric.type")
    if series.resource.type not in resources.WRITABLE:
        kinds = ", ".join(sorted(resources.WRITABLE))
        raise invalid(
            f"{where}.resource.type", series.resource.type, f"Custom metrics are written for one of: {kinds}."
        )
    unknown = sorted(series.resource.labels.keys() - set(resources.LABELS[series.resource.type]))
    if unknown:
        raise invalid(f"{where}.resource.labels", unknown[0], "The label is not one of the monitored resource type's.")
    for key, value in series.metric.labels.items():
        if not metrics.LABEL.fullmatch(key) or len(value) > VALUE_LONGEST:
            raise invalid(f"{where}.metric.labels[{key}]", value[:80], "The label's key or value is not valid.")
    check_point(world, f"{where}.points[0]", series)


def check_point(world: World, where: str, series: Any) -> None:
    """Refuse a value that is none, and times that are not those of such a metric.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    point = series.points[0]
    if point.value.WhichOneof("value") not in VALUES:
        raise ApiFailure("INVALID_ARGUMENT", f"Request was missing field {where}.value.")
    if not point.interval.HasField("end_time"):
        raise ApiFailure("INVALID_ARGUMENT", f"Request was missing field {where}.interval.endTime.")
    end, now = nanoseconds(point.interval.end_time), int(world.clock.now().timestamp() * SECOND)
    for too, why in ((end < now - PAST_NS, "25h5m0s in the past"), (end > now + FUTURE_NS, "5m0s in the future")):
        if too:
            value = point.interval.end_time.ToJsonString()
            raise invalid(f"{where}.interval.endTime", value, f"Data points cannot be written more than {why}.")
    check_start(where, series, end)


def check_start(where: str, series: Any, end: int) -> None:
    """A counter's interval has a length, a gauge's has none.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    interval = series.points[0].interval
    start = nanoseconds(interval.start_time) if interval.HasField("start_time") else end
    kind = series.metric_kind or Descriptor.GAUGE
    if kind not in {Descriptor.GAUGE, Descriptor.CUMULATIVE}:
        why = "Custom metrics must be of kind GAUGE or CUMULATIVE."
        raise invalid(where.partition(".points")[0] + ".metricKind", metrics.KINDS.get(kind, ""), why)
    value = interval.start_time.ToJsonString()
    if kind == Descriptor.CUMULATIVE and start >= end:
        why = (
            f"The start time must be before the end time ({interval.end_time.ToJsonString()}) for the non-gauge metric"
        )
        raise invalid(f"{where}.interval.startTime", value, f"{why} '{series.metric.type}'.")
    if kind == Descriptor.GAUGE and start != end:
        why = "The start time of a gauge metric must be absent or equal to the end time."
        raise invalid(f"{where}.interval.startTime", value, why)


def invalid(field: str, value: str, why: str) -> ApiFailure:
    """How Monitoring refuses a value."""
    return ApiFailure("INVALID_ARGUMENT", f'Field {field} had an invalid value of "{value}": {why}')


def keep(world: World, project: str, many: Iterable[Any], period_ns: int) -> tuple[list[Refused], set[str]]:
    """Keep points; gives those that could not be written, and the types of metrics that others are of.

    Args:
        world: Where; in a transaction of the caller's.
        project: `projects/P`.
        many: `TimeSeries` with one point each.
        period_ns: How often a series takes a point at most.
    """
    refused, types = [], set()
    for index, sent in enumerate(many):
        series = settled(project, sent)
        why = describe(world, project, series) or add(world, project, series, period_ns)
        if why:
            refused.append(Refused(index, series, why))
        else:
            types.add(series.metric.type)
    return refused, types


def settled(project: str, sent: Any) -> Any:
    """A series with what Google fills in."""
    series = keeping.TimeSeries()
    series.CopyFrom(sent)
    series.metric_kind = sent.metric_kind or Descriptor.GAUGE
    series.value_type = VALUES[sent.points[0].value.WhichOneof("value")]
    if "project_id" in resources.LABELS.get(series.resource.type, ()):
        series.resource.labels["project_id"] = project.removeprefix("projects/")
    return series


def describe(world: World, project: str, series: Any) -> str:
    """Make the descriptor of a metric that has none yet, and add labels; says why the series does not fit it, if so."""
    found = metrics.find(world, project, series.metric.type)
    if found is None:
        found = Descriptor(
            name=f"{project}/metricDescriptors/{series.metric.type}",
            type=series.metric.type,
            metric_kind=series.metric_kind,
            value_type=series.value_type,
            unit=series.unit,
        )
        metrics.save(world, found)
    if (found.metric_kind, found.value_type) != (series.metric_kind, series.value_type):
        kind, value = metrics.KINDS[found.metric_kind], Descriptor.ValueType.Name(found.value_type)
        return f"The metric is of kind {kind} and value type {value}."
    new = sorted(series.metric.labels.keys() - {label.key for label in found.labels})
    if len(found.labels) + len(new) > metrics.LABELS_MOST:
        return f"A metric has at most {metrics.LABELS_MOST} labels."
    for key in new:
        found.labels.add(key=key)
    if new:
        metrics.save(world, found)
    return ""


def add(world: World, project: str, series: Any, period_ns: int) -> str:
    """Keep a point; says why not, if not."""
    name = keeping.name_of(project, series)
    before = keeping.latest(world, name)
    if before is not None:
        was, now = keeping.point_of(before.points[0]), keeping.point_of(series.points[0])
        if now.end <= was.end or now.start < was.start or (was.start < now.start < was.end):
            return ORDER
        if now.end - was.end < period_ns:
            return OFTEN
    keeping.put(world, name, series)
    return ""


def partly(refused: Sequence[Refused], sent: int) -> ApiFailure:
    """The refusal that names what was not written."""
    by_reason: dict[str, list[Refused]] = defaultdict(list)
    for each in refused:
        by_reason[each.why].append(each)
    texts = [f"{why}: {'; '.join(map(shown, many))}" for why, many in by_reason.items()]
    summary = Summary(total_point_count=sent, success_point_count=sent - len(refused))
    for why, many in by_reason.items():
        error = summary.errors.add(point_count=len(many))
        error.status.code, error.status.message = CODES["INVALID_ARGUMENT"][0], why
    text = f"One or more TimeSeries could not be written: {'; '.join(texts)}"
    return ApiFailure("INVALID_ARGUMENT", text, [summary])


def shown(refused: Refused) -> str:
    """A series in a refusal: `global{} timeSeries[0]: custom.googleapis.com/x{a:b}`."""
    resource, metric = refused.series.resource, refused.series.metric
    place = f"{resource.type}{_in_braces(resource.labels)} timeSeries[{refused.index}]"
    return f"{place}: {metric.type}{_in_braces(metric.labels)}"


def _in_braces(labels: Any) -> str:
    return "{" + ",".join(f"{key}:{value}" for key, value in sorted(labels.items()) if key != "project_id") + "}"
