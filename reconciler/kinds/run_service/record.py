"""What we manage of a Cloud Run service, and what we know of its revisions: plain data that the rest here uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NAME = "run_service"
"""Name of the kind, as in addresses."""

LATEST = "latest"
STABLE = "stable"
DEFAULT_PORT = 8080


@dataclass(frozen=True, slots=True)
class StartupProbe:
    """How Cloud Run finds out that an instance is ready.

    Args:
        path: Path asked for by HTTP; empty means that the port takes connections.
        period_s: Seconds between tries.
        attempts: Tries before the instance is given up.
        timeout_s: Patience with one try.
    """

    path: str
    period_s: int
    attempts: int
    timeout_s: int


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
        image: Reference of its container.
    """

    name: str
    version: str
    ready: bool
    created: str
    image: str = ""


@dataclass(frozen=True, slots=True)
class Runs:
    """The revisions of a service, and who serves.

    Args:
        revisions: Newest first.
        latest: Name of the newest revision, ready or not.
        serving: Percent by revision name, as it is now.
    """

    revisions: Sequence[Revision] = ()
    latest: str = ""
    serving: Mapping[str, int] = field(default_factory=dict)


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
        port: Port of the container; None in a spec that says nothing of it: left as found.
        cpu_millis: Thousandths of a vCPU per instance.
        memory_mib: Memory per instance.
        cpu_always: CPU outside requests too, which is instance-based billing; GPUs need it. None: left as found.
        startup_boost: More CPU while starting. None: left as found.
        gpu: Accelerator; empty for none.
        gpu_zonal_redundancy: Capacity reserved in a second zone.
        concurrency: Requests one instance takes at once.
        timeout_s: Longest a request may take.
        min_instances: Kept warm, whatever revision serves.
        max_instances: Most instances of a revision.
        startup: How readiness is found out. None: left as found.
        liveness: Path that says whether an instance still works; empty for none. None: left as found.
        service_account: E-mail of the account it runs as.
        ingress: Networks that requests may come from, in the spec's words.
        invoker_check: Whether Cloud Run asks callers who they are at all. None: left as found.
        labels: Ours; others may add theirs.
        traffic: Shares by revision, or `latest`.
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
    port: int | None
    cpu_millis: int
    memory_mib: int
    cpu_always: bool | None
    startup_boost: bool | None
    gpu: str
    gpu_zonal_redundancy: bool
    concurrency: int
    timeout_s: int
    min_instances: int
    max_instances: int
    startup: StartupProbe | None
    liveness: str | None
    service_account: str
    ingress: str
    invoker_check: bool | None
    labels: Mapping[str, str]
    traffic: tuple[TrafficShare, ...]
    service_max: int | None = None


OUTSIDE_TEMPLATE = {
    "min_instances": "scaling",
    "service_max": "scaling",
    "ingress": "ingress",
    "invoker_check": "invoker_iam_disabled",
    "labels": "labels",
    "traffic": "traffic",
}
"""Fields whose change makes no new revision, and their paths in the update mask."""
