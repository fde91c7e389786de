"""Sorts of APIs that are spoken to in plain JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.core.address import GLOBAL, Address
from reconciler.gcp.bigquery import HOST as BIGQUERY
from reconciler.gcp.bigquery import VERSION as BIGQUERY_VERSION
from reconciler.gcp.soft_deleted import SoftDeleted
from reconciler.gcp.vertex import host
from reconciler.kinds.iam_workload_identity_pool import HOST as IAM
from reconciler.kinds.monitoring_dashboard.record import HOST as DASHBOARDS
from reconciler.kinds.monitoring_dashboard.record import VERSION as DASHBOARDS_VERSION
from reconciler.kinds.vertex_model_monitor.record import VERSION as MONITORING
from tests.conformance.target.connection import Target
from tests.conformance.target.journal import run_in
from tests.conformance.target.sort import Found, Seen, Sort, seen_as

JOBS = "createModelMonitoringJobRequest"
"""What schedules of monitoring have, and those of pipelines have not."""


def _datasets(target: Target) -> Found:
    for each in target.connection.rest(BIGQUERY, BIGQUERY_VERSION).listed(f"{target.at.top}/datasets", "datasets"):
        yield seen_as(each["datasetReference"]["datasetId"], each.get("labels", {}))


def _without_dataset(target: Target, name: str) -> None:
    """With its tables."""
    api = target.connection.rest(BIGQUERY, BIGQUERY_VERSION)
    api.delete(f"{target.at.top}/datasets/{name}", deleteContents="true")


def _pools(target: Target) -> Found:
    collection = "workloadIdentityPools"
    for each in target.connection.rest(IAM, "v1").listed(f"{target.at.top}/locations/global/{collection}", collection):
        name = each["name"].rpartition("/")[2]
        yield Seen(f"{target.at.top}/locations/global/{collection}/{name}", run_in(name))


def _without_pool(target: Target, name: str) -> None:
    """With its providers. It keeps its name for 30 days, trusts nobody meanwhile, and is no more among the others."""
    address = Address("iam_workload_identity_pool", GLOBAL, name.rpartition("/")[2])
    SoftDeleted(target.connection.rest(IAM, "v1"), target.connection.patience_s, "", {}).delete(address, name)


def _vertex(target: Target, version: str) -> Any:
    return target.connection.rest(host(target.at.region), version)


def _of_vertex(version: str, collection: str) -> Callable[[Target], Found]:
    """Find what has a name of ours; Google's names have the project's number, journals its id."""

    def find(target: Target) -> Found:
        for each in _vertex(target, version).listed(f"{target.at.here}/{collection}", collection):
            name = each["name"].rpartition("/")[2].partition("@")[0]
            yield seen_as(f"{target.at.here}/{collection}/{name}", each.get("labels", {}))

    return find


def _schedules(target: Target) -> Found:
    """Named by Google, without labels: they are of the run that their monitor is of."""
    for each in _vertex(target, MONITORING).listed(f"{target.at.here}/schedules", "schedules"):
        yield Seen(each["name"], run_in(each.get(JOBS, {}).get("parent", "")))


def _without_vertex(version: str, **query: str) -> Callable[[Target, str], Any]:
    def remove(target: Target, name: str) -> None:
        _vertex(target, version).write("DELETE", name, patience_s=target.connection.patience_s, **query)

    return remove


def _dashboards(target: Target) -> Found:
    """Google's names have the project's number, journals its id."""
    for each in target.connection.rest(DASHBOARDS, DASHBOARDS_VERSION).listed(
        f"{target.at.top}/dashboards", "dashboards"
    ):
        yield seen_as(f"{target.at.top}/dashboards/{each['name'].rpartition('/')[2]}", each.get("labels", {}))


def _without_dashboard(target: Target, name: str) -> None:
    target.connection.rest(DASHBOARDS, DASHBOARDS_VERSION).delete(name)


REGIONAL = "projects/*/locations/*"
PLAIN = (
    Sort(
        "vertex_schedule",
        f"POST /{MONITORING}/{REGIONAL}/schedules",
        "{parent}/schedules/?",
        _schedules,
        _without_vertex(MONITORING),
    ),
    Sort(
        "vertex_model_monitor",
        f"POST /{MONITORING}/{REGIONAL}/modelMonitors",
        "{parent}/modelMonitors/{modelMonitorId}",
        _of_vertex(MONITORING, "modelMonitors"),
        _without_vertex(MONITORING, force="true"),
    ),
    Sort(
        "vertex_model",
        f"POST /v1/{REGIONAL}/models:upload",
        "{parent}/models/{modelId}",
        _of_vertex("v1", "models"),
        _without_vertex("v1"),
    ),
    Sort("dashboard", "POST /v1/projects/*/dashboards", "{name}", _dashboards, _without_dashboard),
    Sort(
        "workload_identity_pool",
        "POST /v1/projects/*/locations/global/workloadIdentityPools",
        "{parent}/workloadIdentityPools/{workloadIdentityPoolId}",
        _pools,
        _without_pool,
    ),
    Sort(
        "dataset",
        "POST /bigquery/v2/projects/*/datasets",
        "{datasetReference[datasetId]}",
        _datasets,
        _without_dataset,
    ),
)
"""In the order in which they go."""
