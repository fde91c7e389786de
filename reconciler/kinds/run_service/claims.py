"""What instances of a Cloud Run service may take of its region's quotas: of the new revision, and of those there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.core.quota import Claim, Claims
from reconciler.gcp.revisions import last
from reconciler.kinds.run_service.container import GPU
from reconciler.kinds.run_service.quantities import cpu_millis, memory_mib
from reconciler.kinds.run_service.record import LATEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.objects import Observed
    from reconciler.kinds.run_service.record import Runs, RunService

_MOST = 100
"""Instances of a revision that says no number. Source: `RevisionScaling` of google-cloud-run 0.16.2."""


def claims_of(record: Mapping[str, Any], seen: Observed[RunService] | None) -> Claims:
    """Give what a service may take.

    Args:
        record: As it is wanted, plain.
        seen: What there is of it.
    """
    service, sidecars = record["service"], record["sidecars"].values()
    manual = service.get("scalingMode") == "MANUAL"
    wanted = Claim(
        "",
        (service.get("manualInstanceCount") or 0) if manual else record["max_instances"],
        record["cpu_millis"] + sum(each["cpuMillis"] for each in sidecars),
        record["memory_mib"] + sum(each["memoryMib"] for each in sidecars),
        record["gpu"],
        record["gpu_zonal_redundancy"],
    )
    return Claims(wanted, () if seen is None else _there(seen), record.get("service_max") or 0)


def _there(seen: Observed[RunService]) -> tuple[Claim, ...]:
    runs: Runs = seen.output["runs"]
    tagged = {runs.latest if share.version == LATEST else share.version for share in seen.fields.traffic if share.tag}
    reached = tagged | {name for name, percent in runs.serving.items() if percent}
    return tuple(replace(each, idle=each.revision not in reached) for each in runs.claims)


def claim_of(live: Any) -> Claim:
    """Give what a revision's instances may take.

    Args:
        live: Message of a revision.
    """
    message = type(live).pb(live)  # read a thousand at a time: without the wrapper
    limits = [each.resources.limits for each in message.containers]
    gpu = message.node_selector.accelerator if any(GPU in each for each in limits) else ""
    return Claim(
        last(message.name),
        message.scaling.max_instance_count or _MOST,
        sum(cpu_millis(each.get("cpu", "1")) for each in limits),
        sum(memory_mib(each.get("memory", "512Mi")) for each in limits),
        gpu,
        bool(gpu) and not message.gpu_zonal_redundancy_disabled,
    )
