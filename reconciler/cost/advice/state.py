"""What a rule looks at: a service as it is, or as it would be after the pieces of advice before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from reconciler.cost.advice.measured import Measured
from reconciler.cost.advice.piece import Kept, Piece
from reconciler.cost.amounts import Amounts
from reconciler.cost.estimate import Estimate, estimate
from reconciler.cost.load import at_once_of
from reconciler.cost.prices import Prices
from reconciler.cost.shape import Instances, Shape
from reconciler.cost.usage import Usage

CENT = Decimal("0.005")
"""Less than this is nothing, in cents."""


@dataclass(frozen=True, slots=True)
class State:
    """A service, and what was measured of it.

    Args:
        shape: What runs.
        usage: As it was measured.
        measured: What its instances took, as it would be with these sizes.
        prices: None: those of this version.
    """

    shape: Shape
    usage: Usage
    measured: Measured
    prices: Prices | None = None

    @property
    def instances(self) -> Instances:
        """Give its instances."""
        return self.shape.instances

    @property
    def found(self) -> Estimate:
        """Price it."""
        return estimate("", self.shape, self.usage, self.prices)

    def with_(self, instances: Instances, *, usage: Usage | None = None) -> State:
        """Give it with other instances, which take as much as before."""
        before = self.instances
        measured = self.measured.scaled(
            memory=Decimal(before.memory_mib) / instances.memory_mib,
            cpu=Decimal(before.cpu_millis) / instances.cpu_millis,
        )
        if before.by_instance and not instances.by_instance:
            # What is billed of whole instances says nothing of what would be billed by request: that is worked out.
            usage = replace(usage or self.usage, instances=None)
        return replace(
            self, shape=replace(self.shape, instances=instances), usage=usage or self.usage, measured=measured
        )

    def saving(self, then: State) -> Amounts | None:
        """Give what it costs less at least, as it was used; None where the two cannot be compared.

        That is where a price is missing then that is not missing now, or where not all requests could be answered.

        Args:
            then: With another size or number of instances.
        """
        now, after = self.found, then.found
        if after.clipped and not now.clipped:
            return None
        if {line.key for line in after.missing} - {line.key for line in now.missing}:
            return None
        return now.total - after.total

    def unpriced(self, then: State) -> bool:
        """Tell whether it saves more than is known: something has no price now, and is not there then."""
        return len(then.found.missing) < len(self.found.missing)


Step = tuple[Piece, State] | Kept | None
"""A piece of advice with what it leaves; or why there is none; or nothing to say."""
Rule = Callable[[State], Step]


def answering_all(shape: Shape, usage: Usage) -> Usage:
    """Give the use with as many requests at once as an instance must have had, where an assumption would be too few.

    What nobody measured is how many requests shared an instance on average. Were they taken to be fewer than were
    answered, those left over would be priced at nothing, and whatever makes instances smaller would seem to save.

    Args:
        shape: What runs.
        usage: As it was measured.
    """
    if not estimate("", shape, usage).clipped:
        return usage
    rate = usage.requests_per_second + shape.checks_per_second
    needed = rate * usage.each_s / shape.instances.most
    at_once = min(max(needed, at_once_of(shape.instances, usage)), Decimal(shape.instances.concurrency))
    return replace(usage, requests_at_once=at_once)


def percent(share: Decimal) -> str:
    """Write a share for people."""
    return f"{(share * 100).quantize(Decimal('0.1')).normalize():f} %"
