"""From a live Cloud Run service to the spec that describes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconciler.core.membership import EVERYONE
from reconciler.core.objects import Described
from reconciler.kinds.iam_member import IamMemberClient
from reconciler.kinds.run_service.record import RunService, TrafficShare
from reconciler.kinds.run_service.template import ANSWERS_ENV, LOG_ENV, LOG_RATE_ENV
from reconciler.kinds.run_service.wanted import INVOKER

if TYPE_CHECKING:
    from reconciler.core.objects import Observed
    from reconciler.gcp.connection import Connection

_OURS = ("goog-", "mlservice-", "managed-by")


def describe(connection: Connection, seen: Observed[RunService]) -> Described:
    """Say in the spec's words what a live service is, and what those words cannot say."""
    members = IamMemberClient(connection).members(seen.address, INVOKER)
    labels = {key: value for key, value in seen.fields.labels.items() if not key.startswith(_OURS)}
    return Described(labels, dict(_spec(seen.fields, seen.address.location, members)), tuple(_unsaid(seen.live)))


def _spec(fields: RunService, region: str, members: list[str]) -> Iterator[tuple[str, Any]]:
    yield "region", region
    yield "image", {"uri": fields.image} if "@sha256:" in fields.image else {"uri": fields.image, "resolve": "Tag"}
    if fields.model:
        yield "model", _model(fields)
    yield "runtime", _runtime(fields)
    env = {name: value for name, value in fields.env.items() if name not in {ANSWERS_ENV, LOG_ENV, LOG_RATE_ENV}}
    if env:
        yield "env", env
    if fields.secrets:
        yield "secrets", {name: _secret(reference) for name, reference in fields.secrets.items()}
    yield "resources", _resources(fields)
    yield (
        "scaling",
        {
            "minInstances": fields.min_instances,
            "maxInstances": fields.max_instances,
            "concurrency": fields.concurrency,
        },
    )
    yield "access", _access(fields, members)
    if any(share.version != "latest" for share in fields.traffic) or len(fields.traffic) > 1:
        yield "rollout", {"strategy": "Manual"}
        yield "traffic", [_share(share) for share in fields.traffic]
    yield "management", {"adopt": "IfIdentical"}


def _model(fields: RunService) -> dict[str, Any]:
    # What an alias names is looked up at each plan: a spec that says the version, too, would contradict itself.
    resolved = {"version"} if "alias" in fields.model else set()
    return {name: value for name, value in fields.model.items() if name not in resolved}


def _secret(reference: str) -> dict[str, Any]:
    secret, _, version = reference.rpartition(":")
    found = {"secret": secret, "version": version}
    # Pinned, `latest` would be a number: a change, and a new revision of a service that is only taken over.
    return found if (version.isascii() and version.isdigit()) else {**found, "pin": False}


def _runtime(fields: RunService) -> dict[str, Any]:
    return {**fields.runtime, "timeout": f"{fields.timeout_s}s"}


def _resources(fields: RunService) -> dict[str, Any]:
    found: dict[str, Any] = {"cpu": fields.cpu_millis / 1000, "memory": f"{fields.memory_mib}Mi"}
    if fields.gpu:
        found["gpu"] = {"type": fields.gpu, "zonalRedundancy": fields.gpu_zonal_redundancy}
    return found


def _access(fields: RunService, members: list[str]) -> dict[str, Any]:
    everyone = EVERYONE in members or not fields.invoker_check
    invokers = [m for m in members if m != EVERYONE]
    access: dict[str, Any] = {"ingress": fields.ingress, "authentication": "Public" if everyone else "IAM"}
    if invokers:
        access["invokers"] = invokers
    return access | {"serviceAccount": fields.service_account}


def _share(share: TrafficShare) -> dict[str, Any]:
    found = {"version": share.version, "percent": share.percent}
    return {**found, "tag": share.tag} if share.tag else found


def _unsaid(live: Any) -> Iterator[str]:
    """Name what the spec has no words for: it is left as found."""
    if len(live.template.containers) > 1:
        yield "it has several containers; only the one that takes requests is described, the others are left as found"
    if live.template.volumes or live.template.vpc_access.connector:
        yield "volumes and VPC access have no words in the spec; they are left as found"
