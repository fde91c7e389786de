"""What goes into a model monitor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.facts import Facts
from reconciler.core.flow import Flow, Outside
from reconciler.kinds import bigquery_baseline, bigquery_table
from reconciler.kinds.vertex_model_monitor.record import ModelMonitor
from reconciler.lookups.model_version import REGISTRY, registered_name

if TYPE_CHECKING:
    from reconciler.core.objects import Desired
    from schemas import MLService


def flows(want: Desired[ModelMonitor], service: MLService, project: str) -> Iterator[Flow]:
    """Say what is compared with what, and of which model."""
    table = bigquery_table.address_of(service, Facts(project, ""))
    if table is not None:
        yield Flow(table, want.address, "logged rows")
    if not any(need.kind == "vertex_model" for need in want.dependencies):
        yield Flow(Outside(REGISTRY, registered_name(service)), want.address, "model")
    loaded = next((need for need in want.dependencies if need.kind == bigquery_baseline.NAME), None)
    rows = want.fields.training
    if loaded is not None:
        yield Flow(loaded, want.address, "training rows")
    elif rows is not None:
        baseline = service.spec.monitoring.baseline if service.spec.monitoring else None
        named = Outside("files", rows.files) if rows.files else Outside("table", (baseline and baseline.table) or "")
        yield Flow(named, want.address, "training rows")
