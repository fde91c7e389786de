"""Whether what the specs may use is granted, also while an old and a new revision stand side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core import errors
from reconciler.core.checkup import Answer, Check
from reconciler.core.quota import CPU, MEMORY, Claim, Pool, shown
from reconciler.engine.doctor.case import Case
from reconciler.gcp.quotas import limits_of
from schemas import LoadedService
from schemas.instance import Instance

_BOTH = 2
"""An old and a new revision, each with as many instances as it may have."""
_OF_ALL = frozenset({CPU, MEMORY})
"""Quotas that every service draws from: only what is too little is told, since Cloud Run is asked of the rest."""


def wanted(services: Sequence[LoadedService]) -> dict[Pool, list[LoadedService]]:
    """Give the services that draw from each pool: a quota's id, and the region."""
    pools: dict[Pool, list[LoadedService]] = {}
    for loaded in services:
        for quota in _claim(loaded).quotas:
            pools.setdefault((quota, loaded.service.spec.region), []).append(loaded)
    return pools


def quotas(case: Case) -> Iterator[Check]:
    """Compare what may be used with what is granted."""
    pools = wanted(case.services)
    try:
        limits = limits_of(case.session.connection, pools) if pools else {}
    except errors.ReconcilerError:
        if _OF_ALL.issuperset(quota for quota, _ in pools):
            return  # the check of Cloud Run itself says what is too much
        raise
    for (quota, region), services in sorted(pools.items(), key=lambda item: item[0]):
        check = _compared(case, quota, region, services, limits[quota, region])
        if quota not in _OF_ALL or check.answer in {Answer.WARN, Answer.FAIL}:
            yield check


def _claim(loaded: LoadedService) -> Claim:
    spec = loaded.service.spec
    instance, scaling = Instance.of(spec.resources, spec.sidecars), spec.scaling
    gpu = instance.gpu
    return Claim(
        "",
        max(scaling.max_instances, scaling.instances or 0),
        instance.cpu_millis,
        instance.memory_mib,
        str(gpu.type) if gpu else "",
        bool(gpu and gpu.zonal_redundancy),
    )


def _compared(case: Case, quota: str, region: str, services: Sequence[LoadedService], limit: int | None) -> Check:
    names = tuple(sorted(loaded.service.name for loaded in services))
    where = str(services[0].where("spec.scaling.maxInstances"))
    if limit is None:
        return Check("quota", Answer.UNKNOWN, f"Google names no quota {quota} in {region}", services=names)
    what = {CPU: "", MEMORY: " of memory"}.get(quota, f" {_claim(services[0]).gpu}")
    steady = sum(_claim(loaded).whole(quota) for loaded in services)
    most = steady * _BOTH
    if limit < 0 or most <= limit:
        allowed = "any number of" if limit < 0 else limit
        return Check("quota", Answer.OK, f"{region} allows {allowed}{what}, at most {most} are used", services=names)
    allows, once, twice = (shown(quota, each) if quota in _OF_ALL else str(each) for each in (limit, steady, most))
    asks = f"{region} allows {allows}{what}; the specs may use {once}, and {twice} while versions change"
    command = (
        f"gcloud beta quotas preferences create --service=run.googleapis.com --project={case.project}"
        f" --quota-id={quota} --preferred-value={most} --dimensions=region={region}"
    )
    return Check(
        "quota", Answer.FAIL if steady > limit else Answer.WARN, asks, commands=(command,), services=names, where=where
    )
