"""What we manage of a Cloud Run service, and what we know of its revisions: plain data that the rest here uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.address import Address
from reconciler.core.quota import Claim
from reconciler.core.rollout.record import ORDER, REJECTED, ROLLOUT

NAME = "run_service"
"""Name of the kind, as in addresses."""

LATEST = "latest"
STABLE = "stable"


@dataclass(frozen=True, slots=True, order=True)
class TrafficShare:
    """One revision's share.

    Args:
        version: `latest`, or a revision's name; in a spec also `stable` or a model version.
        percent: Whole percent of requests.
        tag: Name of an address of its own; empty for none.
    """

    version: str
    percent: int
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """What we need to know of a revision.

    Args:
        name: Short name.
        version: Model version it carries as a label.
        ready: Whether it can serve.
        created: When, ISO 8601.
        images: References of its containers.
        hash: Of the version that it runs, as a label says it; empty for none.
        problem: Why it is not ready, in Google's words; empty where it is, or may become so.
        copies: Its servers copy requests to whoever has our tag for that.
    """

    name: str
    version: str
    ready: bool
    created: str
    images: tuple[str, ...] = ()
    hash: str = ""
    problem: str = ""
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Runs:
    """The revisions of a service, and who serves.

    Args:
        revisions: Newest first.
        latest: Name of the newest revision, ready or not.
        serving: Percent by revision name, as it is now.
        claims: What instances of each revision may take of quotas.
        needs: Roles that instances of a revision cannot start without, by its name.
    """

    revisions: Sequence[Revision] = ()
    latest: str = ""
    serving: Mapping[str, int] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    needs: Mapping[str, frozenset[Address]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunService:
    """The fields we manage. Every other field of the live service is left as found.

    Args:
        image: Reference, by digest wherever it could be resolved.
        model: The model section as the server reads it; empty for none.
        columns: Names of the model's features, in order.
        runtime: The runtime section as the server reads it; empty for none.
        version: The model's version, as a label of the revision.
        attempt: Changes when a revision that failed is tried again. None: left as found.
        env: Environment variables of the spec; others may add theirs.
        secrets: `secret:version` by environment variable.
        container: Fields of the container that takes requests, as `container.DEFAULTS` lists them.
        mounts: What is mounted in it, by path.
        sidecars: The other containers, each whole, by name.
        template: Fields of the revision, as `fields.TEMPLATE` lists them, and labels and annotations of others.
        cpu_millis: Thousandths of a vCPU of the container that takes requests.
        memory_mib: Its memory.
        gpu: Accelerator of an instance, whichever container uses it; empty for none.
        gpu_zonal_redundancy: Capacity reserved in a second zone.
        concurrency: Requests one instance takes at once.
        timeout_s: Longest a request may take.
        min_instances: Kept warm, whatever revision serves.
        max_instances: Most instances of a revision.
        service_account: E-mail of the account it runs as.
        ingress: Networks that requests may come from, in the spec's words.
        invoker_check: Whether Cloud Run asks callers who they are at all. None: left as found.
        labels: Ours; others may add theirs.
        traffic: Shares by revision, or `latest`.
        service: Fields of the service that make no revision, as `fields.SERVICE` lists them, and annotations of others.
        service_max: Most instances of the whole service, whatever revisions serve; None for no such limit. As a spec
            wants it None leaves a limit that is not ours as found. A budget caps it, and a label says whose the cap
            is: that makes no revision and moves no traffic.
    """

    image: str
    model: Mapping[str, Any]
    columns: tuple[str, ...]
    runtime: Mapping[str, Any]
    version: str
    attempt: str | None
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    container: Mapping[str, Any]
    mounts: Mapping[str, Any]
    sidecars: Mapping[str, Any]
    template: Mapping[str, Any]
    cpu_millis: int
    memory_mib: int
    gpu: str
    gpu_zonal_redundancy: bool
    concurrency: int
    timeout_s: int
    min_instances: int
    max_instances: int
    service_account: str
    ingress: str
    invoker_check: bool | None
    labels: Mapping[str, str]
    traffic: tuple[TrafficShare, ...]
    service: Mapping[str, Any]
    service_max: int | None = None


OUTSIDE_TEMPLATE = {
    "min_instances": "scaling",
    "service_max": "scaling",
    "ingress": "ingress",
    "invoker_check": "invoker_iam_disabled",
    "labels": "labels",
    "traffic": "traffic",
    "service": "",
}
"""Fields whose change makes no new revision, and their paths in the update mask; of `service` each key has its own."""
KEYED = frozenset({"env", "secrets", "labels", "container", "mounts", "sidecars", "template", "service"})
"""Maps in which a key that a spec does not say is somebody else's, unless it was ours."""


BESIDE = {name: f"annotations.{name}" for name in (ROLLOUT, REJECTED, ORDER)}
"""What stands beside the traffic, and where a service's record has it."""


def annotations_of(service: Mapping[str, Any]) -> dict[str, str]:
    """Give the annotations that stand beside the traffic.

    Args:
        service: `RunService.service`, or the same of a plain record.
    """
    return {name: service[key] for name, key in BESIDE.items() if key in service}
