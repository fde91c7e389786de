"""What instances cost up to now: their time, as Cloud Monitoring counts it, at list prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from reconciler.cost.amounts import NOTHING, Amounts
from reconciler.cost.lines import Pricing
from reconciler.cost.prices import Prices, snapshot
from reconciler.cost.shape import Instances


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent on instances.

    Args:
        usd: US dollars, at least.
        missing: Prices that are not known, by family; what they are of is not in `usd`.
    """

    usd: Decimal
    missing: tuple[str, ...] = ()


def spent(
    instances: Instances, region: str, billed_s: Decimal, elapsed_s: Decimal, prices: Prices | None = None
) -> Spent:
    """Price the time of a service's instances, as low as it may be.

    Cloud Monitoring does not tell instances that answer from those that are kept warm and do not, which cost a tenth:
    as much of the time as may be of those is taken to be of them. Requests, and what is free, are left out.

    Args:
        instances: What it runs on now; for all of the time, since nobody says what it ran on before.
        region: Where.
        billed_s: Billable seconds of instances.
        elapsed_s: Since when, in seconds.
        prices: Others than those that come with this version.
    """
    pricing = Pricing(prices or snapshot(), region)
    if instances.by_instance:
        lines = pricing.by_instance(instances, Amounts.same(billed_s))
    else:
        warm_s = min(billed_s, instances.warmest * elapsed_s)
        busy, kept = Amounts.same(billed_s - warm_s), Amounts.same(warm_s)
        lines = pricing.by_request(instances, busy, kept, Amounts.same(NOTHING))
    total = sum((line.cost.floor for line in lines), NOTHING)
    return Spent(total, tuple(line.family for line in lines if not line.known))
