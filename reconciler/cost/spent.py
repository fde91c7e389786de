"""What instances cost up to now: their time, as Cloud Monitoring counts it, at list prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from reconciler.cost.amounts import NOTHING, Amounts
from reconciler.cost.lines import Pricing
from reconciler.cost.prices import Prices, snapshot
from reconciler.cost.shape import Instances


@dataclass(frozen=True, slots=True)
class Took:
    """For how long instances were there, all together.

    Args:
        billed_s: Billable seconds of instances.
        kept_s: Seconds for which instances may have been kept warm, at the most.
        taken_s: What requests and starts took, each for itself, as billed at the most; None where nobody counted.
    """

    billed_s: Decimal
    kept_s: Decimal
    taken_s: Decimal | None = None

    @property
    def busy_s(self) -> Decimal:
        """Give for how long instances answered, at the least.

        For as long as more was billed than can have been warm; but not for longer than all requests and starts took,
        whatever was kept warm before the spec said less.
        """
        busy_s = max(NOTHING, self.billed_s - self.kept_s)
        return busy_s if self.taken_s is None else min(busy_s, self.taken_s)


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent on instances.

    Args:
        usd: US dollars, at least.
        missing: Prices that are not known, by family; what they are of is not in `usd`.
    """

    usd: Decimal
    missing: tuple[str, ...] = ()


def spent(instances: Instances, region: str, took: Took, prices: Prices | None = None) -> Spent:
    """Price the time of a service's instances, as low as it may be.

    Cloud Monitoring does not tell instances that answer from those that are kept warm and do not, which cost a tenth:
    as much of the time as may be of those is taken to be of them. Requests, and what is free, are left out.

    Args:
        instances: What it runs on now; for all of the time, since nobody says what it ran on before.
        region: Where.
        took: For how long.
        prices: Others than those that come with this version.
    """
    pricing = Pricing(prices or snapshot(), region)
    if instances.by_instance:
        lines = pricing.by_instance(instances, Amounts.same(took.billed_s))
    else:
        busy, kept = Amounts.same(took.busy_s), Amounts.same(took.billed_s - took.busy_s)
        lines = pricing.by_request(instances, busy, kept, Amounts.same(NOTHING))
    total = sum((line.cost.floor for line in lines), NOTHING)
    return Spent(total, tuple(line.family for line in lines if not line.known))
