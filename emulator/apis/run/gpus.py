"""Quotas of GPUs: how many a service may ever take, and whether one is free for a new revision.

Instances of all revisions count together: while a rollout is on, those of the old one and the new one.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from emulator.apis.run.names import parts
from emulator.apis.run.refusals import bad
from emulator.apis.run.running import plane
from emulator.apis.run.stored import REVISIONS
from emulator.core import settings
from emulator.core.world import World
from emulator.processes.model import Outcome

QUOTAS = {"nvidia-l4": "NvidiaL4", "nvidia-rtx-pro-6000": "NvidiaRtxPro6000"}
"""Accelerator -> how names of quotas begin."""
NONE_FREE = "Quota exceeded for total allowable count of GPUs per project per region."
"""GoogleCloudPlatform/magic-modules 17149, of a revision that could not start."""


@dataclass
class Claims:
    """GPUs of revisions that are being started: two that start at once do not both find the last one free."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    of: dict[str, int] = field(default_factory=dict)


@contextmanager
def kept_free(world: World, revision: str) -> Iterator[None]:
    """Keep what `check_free` finds free for a revision, until its instances count themselves."""
    try:
        yield
    finally:
        world.part(Claims, Claims).of.pop(revision, None)


def check_most(world: World, service: Any) -> None:
    """Refuse a maximum of instances beyond the region's quota of GPUs, as Cloud Quotas tells it.

    Raises:
        ApiFailure: INVALID_ARGUMENT.

    Source:
        Reports of deployments such as googlecodelabs/feedback 1522 for when, constraints.md 2.2 and 2.3 for the words.
    """
    quota = quota_of(service.template)
    if quota is None:
        return
    allowed = _allowed(world, service.name, quota)
    instances = service.template.scaling.max_instance_count
    if 0 <= allowed < instances:
        raise bad(
            "template.scaling.max_instance_count",
            f"Max instances must be set to {allowed} or fewer in order to set the requested total GPU.\n\n"
            f"Quota violated:\n{quota} requested: {instances} allowed: {allowed}",
        )


def check_free(world: World, revision: Any) -> Outcome:
    """Tell whether GPUs are free for the instances that a new revision begins with, and claim them: see `kept_free`.

    Source:
        constraints.md 2.2, "max instances with GPU": a rollout holds the old and the new revision together.
    """
    quota = quota_of(revision)
    if quota is None or not settings.read(world.store).run_gpu_quotas:
        return Outcome()
    place = parts(revision.name)
    region = f"projects/{place['projects']}/locations/{place['locations']}/"
    wanted = max(1, revision.scaling.min_instance_count)
    allowed = _allowed(world, revision.name, quota)
    claims = world.part(Claims, Claims)
    with claims.lock:
        taken = sum(_instances(world, region, quota, claims.of, but=revision.name))
        if 0 <= allowed < taken + wanted:  # what the reason is called is not known: a report has the words alone
            return Outcome("INTERNAL", NONE_FREE)
        claims.of[revision.name] = wanted
    return Outcome()


def quota_of(template: Any) -> str | None:
    """Give the quota that instances of a template, or a revision, count against; None for those without a GPU."""
    begins = QUOTAS.get(template.node_selector.accelerator)
    zonal = "NoZonalRedundancy" if template.gpu_zonal_redundancy_disabled else ""
    return None if begins is None else f"{begins}GpuAlloc{zonal}PerProjectRegion"


def _allowed(world: World, name: str, quota: str) -> int:
    from emulator.apis import cloudquotas  # noqa: PLC0415 - imports its messages, and few services have a GPU

    place = parts(name)
    return cloudquotas.limit(world, place["projects"], quota, place["locations"])


def _instances(world: World, region: str, quota: str, claimed: dict[str, int], *, but: str) -> Iterator[int]:
    """How many instances of each other revision of a region take from a quota now, or are about to."""
    for name, _ in world.store.list(REVISIONS.kind, region):
        other = REVISIONS.find(world, name) if name != but else None
        if other is not None and quota_of(other) == quota:
            yield max(plane(world).instances(name), claimed.get(name, 0))
