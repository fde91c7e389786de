"""Cloud Monitoring's dashboards: how a service does, on one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core import paid
from reconciler.core.address import Address
from reconciler.core.flow import Flow, Group
from reconciler.core.kind import Kind, Permissions, Roles, by_project
from reconciler.kinds.monitoring_dashboard.client import DashboardClient
from reconciler.kinds.monitoring_dashboard.record import AREA, HOST, LIMIT, LINE, NAME, TEXT, Dashboard, Shown
from reconciler.kinds.monitoring_dashboard.wanted import address_of, desired
from reconciler.lookups.model_version import MODEL_VERSION

if TYPE_CHECKING:
    from reconciler.core.objects import Desired
    from schemas import MLService

__all__ = ["AREA", "KIND", "LIMIT", "LINE", "NAME", "TEXT", "Dashboard", "Shown", "address_of"]


def flows(want: Desired[Dashboard], service: MLService, project: str) -> Iterator[Flow]:
    """Say whose metrics it shows."""
    del project
    yield Flow(Address("run_service", service.spec.region, service.name), want.address, "metrics")


KIND = Kind(
    name=NAME,
    title="dashboard",
    fields=Dashboard,
    desired=desired,
    connect=DashboardClient,
    paid=paid.NOTHING,
    group=Group.MONITORING,
    flows=flows,
    acts_on=frozenset({"monitoring.dashboard"}),
    permissions=Permissions(
        read=("monitoring.dashboards.list",),
        write=tuple(f"monitoring.dashboards.{verb}" for verb in ("create", "get", "update", "delete")),
    ),
    apis=(HOST,),
    roles=Roles(read=("roles/monitoring.viewer",), write=("roles/monitoring.dashboardEditor",)),
    lookups=(MODEL_VERSION,),
    read_together=by_project,
    keyed=frozenset({"labels"}),
    # Whose tiles they are: people's own stay where a spec leaves the tiles to them.
    spec_paths={"monitoring.dashboard": "tiles"},
    before=frozenset({"vertex_schedule"}),
)
