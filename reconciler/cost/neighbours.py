"""Specs a line away from one, and what each would cost: regions, accelerators, billing and numbers of instances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from reconciler.cost.accelerators import others
from reconciler.cost.amounts import Amounts
from reconciler.cost.estimate import Estimate, estimate
from reconciler.cost.lines import Line
from reconciler.cost.prices import snapshot
from reconciler.cost.shape import Shape
from reconciler.cost.usage import Usage


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A spec a line away.

    Args:
        line: What would be written; empty where the language has no word for it.
        means: What else would change by it.
        difference: US dollars a month: below zero saves.
    """

    line: str
    means: str
    difference: Amounts

    @property
    def saves(self) -> bool:
        """Tell whether any case is cheaper."""
        return min(self.difference.floor, self.difference.expected, self.difference.worst) < 0


def neighbours(found: Estimate) -> list[Neighbour]:
    """Give the specs a line away whose cost is another, those that save most as expected first.

    Args:
        found: The estimate of the spec as it is.
    """
    if found.usage.instances is not None:
        # What was measured is of what runs: of anything else it is worked out, and compared with what is.
        found = estimate(found.name, found.shape, replace(found.usage, instances=None))
    made = [
        Neighbour(line, means, other.total - found.total)
        for line, means, shape, usage in (*_regions(found), *_gpus(found), *_billing(found), *_counts(found))
        if _as_complete(other := estimate(found.name, shape, usage), found)
    ]
    return sorted((each for each in made if not each.difference.zero), key=lambda each: each.difference.expected)


def _as_complete(other: Estimate, found: Estimate) -> bool:
    """Tell whether two can be compared: what one has no price of, the other must not have either."""
    return {line.key for line in other.missing} == {line.key for line in found.missing}


Varied = tuple[str, str, Shape, Usage]


def _regions(found: Estimate) -> Iterator[Varied]:
    """Vary the region: the cheapest of its own continent, and of the others, as far as every price is known there."""
    here, shape = found.shape.region, found.shape
    best: dict[bool, tuple[Decimal, str]] = {}
    for region in sorted(snapshot().tiers.keys() - {here}):
        other = estimate(found.name, replace(shape, region=region), found.usage)
        near = _continent(region) == _continent(here)
        if _as_complete(other, found) and other.total.expected < best.get(near, (found.total.expected, ""))[0]:
            best[near] = other.total.expected, region
    for near, (_, region) in sorted(best.items(), reverse=True):
        means = "everything moves there" if near else "everything moves there, to another continent"
        yield f"region: {region}", f"{means}: data too", replace(shape, region=region), found.usage


def _continent(region: str) -> str:
    """Name it by the first word of its regions; those of the United States are of North America."""
    first = region.partition("-")[0]
    return "northamerica" if first == "us" else first


def _gpus(found: Estimate) -> Iterator[Varied]:
    """Vary the accelerator. How long a request takes on another one is not known: it is taken as it is."""
    instances = found.shape.instances
    for line, other in others(instances):
        means = "if a request takes as long on it" if other.gpu else "no GPU, if a request takes as long without"
        yield line, means, replace(found.shape, instances=other), found.usage
    if instances.zonal:
        means = "one zone's capacity: instances may have to wait for a GPU"
        other = replace(instances, zonal=False)
        yield "resources.gpu.zonalRedundancy: false", means, replace(found.shape, instances=other), found.usage


def _billing(found: Estimate) -> Iterator[Varied]:
    """Vary what is billed: instances, or requests. Accelerators leave no choice."""
    instances = found.shape.instances
    if instances.gpu:
        return
    means = "billed by request: no CPU between requests" if instances.always else "billed by instance: CPU all the time"
    other = replace(found.shape, instances=replace(instances, always=not instances.always))
    yield "", f"{means} (an image of your own, set in Cloud Run)", other, found.usage


def _counts(found: Estimate) -> Iterator[Varied]:
    instances = found.shape.instances
    if instances.windows:
        other = replace(found.shape, instances=replace(instances, windows=()))
        yield "scaling.windows: []", "no more instances are kept warm at any time", other, found.usage
    if instances.least:
        other = replace(found.shape, instances=replace(instances, least=0))
        yield "scaling.minInstances: 0", "the first request after a pause waits for a start", other, found.usage
    else:
        other = replace(found.shape, instances=replace(instances, least=1, most=max(1, instances.most)))
        yield "scaling.minInstances: 1", "no request waits for a start", other, found.usage
    if instances.most > max(1, instances.warmest):
        other = replace(found.shape, instances=replace(instances, most=instances.most - 1))
        yield f"scaling.maxInstances: {instances.most - 1}", "the most it can cost, and can answer", other, found.usage
    if found.usage.requests_at_once and found.usage.requests_at_once * 2 <= instances.concurrency:
        twice = found.usage.requests_at_once * 2
        means = "if batching lets twice as many share an instance, each as fast"
        yield (
            f"usage.requestsAtOnce: {twice.normalize():f}",
            means,
            found.shape,
            replace(found.usage, requests_at_once=twice),
        )


def most_that_fits(found: Estimate, limit: Decimal) -> int | None:
    """Give the most instances at once with which the worst case stays within a limit; 0 where not even one does.

    None where something that is used has no known price: how much it would come to nobody knows.

    Args:
        found: The estimate of the spec as it is.
        limit: US dollars a month.
    """
    if found.missing:
        return None
    instances = found.shape.instances
    low, high = 0, instances.most
    while low < high:
        middle = (low + high + 1) // 2
        fewer = replace(
            instances,
            most=middle,
            least=min(middle, instances.least),
            windows=tuple((min(middle, count), share) for count, share in instances.windows),
        )
        worst = estimate(found.name, replace(found.shape, instances=fewer), found.usage).total.worst
        low, high = (middle, high) if worst <= limit else (low, middle - 1)
    return low


def greatest(found: Estimate) -> Line:
    """Give the line that is most of the worst case."""
    return max(found.lines, key=lambda line: line.cost.worst)
