"""Whether what services may take at most fits into a region's quotas of Cloud Run, and what is said where not. Pure.

Source:
    Which quotas there are, in which units, and that a deployment beyond one is refused by the ceiling of its revision:
    refusals in public reports (googlecodelabs/feedback 1522, 1856 and 2311). That of a GPU which comes to a service the
    ceilings of earlier revisions count, too: pulumi/pulumi-gcp 3794, one report. GPUs with zonal redundancy and without
    are two quotas: https://cloud.google.com/run/docs/configuring/services/gpu#request-quota.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.units import cpu_text, memory_text

CPU, MEMORY = "CpuAllocPerProjectRegion", "MemAllocPerProjectRegion"
_GPUS = {"nvidia-l4": "NvidiaL4Gpu", "nvidia-rtx-pro-6000": "NvidiaRtxPro6000Gpu"}
_MIB = 2**20
_AT_FIRST = {CPU: 20_000, MEMORY: 40 * 2**30, "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion": 3}
"""What a new project has, in a quota's units; nothing of any other GPU. Source: the reports above."""

Pool = tuple[str, str]
"""A quota's id, and a region."""
Limits = Mapping[Pool, int | None]
"""How much each pool allows, in its quota's units: below 0 any amount; None where Google does not tell."""


def gpu_quota(gpu: str, *, zonal: bool) -> str:
    """Give the id of the quota that an accelerator is of.

    Args:
        gpu: Such as `nvidia-l4`.
        zonal: With capacity reserved in a second zone.
    """
    name = _GPUS.get(gpu) or "".join(part.capitalize() for part in gpu.split("-")) + "Gpu"
    return f"{name}Alloc{'' if zonal else 'NoZonalRedundancy'}PerProjectRegion"


@dataclass(frozen=True, slots=True)
class Claim:
    """What the instances of one revision may take.

    Args:
        revision: Its name; empty for the one that a plan makes.
        most: Instances at once.
        cpu_millis: Of an instance, in thousandths of a vCPU: all of its containers.
        memory_mib: The same.
        gpu: Accelerator of an instance; empty for none.
        zonal: That has capacity reserved in a second zone.
        idle: It gets no requests, and has no address of its own.
    """

    revision: str
    most: int
    cpu_millis: int
    memory_mib: int
    gpu: str = ""
    zonal: bool = False
    idle: bool = False

    @property
    def quotas(self) -> tuple[str, ...]:
        """Ids of those that it draws from."""
        return (CPU, MEMORY, *([gpu_quota(self.gpu, zonal=self.zonal)] if self.gpu else []))

    def each(self, quota: str) -> int:
        """Give what one instance takes of a quota, in its units."""
        if quota in {CPU, MEMORY}:
            return self.cpu_millis if quota == CPU else self.memory_mib * _MIB
        return int(quota in self.quotas)

    def whole(self, quota: str) -> int:
        """Give what all instances may take of a quota, in its units."""
        return self.most * self.each(quota)


@dataclass(frozen=True, slots=True)
class Claims:
    """What the instances of one service may take.

    Args:
        wanted: As the plan leaves it.
        there: By revisions that are there.
        cap: Most instances of all revisions together; 0 for no such limit.
    """

    wanted: Claim
    there: tuple[Claim, ...] = ()
    cap: int = 0

    def both(self, quota: str) -> int:
        """Give what old and new instances may take together, in a quota's units."""
        claims = (self.wanted, *self.reached)
        summed = sum(each.whole(quota) for each in claims)
        return min(summed, self.cap * max(each.each(quota) for each in claims)) if self.cap else summed

    @property
    def reached(self) -> tuple[Claim, ...]:
        """Those of revisions that get requests, by a share or at an address of their own."""
        return tuple(each for each in self.there if not each.idle)


@dataclass(frozen=True, slots=True)
class Draw:
    """What a service may take in its region.

    Args:
        service: Its name.
        region: Where.
        claims: What.
        starts: The plan makes a revision of it.
    """

    service: str
    region: str
    claims: Claims
    starts: bool = True


def pools(draws: Iterable[Draw]) -> frozenset[Pool]:
    """Give the pools that services draw from."""
    return frozenset((quota, draw.region) for draw in draws for quota in draw.claims.wanted.quotas)


def shown(quota: str, amount: int) -> str:
    """Write an amount as people do."""
    if quota == CPU:
        return f"{cpu_text(amount)} vCPU"
    if quota == MEMORY:
        return memory_text(amount // _MIB)
    return f"{amount} GPU{'' if amount == 1 else 's'}"


def notes(draws: Sequence[Draw], limits: Limits, why: str = "") -> Iterator[tuple[str, str]]:
    """Say what does not fit, or may not, each with the service it is about.

    Args:
        draws: Of all services of a plan.
        limits: As Google tells them; empty where it does not.
        why: Why it does not; empty where it does.
    """
    together: Counter[Pool] = Counter()
    for draw in draws:
        wanted = draw.claims.wanted
        together.update({(quota, draw.region): wanted.whole(quota) for quota in wanted.quotas})
    for draw in draws:
        for quota in draw.claims.wanted.quotas if draw.starts else ():
            pool = quota, draw.region
            limit = limits.get(pool)
            text = _unknown(draw, quota, why) if limit is None else _beyond(draw, quota, limit, together[pool])
            if text:
                yield draw.service, text


def _unknown(draw: Draw, quota: str, why: str) -> str:
    """Speak of a limit that is not known only where the usual one would not do."""
    wanted, usual = draw.claims.wanted, _AT_FIRST.get(quota, 0)
    if wanted.whole(quota) <= usual:
        return ""
    text = f"{_product(wanted, quota)}; a new project has {shown(quota, usual)} in a region"
    return f"{text}, and what {draw.region} allows is not known: {why or f'Google names no quota {quota} there'}"


def _beyond(draw: Draw, quota: str, limit: int, together: int) -> str:
    wanted, old = draw.claims.wanted, draw.claims.reached
    allows = f"{draw.region} allows {shown(quota, limit)} of {quota}"
    if limit < 0:
        return ""
    if wanted.whole(quota) > limit:
        most = limit // wanted.each(quota)
        fits = f"at most {most} fit{'s' if most == 1 else ''}" if most else "not one fits"
        return (
            f"{allows}, and {_product(wanted, quota)}: Google refuses that; {fits} (`mlservice doctor` says how to ask)"
        )
    if draw.claims.both(quota) > limit:
        others = ", ".join(f"{shown(quota, each.whole(quota))} of {each.revision}" for each in old if each.whole(quota))
        both = f"beside {others}, {shown(quota, draw.claims.both(quota))} while both have instances"
        return f"{allows}, and {_product(wanted, quota)}, {both}: new ones may have to wait"
    if together > limit:
        return f"{allows}, and the services of this plan may take {shown(quota, together)} together"
    return _left_over(draw, quota, limit, allows)


def _left_over(draw: Draw, quota: str, limit: int, allows: str) -> str:
    """Name a revision of before that counts though it is idle: so it was seen where a GPU comes to a service."""
    there = draw.claims.there
    if quota in {CPU, MEMORY} or any(quota in each.quotas for each in there):
        return ""
    most = max((each for each in there if each.idle), key=lambda each: each.most, default=None)
    if most is None or most.most <= limit:
        return ""
    text = (
        f"{allows}; Google may count {most.revision} as well, which gets no requests and may have {most.most} instances"
    )
    return f"{text}: where it refuses, delete that revision"


def _product(claim: Claim, quota: str) -> str:
    each, whole = shown(quota, claim.each(quota)), shown(quota, claim.whole(quota))
    return f"{claim.most} instance{'' if claim.most == 1 else 's'} of {each} may take {whole}"
