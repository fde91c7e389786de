"""From a live Cloud Run service to the spec that describes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.engine.session import Session
from reconciler.gcp import policy
from reconciler.kinds import run_invoker
from reconciler.kinds.run_service import RunService

_HEADER = """\
# Written by `mlservice import` from the live service. `mlservice plan` shows what taking it over would change.
"""


def import_service(session: Session, name: str, region: str) -> tuple[str, list[str]]:
    """Write the YAML of a live service.

    Returns:
        The YAML, and what it could not say.

    Raises:
        UsageError: There is no such service.
    """
    seen = session.observe_one(Address("run_service", region, name))
    if seen is None:
        raise errors.UsageError(f"there is no Cloud Run service '{name}' in {region}", hint="check name and --region")
    fields: RunService = seen.fields
    members = _invokers(session, name, region)
    spec = dict(_spec(fields, region, members))
    metadata: dict[str, Any] = {"name": name}
    labels = {k: v for k, v in fields.labels.items() if not k.startswith(("goog-", "mlservice-", "managed-by"))}
    if labels:
        metadata["labels"] = labels
    document = {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": metadata, "spec": spec}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return _HEADER + text, list(_unsaid(seen.live))


def _invokers(session: Session, name: str, region: str) -> list[str]:
    client = run_invoker.connect(session.connection)
    address = Address("run_invoker", region, name)
    live = policy.read(client.api, client.resource(address), address)
    granted = policy.grants(live) if live else []
    return sorted({g.member for g in granted if g.role == run_invoker.INVOKER and not g.title})


def _spec(fields: RunService, region: str, members: list[str]) -> Iterator[tuple[str, Any]]:
    yield "region", region
    yield "image", {"uri": fields.image} if "@sha256:" in fields.image else {"uri": fields.image, "resolve": "Tag"}
    if fields.model:
        yield "model", dict(fields.model)
    yield "runtime", _runtime(fields)
    if fields.env:
        yield "env", dict(fields.env)
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


def _secret(reference: str) -> dict[str, Any]:
    secret, _, version = reference.rpartition(":")
    found = {"secret": secret, "version": version}
    # Pinned, `latest` would be a number: a change, and a new revision of a service that is only taken over.
    return found if version.isdigit() else {**found, "pin": False}


def _runtime(fields: RunService) -> dict[str, Any]:
    return {**fields.runtime, "timeout": f"{fields.timeout_s}s"}


def _resources(fields: RunService) -> dict[str, Any]:
    found: dict[str, Any] = {"cpu": fields.cpu_millis / 1000, "memory": f"{fields.memory_mib}Mi"}
    if fields.gpu:
        found["gpu"] = {"type": fields.gpu, "zonalRedundancy": fields.gpu_zonal_redundancy}
    return found


def _access(fields: RunService, members: list[str]) -> dict[str, Any]:
    everyone = run_invoker.EVERYONE in members
    invokers = [m for m in members if m != run_invoker.EVERYONE]
    access: dict[str, Any] = {"ingress": fields.ingress, "authentication": "Public" if everyone else "IAM"}
    if invokers:
        access["invokers"] = invokers
    return access | {"serviceAccount": fields.service_account}


def _share(share: Any) -> dict[str, Any]:
    found = {"version": share.version, "percent": share.percent}
    return {**found, "tag": share.tag} if share.tag else found


def _unsaid(live: Any) -> Iterator[str]:
    """Name what the spec has no words for: it is left as found."""
    if len(live.template.containers) > 1:
        yield "it has several containers; only the first is described, the others are left as found"
    if live.template.volumes or live.template.vpc_access.connector:
        yield "volumes and VPC access have no words in the spec; they are left as found"
