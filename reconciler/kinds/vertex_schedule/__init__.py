"""Vertex AI's schedules of monitoring jobs: what is compared, and when."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.core import paid
from reconciler.core.flow import Each, Flow, Group
from reconciler.core.kind import Kind, Permissions, Roles
from reconciler.kinds.vertex_model_monitor.logarithms import consequence
from reconciler.kinds.vertex_model_monitor.record import HOST
from reconciler.kinds.vertex_schedule.client import ScheduleClient
from reconciler.kinds.vertex_schedule.record import NAME, MonitoringSchedule, least_of, orders_of
from reconciler.kinds.vertex_schedule.wanted import (
    DRIFT,
    SKEW,
    address_of,
    desired,
    display_names,
    log_query,
    logged_version,
)
from reconciler.lookups.model_version import MODEL_VERSION

if TYPE_CHECKING:
    from reconciler.core.objects import Desired
    from schemas import MLService

__all__ = [
    "DRIFT",
    "KIND",
    "NAME",
    "SKEW",
    "MonitoringSchedule",
    "address_of",
    "display_names",
    "least_of",
    "log_query",
    "logged_version",
    "orders_of",
]


def flows(want: Desired[MonitoringSchedule], service: MLService, project: str) -> Iterator[Flow]:
    """Say that it starts what compares."""
    del service, project
    yield Flow(want.address, Each("vertex_model_monitor"), f"{want.address.name.rpartition('/')[2]} comparisons")


KIND = Kind(
    name=NAME,
    title="monitoring schedule",
    fields=MonitoringSchedule,
    desired=desired,
    connect=ScheduleClient,
    group=Group.MONITORING,
    flows=flows,
    paid=paid.Paid(
        alters=paid.fields("cron", "baseline.window", "target.window", "paused"),
        without={"looked_s": Decimal(0), "comparisons": Decimal(0)},
    ),
    acts_on=frozenset(
        {
            "monitoring.schedule",
            "monitoring.window",
            "monitoring.minSamples",
            "monitoring.drift.*",
            "monitoring.predictionDrift",
            "monitoring.predictionOrder",
            "monitoring.skew.order",
            "monitoring.logarithmic",
        }
    ),
    permissions=Permissions(
        read=("aiplatform.schedules.list",),
        write=tuple(f"aiplatform.schedules.{verb}" for verb in ("create", "update", "delete")),
    ),
    apis=(HOST,),
    roles=Roles(read=("roles/aiplatform.viewer",), write=("roles/aiplatform.user",)),
    lookups=(MODEL_VERSION,),
    server_named=True,
    # There is no etag, and the request is written whole.
    fenced=False,
    # A schedule is of one monitor: that of another version has its own.
    immutable=frozenset({"monitor", "fixed_by_hand"}),
    consequence=lambda changes, _: consequence(changes, "target.query"),
    uses=frozenset({"vertex_model_monitor"}),
)
