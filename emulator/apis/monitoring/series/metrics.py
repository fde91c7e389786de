"""Metric descriptors: what there is to measure. A custom one is made by hand, or by the first point of it.

Source: https://cloud.google.com/monitoring/custom-metrics/creating-metrics; comments of `MetricService`. Deleting a
descriptor deletes its data.
"""

import re
from typing import Any

from google.api import metric_pb2
from google.cloud.monitoring_v3.types import metric_service

from emulator.apis.monitoring import filters
from emulator.apis.monitoring.descriptors import API
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import by_id, fits
from emulator.core.world import World

SERVICE = "google.monitoring.v3.MetricService/"
KIND = "monitoring.metric"
POINTS, HEADERS = "monitoring.point", "monitoring.series"
"""Kinds of points and of series in the store, by names that begin with the metric's."""
Descriptor = metric_pb2.MetricDescriptor
TYPE = re.compile(r"(?P<domain>[a-z0-9.-]+\.[a-z]+)(/[A-Za-z0-9_.-]+)+")
LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
WRITABLE = ("custom.googleapis.com", "external.googleapis.com", "workload.googleapis.com", "prometheus.googleapis.com")
"""Domains of metrics that are anybody's to make."""
LABELS_MOST, LONGEST = 30, 200
KINDS = {Descriptor.GAUGE: "GAUGE", Descriptor.DELTA: "DELTA", Descriptor.CUMULATIVE: "CUMULATIVE"}
Listed = metric_service.ListMetricDescriptorsResponse.pb()


def find(world: World, project: str, type_: str) -> Any:
    """The descriptor of a metric, or None."""
    body = world.store.get(KIND, f"{project}/metricDescriptors/{type_}")
    return None if body is None else Descriptor.FromString(body)


def save(world: World, descriptor: Any) -> None:
    """Keep a descriptor."""
    world.store.put(KIND, descriptor.name, descriptor.SerializeToString())


def below(project: str, type_: str = "") -> str:
    """What the names of the series of a project begin with, or of one metric in it."""
    return f"{project}/{type_}\n" if type_ else f"{project}/"


def check_type(type_: str, field: str) -> None:
    """Refuse a metric that is not anybody's to make.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    found = TYPE.fullmatch(type_)
    if found is None or len(type_) > LONGEST:
        why = "The metric type must be a URL-formatted string with a domain and non-empty path."
        raise ApiFailure("INVALID_ARGUMENT", f'Field {field} had an invalid value of "{type_}": {why}')
    if found["domain"] not in WRITABLE:
        why = f"The metric's domain must be one of: {', '.join(WRITABLE)}."
        raise ApiFailure("INVALID_ARGUMENT", f'Field {field} had an invalid value of "{type_}": {why}')


@API.method(SERVICE + "CreateMetricDescriptor")
def create(world: World, request: Any, _: Call) -> Any:
    """Make a descriptor, or change what may change of one: labels are added, words replaced."""
    project, sent = by_id(world, request.name), request.metric_descriptor
    if not fits("projects/*", project):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {request.name!r}.")
    check_type(sent.type, "metricDescriptor.type")
    check(sent)
    with world.store.transaction():
        before = find(world, project, sent.type)
        if before is not None and (before.metric_kind, before.value_type) != (sent.metric_kind, sent.value_type):
            why = "The metric kind and the value type of an existing metric cannot be changed."
            raise ApiFailure("INVALID_ARGUMENT", f"Field metricDescriptor had an invalid value: {why}")
        made = Descriptor()
        made.CopyFrom(sent)
        made.name = f"{project}/metricDescriptors/{sent.type}"
        made.monitored_resource_types[:] = ()
        for label in before.labels if before is not None else ():
            if label.key not in {each.key for each in made.labels}:
                made.labels.add().CopyFrom(label)
        save(world, made)
    return made


def check(sent: Any) -> None:
    """Refuse what Google refuses of a descriptor.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if sent.metric_kind not in {Descriptor.GAUGE, Descriptor.CUMULATIVE}:
        value = Descriptor.MetricKind.Name(sent.metric_kind)
        why = "Custom metrics must be of kind GAUGE or CUMULATIVE."
        text = f'Field metricDescriptor.metricKind had an invalid value of "{value}": {why}'
        raise ApiFailure("INVALID_ARGUMENT", text)
    if not sent.value_type or sent.value_type == Descriptor.MONEY:
        raise ApiFailure("INVALID_ARGUMENT", "Field metricDescriptor.valueType had an invalid value.")
    check_labels([each.key for each in sent.labels])


def check_labels(keys: list[str]) -> None:
    """Refuse too many labels, and names that are none.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if len(keys) > LABELS_MOST:
        text = f"Field metricDescriptor.labels had an invalid value: A metric has at most {LABELS_MOST} labels."
        raise ApiFailure("INVALID_ARGUMENT", text)
    for key in keys:
        if not LABEL.fullmatch(key):
            text = f'Field metricDescriptor.labels had an invalid value of "{key}": The label key is not valid.'
            raise ApiFailure("INVALID_ARGUMENT", text)


def missing(type_: str) -> ApiFailure:
    """There is no such metric (source of the words: hashicorp/terraform-provider-google issue 11102)."""
    later = (
        "If a metric was created recently, it could take up to 10 minutes to become available. Please try again soon."
    )
    return ApiFailure("NOT_FOUND", f'Cannot find metric(s) that match type = "{type_}". {later}')


@API.method(SERVICE + "GetMetricDescriptor")
def get(world: World, request: Any, _: Call) -> Any:
    """One descriptor, by a name that has the type's slashes in it."""
    body = world.store.get(KIND, by_id(world, request.name))
    if body is None:
        raise missing(request.name.partition("/metricDescriptors/")[2])
    return Descriptor.FromString(body)


@API.method(SERVICE + "ListMetricDescriptors")
def listed(world: World, request: Any, __: Call) -> Any:
    """Those that a filter lets through, by name."""
    prefix = f"{by_id(world, request.name)}/metricDescriptors/"
    everything = [Descriptor.FromString(row[1]) for row in world.store.list(KIND, prefix)]
    chosen = [each for each in everything if fitting(each, request.filter)]
    found, token = page_of(request, chosen, default=10_000, most=10_000)
    return Listed(metric_descriptors=found, next_page_token=token)


def fitting(descriptor: Any, text: str) -> bool:
    """Whether a filter by `metric.type` lets a descriptor through."""
    from emulator.apis.monitoring.series.selectors import BadFilter, parse  # noqa: PLC0415 - only for filters

    if not text.strip():
        return True
    try:
        return parse(text).test({"metric.type": descriptor.type})
    except BadFilter as error:
        raise filters.refused(text, error) from error


@API.method(SERVICE + "DeleteMetricDescriptor")
def delete(world: World, request: Any, __: Call) -> Any:
    """A custom metric goes with its data."""
    from google.protobuf.empty_pb2 import Empty  # noqa: PLC0415 - only here

    name = by_id(world, request.name)
    project, _, type_ = name.partition("/metricDescriptors/")
    check_type(type_, "name")
    with world.store.transaction():
        if not world.store.delete(KIND, name):
            raise missing(type_)
        for kind in (HEADERS, POINTS):
            world.store.delete_all(kind, [row[0] for row in world.store.list(kind, below(project, type_))])
    return Empty()
