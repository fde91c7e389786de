"""Vertex AI's model monitors, version 2: what is watched of a version of a model, and with what it is compared."""

from __future__ import annotations

from reconciler.core import paid
from reconciler.core.flow import Group
from reconciler.core.kind import Kind, Permissions, Roles, always
from reconciler.kinds.vertex_model_monitor.client import ModelMonitorClient
from reconciler.kinds.vertex_model_monitor.flowing import flows
from reconciler.kinds.vertex_model_monitor.logarithms import consequence
from reconciler.kinds.vertex_model_monitor.record import HOST, NAME, Limits, ModelMonitor, Objective, Rows, ordered
from reconciler.kinds.vertex_model_monitor.wanted import address_of, desired, limits_by_column, orders_by_column
from reconciler.lookups.baseline import BASELINE_FILE, BASELINE_TABLE
from reconciler.lookups.model_version import MODEL_VERSION

__all__ = [
    "KIND",
    "NAME",
    "Limits",
    "ModelMonitor",
    "Objective",
    "Rows",
    "address_of",
    "limits_by_column",
    "ordered",
    "orders_by_column",
]


KIND = Kind(
    name=NAME,
    title="model monitor",
    fields=ModelMonitor,
    desired=desired,
    connect=ModelMonitorClient,
    paid=paid.NOTHING,
    group=Group.MONITORING,
    flows=flows,
    acts_on=frozenset(
        {"monitoring.baseline.table", "monitoring.baseline.uri", "monitoring.skew.*", "monitoring.logarithmic"}
    ),
    permissions=Permissions(
        read=("aiplatform.modelMonitors.list", "aiplatform.schedules.list"),
        write=tuple(f"aiplatform.modelMonitors.{verb}" for verb in ("create", "update", "delete")),
    ),
    apis=(HOST,),
    roles=Roles(read=("roles/aiplatform.viewer",), write=("roles/aiplatform.user",)),
    lookups=(MODEL_VERSION, BASELINE_TABLE, BASELINE_FILE),
    holders=ModelMonitorClient.holders,
    # There is no etag; a part that is named is written whole.
    fenced=False,
    # The SDK never writes it again (model_monitoring.md A.2).
    immutable=frozenset({"model", "model_version"}),
    consequence=lambda changes, _: consequence(changes, "training.query"),
    retained=always,  # with one of an earlier version goes all that it found
    uses=frozenset({"bigquery_baseline", "vertex_model"}),
    before=frozenset({"bigquery_table"}),
)
