"""The lines of an estimate: a quantity, the price of one, and what is free of it. What has no price is a line too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from reconciler.cost.amounts import NOTHING, Amounts
from reconciler.cost.prices import Price, Prices
from reconciler.cost.shape import Instances

POOLS: Mapping[str, str] = {
    "run.req.cpu.active": "run.cpu",
    "run.inst.cpu": "run.cpu",
    "run.job.cpu": "run.cpu",
    "run.req.mem.active": "run.memory",
    "run.inst.mem": "run.memory",
    "run.job.mem": "run.memory",
}
"""What shares an allowance; anything else has its own, by the name of its price.

Source:
    https://cloud.google.com/run/pricing: one credit of 4.32 + 0.90 US dollars per billing account is taken to be
    shared by services, jobs and functions, and to leave out the idle seconds of warm instances. The page does not say
    so; it is the dearer reading.
"""
_made: Callable[[type[Line], tuple[str, Amounts, Price | None, str]], Line] = tuple.__new__
"""Without the arguments' names, in half the time."""
_GPUS = {"nvidia-l4": "run.gpu.l4", "nvidia-rtx-pro-6000": "run.gpu.rtxpro6000"}


class Line(NamedTuple):
    """One thing that is paid for, before what is free is taken off. A tuple, as amounts are: there are as many.

    Args:
        key: What it is for; `explained` has words for it.
        quantity: In units of the price.
        price: The list price; None where none is known. Its amounts are none then, and never zero.
        family: Which price it is or would be.
    """

    key: str
    quantity: Amounts
    price: Price | None
    family: str

    def of(self, quantity: Amounts) -> Line:
        """Give it with another quantity."""
        key, _, price, family = self
        return _made(Line, (key, quantity, price, family))

    @property
    def known(self) -> bool:
        """Tell whether it is known what it costs. Nothing of something costs nothing."""
        return self.price is not None or self.quantity.zero

    @property
    def unit_usd(self) -> Decimal:
        """Give US dollars of one unit."""
        return self.price.usd if self.price else NOTHING

    @property
    def cost(self) -> Amounts:
        """Give US dollars a month; of a line without a price nothing, which is not what it costs (`known`)."""
        return self.quantity.times(self.unit_usd)

    @property
    def pool(self) -> str:
        """Name the allowance that it shares with others."""
        return POOLS.get(self.family, self.family)


@dataclass(frozen=True, slots=True)
class Pricing:
    """Prices in a region.

    Args:
        prices: All of them.
        region: Google Cloud region.
    """

    prices: Prices
    region: str

    def line(self, key: str, family: str, quantity: Amounts) -> Line:
        """Price a quantity.

        Args:
            key: What it is for.
            family: Which price.
            quantity: In that price's unit.
        """
        return _made(Line, (key, quantity, self.prices.find(family, self.region), family))

    def by_request(self, instances: Instances, busy_s: Amounts, warm_s: Amounts, requests: Amounts) -> list[Line]:
        """Price a Cloud Run service whose instances are billed while they answer.

        Args:
            instances: What it runs on.
            busy_s: Instance seconds with a request in flight.
            warm_s: Instance seconds of instances that are kept and answer none.
            requests: How many.

        Source:
            https://cloud.google.com/run/pricing, request-based billing: the configured limits are billed, not the use.
        """
        vcpus, gib = instances.vcpus, instances.gib
        return [
            self.line("cpu", "run.req.cpu.active", busy_s.times(vcpus)),
            self.line("memory", "run.req.mem.active", busy_s.times(gib)),
            self.line("cpuWarm", "run.req.cpu.idle", warm_s.times(vcpus)),
            self.line("memoryWarm", "run.req.mem.idle", warm_s.times(gib)),
            self.line("requests", "run.req.requests", requests),
        ]

    def by_instance(self, instances: Instances, up_s: Amounts) -> list[Line]:
        """Price a Cloud Run service whose instances are billed as long as they are up, as accelerators need it.

        Args:
            instances: What it runs on.
            up_s: Instance seconds from start to end.

        Source:
            https://cloud.google.com/run/pricing, instance-based billing: no fee for requests; GPU seconds for the whole
            life of an instance, without anything free.
        """
        lines = [
            self.line("cpu", "run.inst.cpu", up_s.times(instances.vcpus)),
            self.line("memory", "run.inst.mem", up_s.times(instances.gib)),
        ]
        if instances.gpu:
            family = _GPUS.get(instances.gpu, f"run.gpu.{instances.gpu}")
            lines.append(self.line("gpu", f"{family}.{'zr' if instances.zonal else 'nozr'}", up_s))
        return lines
