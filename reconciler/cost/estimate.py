"""What a service costs in a month, line by line, at list prices: before anything free, any commitment and any tax."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.cost.amounts import NOTHING, Amounts
from reconciler.cost.lines import Line, Pricing
from reconciler.cost.load import load_of
from reconciler.cost.prices import Prices, snapshot
from reconciler.cost.shape import Shape, Training, shape_of
from reconciler.cost.supporting import around, kept, predictions, retraining
from reconciler.cost.usage import Usage, usage_of

if TYPE_CHECKING:
    from schemas.service import MLService

CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one service costs in a month.

    Args:
        name: Of the service.
        shape: What was priced.
        usage: With how much use.
        lines: Everything that is paid for.
        clipped: More requests are expected than its instances can answer: those are not priced.
    """

    name: str
    shape: Shape
    usage: Usage
    lines: tuple[Line, ...]
    clipped: bool = False

    @property
    def total(self) -> Amounts:
        """Give US dollars a month, of the lines whose price is known."""
        floor = expected = worst = NOTHING
        for _, (least, usual, most), price, _ in self.lines:  # a plan adds up thousands: without an object for each
            if price is not None:
                usd = price.usd
                floor = floor + least * usd if least else floor
                expected, worst = expected + usual * usd, worst + most * usd
        return Amounts(floor, expected, worst)

    @property
    def missing(self) -> tuple[Line, ...]:
        """Give what has no known price: the total is at least what it says."""
        return tuple(line for line in self.lines if not line.known)


def estimated(service: MLService) -> Estimate:
    """Price a spec with the use that it declares, at the prices of this version."""
    return estimate(service.name, shape_of(service), usage_of(service.spec))


def estimate(name: str, shape: Shape, usage: Usage, prices: Prices | None = None) -> Estimate:
    """Price a month.

    Args:
        name: Of the service.
        shape: What is run.
        usage: How much it is used.
        prices: Left out, those of this version.
    """
    return Estimate(name, shape, usage, *_lines(shape, usage, prices or snapshot()))


def forget() -> None:
    """Forget what was priced before, for whoever measures how long that takes."""
    for remembering in (_lines, _most, _worst, _trained):
        remembering.cache_clear()


@lru_cache(maxsize=256)  # a fleet has many services of one size
def _lines(shape: Shape, usage: Usage, prices: Prices) -> tuple[tuple[Line, ...], bool]:
    """Price the worst case by itself: what is declared may raise it, and never lowers it."""
    lines, clipped = _all(shape, usage, prices)
    if most := _most(usage, shape.instances.vcpus):
        lines = tuple(map(_with_worst, lines, _worst(shape, most, prices)))
    return lines, clipped


@lru_cache(maxsize=256)  # before and after a plan, there is as much use
def _most(usage: Usage, vcpus: Decimal) -> Usage | None:
    """Give the use that the worst case is of, where it is not the one declared."""
    more = usage.beyond(vcpus)
    # How many are expected has no part in the worst: services that differ in that alone have one.
    return replace(usage, **more, requests_per_second=NOTHING) if more else None


@lru_cache(maxsize=256)
def _worst(shape: Shape, usage: Usage, prices: Prices) -> tuple[Decimal, ...]:
    lines, _ = _all(shape, usage, prices)
    return tuple(line.quantity.worst for line in lines)


def _with_worst(line: Line, worst: Decimal) -> Line:
    floor, expected, before = line.quantity
    return line if worst == before else line.of(Amounts(floor, expected, worst))


def _all(shape: Shape, usage: Usage, prices: Prices) -> tuple[tuple[Line, ...], bool]:
    pricing, load = Pricing(prices, shape.region), load_of(shape, usage)
    often = usage.trainings_per_month, usage.training_duration_s
    run = (
        pricing.by_instance(shape.instances, load.up_s)
        if shape.instances.by_instance
        else pricing.by_request(shape.instances, load.busy_s, load.warm_s, load.requests)
    )
    lines = (
        *run,
        *predictions(pricing, shape, usage, load),
        *(_trained(prices, shape.region, shape.training, *often) if shape.training else ()),
        *kept(pricing, shape, usage),
        *around(pricing, shape, usage, load),
    )
    return lines, load.clipped


@lru_cache(maxsize=256)  # before and after a plan, and in a fleet, trainings are alike
def _trained(
    prices: Prices, region: str, training: Training, per_month: Decimal | None, duration_s: int
) -> tuple[Line, ...]:
    usage = Usage(trainings_per_month=per_month, training_duration_s=duration_s)
    return tuple(retraining(Pricing(prices, region), training, usage))
