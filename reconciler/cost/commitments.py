"""What committing to use would save, and from which use on; and what Spot capacity would, for trainings.

Source:
    https://cloud.google.com/run/cud and https://cloud.google.com/compute/docs/instances/committed-use-discounts-overview:
    a fixed spend per hour for the whole term, used or not, that cannot be cancelled. GPUs and the network have none.
    What is used above it costs the list price, so it is compared with what runs at any time: the floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from reconciler.cost.amounts import NOTHING
from reconciler.cost.estimate import Estimate
from reconciler.cost.prices import snapshot
from reconciler.cost.supporting import hours_of, spot_price

TERMS: Mapping[str, str] = {
    "cloud_run_cud_1y": "Cloud Run commitment, 1 year",
    "cloud_run_cud_3y": "Cloud Run commitment, 3 years",
    "compute_flex_1y": "flexible commitment, 1 year",
    "compute_flex_3y": "flexible commitment, 3 years",
}


@dataclass(frozen=True, slots=True)
class Commitment:
    """One commitment over everything that runs at any time.

    Args:
        key: Which, of `TERMS`.
        hourly: US dollars per hour to commit to.
        covered: US dollars a month at list prices that it stands for.
        saved: US dollars a month.
        pays_from: Share of the time that what it covers must be in use for it to pay, 0 to 1.
    """

    key: str
    hourly: Decimal
    covered: Decimal
    saved: Decimal
    pays_from: Decimal


@dataclass(frozen=True, slots=True)
class Spot:
    """Trainings on Spot capacity against those on demand.

    Args:
        service: Whose trainings.
        uses: They are on Spot capacity now.
        on_demand: US dollars an hour.
        spot: US dollars an hour, of one day: it moves by the month.
        saved: US dollars a month, as many as are expected.
        pays_to: Share of its hours that may be lost to interruptions before it costs more, 0 to 1.
    """

    service: str
    uses: bool
    on_demand: Decimal
    spot: Decimal
    saved: Decimal
    pays_to: Decimal


def commitments(found: Iterable[Estimate]) -> list[Commitment]:
    """Compare what can be committed to for all services of a billing account; none where nothing always runs."""
    runs = [line for each in found for line in each.lines if not line.key.startswith("function.")]
    lines = [line for line in runs if line.price and line.price.discounts]
    made = []
    for key in TERMS:
        covered = sum((line.cost.floor for line in lines if line.price and key in line.price.discounts), NOTHING)
        saved = sum(
            (
                line.cost.floor * line.price.discounts[key]
                for line in lines
                if line.price and key in line.price.discounts
            ),
            NOTHING,
        )
        if covered:
            made.append(Commitment(key, (covered - saved) / 730, covered, saved, 1 - saved / covered))
    return made


def spots(found: Iterable[Estimate]) -> Iterator[Spot]:
    """Compare Spot capacity with machines on demand, for each service that trains on one whose prices are known."""
    prices = snapshot()
    for each in found:
        training, region = each.shape.training, each.shape.region
        if training is None or not training.machine:
            continue
        full = prices.find(f"vertex.train.{training.machine}", region)
        spot = spot_price(prices, training.machine, region)
        if full and spot and spot.usd < full.usd:
            hours = hours_of(training, each.usage).expected
            saved, share = (full.usd - spot.usd) * hours, 1 - spot.usd / full.usd
            yield Spot(each.name, training.spot, full.usd, spot.usd, saved, share)
