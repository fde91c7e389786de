"""`CreateTimeSeries`, and how emulated APIs write their own metrics: then alert policies on them are looked at.

Source: comments of `MetricService.CreateTimeSeries`.
"""

from collections.abc import Iterable
from typing import Any

from google.protobuf.empty_pb2 import Empty

from emulator.apis.monitoring.alerts import watching
from emulator.apis.monitoring.descriptors import API
from emulator.apis.monitoring.series import writing
from emulator.apis.monitoring.series.metrics import SERVICE
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, fits
from emulator.core.world import World


@API.method(SERVICE + "CreateTimeSeries")
def create(world: World, request: Any, _: Call) -> Any:
    """Write what can be written, and name the rest."""
    project = by_id(world, request.name)
    if not fits("projects/*", project):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {request.name!r}.")
    writing.check_request(request.time_series)
    for index, series in enumerate(request.time_series):
        writing.check(world, f"timeSeries[{index}]", series)
    refused = record(world, project, request.time_series)
    if refused:
        raise writing.partly(refused, len(request.time_series))
    return Empty()


def record(
    world: World, project: str, many: Iterable[Any], *, period_ns: int = writing.PERIOD_NS
) -> list[writing.Refused]:
    """Keep points, whatever metric and resource they are of; gives those that could not be written.

    Args:
        world: Where.
        project: `projects/P`.
        many: `TimeSeries` with one point each.
        period_ns: How often a series takes a point at most.
    """
    with world.store.transaction():
        refused, types = writing.keep(world, project, many, period_ns)
        for type_ in sorted(types):
            watching.written(world, project, type_)
    return refused
