"""Whether as many GPUs as the specs may use are granted, also while an old and a new revision stand side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.core.checkup import Answer, Check
from reconciler.engine.doctor.case import Case
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from schemas import LoadedService
from schemas.instance import Instance
from schemas.sections.resources import Gpu

_SORTS = {"nvidia-l4": "NvidiaL4Gpu", "nvidia-rtx-pro-6000": "NvidiaRtxPro6000Gpu"}
_BOTH = 2
"""An old and a new revision, each with as many instances as it may have."""
Pool = tuple[str, str]


def wanted(services: Sequence[LoadedService]) -> dict[Pool, list[LoadedService]]:
    """Give the services that draw from each pool of GPUs: a quota's id, and the region.

    Source:
        https://cloud.google.com/run/docs/configuring/services/gpu#request-quota: GPUs with zonal redundancy and those
        without are two quotas, each by region.
    """
    pools: dict[Pool, list[LoadedService]] = {}
    for loaded in services:
        gpu = _gpu(loaded)
        if gpu is not None:
            redundancy = "" if gpu.zonal_redundancy else "NoZonalRedundancy"
            quota = f"{_SORTS[gpu.type]}Alloc{redundancy}PerProjectRegion"
            pools.setdefault((quota, loaded.service.spec.region), []).append(loaded)
    return pools


def _gpu(loaded: LoadedService) -> Gpu | None:
    """Give the accelerator of an instance, whichever of its containers uses it."""
    spec = loaded.service.spec
    return Instance.of(spec.resources, spec.sidecars).gpu


def quotas(case: Case) -> Iterator[Check]:
    """Compare what may be used with what is granted."""
    pools = wanted(case.services)
    if not pools:
        return
    api: Any = case.session.connection.client("google.cloud.cloudquotas_v1", "cloud_quotas", "CloudQuotas")
    parent = f"projects/{case.project}/locations/global/services/run.googleapis.com"
    with calling("read the quotas of", "Cloud Run"):
        request = {"parent": parent, "page_size": 1000}
        found = {q.quota_id: q for q in api.list_quota_infos(request=request, retry=READING, timeout=CALL_TIMEOUT_S)}
    for (quota, region), services in sorted(pools.items(), key=lambda item: item[0]):
        yield _compared(case, quota, region, services, _limit(found.get(quota), region))


def _limit(info: Any, region: str) -> int | None:
    """Give the limit in a region: of several the more specific one, which comes first; -1 for none at all."""
    for limit in info.dimensions_infos if info else ():
        place = dict(limit.dimensions).get("region", "")
        if place in ("", region) and (place or not limit.applicable_locations or region in limit.applicable_locations):
            return int(limit.details.value)
    return None


def _compared(case: Case, quota: str, region: str, services: Sequence[LoadedService], limit: int | None) -> Check:
    names = tuple(sorted(loaded.service.name for loaded in services))
    where = str(services[0].where("spec.scaling.maxInstances"))
    gpu = _gpu(services[0])
    what = str(gpu.type) if gpu else ""
    if limit is None:
        return Check("quota", Answer.UNKNOWN, f"Google names no quota {quota} in {region}", services=names)
    steady = sum(_most(loaded) for loaded in services)
    most = steady * _BOTH
    if limit < 0 or most <= limit:
        return Check(
            "quota",
            Answer.OK,
            f"{region} allows {'any number of' if limit < 0 else limit} {what}, at most {most} are used",
            services=names,
        )
    asks = f"{region} allows {limit} {what}; the specs may use {steady}, and {most} while versions change"
    command = (
        f"gcloud beta quotas preferences create --service=run.googleapis.com --project={case.project}"
        f" --quota-id={quota} --preferred-value={most} --dimensions=region={region}"
    )
    return Check(
        "quota", Answer.FAIL if steady > limit else Answer.WARN, asks, commands=(command,), services=names, where=where
    )


def _most(loaded: LoadedService) -> int:
    scaling = loaded.service.spec.scaling
    return max(scaling.max_instances, scaling.instances or 0)
