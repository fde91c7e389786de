"""What is free, taken off once: for everything of a billing account together, however it is split into services.

Source:
    https://cloud.google.com/free/docs/free-cloud-features: allowances are of the billing account, but for the 50 GiB of
    logs, which are of a project. Other use of the account is not seen here: that much is free at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from reconciler.cost.amounts import NOTHING, Amounts, total
from reconciler.cost.lines import Line
from reconciler.cost.prices import Free

_PER_UNIT: Mapping[tuple[str, str], Decimal] = {("GiB", "TiB"): Decimal(1024)}


@dataclass(frozen=True, slots=True)
class Taken:
    """What one allowance takes off.

    Args:
        pool: Its name.
        project: Whose it is; empty for the billing account's.
        amount: US dollars a month.
    """

    pool: str
    project: str
    amount: Amounts


def taken(lines: Iterable[tuple[str, Line]]) -> list[Taken]:
    """Give what is free of all lines of a billing account.

    Args:
        lines: Each with the project that it is in.
    """
    pools: dict[tuple[str, str], list[Line]] = {}
    for project, line in lines:
        if line.price and line.price.free:
            pools.setdefault((line.pool, project if line.price.free.per_project else ""), []).append(line)
    return [Taken(pool, project, _off(many)) for (pool, project), many in sorted(pools.items())]


def off(lines: Iterable[tuple[str, Line]]) -> Amounts:
    """Give US dollars a month that are free of all lines of a billing account."""
    return total(each.amount for each in taken(lines))


def _off(lines: list[Line]) -> Amounts:
    free = next(line.price.free for line in lines if line.price and line.price.free)
    if free.credit is not None:
        credit, cost = free.credit, total(line.cost for line in lines)
        return cost.each(lambda usd: min(usd, credit))
    by_price = sorted(lines, key=lambda line: line.unit_usd)
    return Amounts(
        _quantity_off(free, ((line.quantity.floor, line) for line in by_price)),
        _quantity_off(free, ((line.quantity.expected, line) for line in by_price)),
        _quantity_off(free, ((line.quantity.worst, line) for line in by_price)),
    )


def _quantity_off(free: Free, quantities: Iterator[tuple[Decimal, Line]]) -> Decimal:
    """Take a quantity off the cheapest first: which region's is free nobody says, and this is the dearer reading."""
    found, left = NOTHING, free.quantity or NOTHING
    for quantity, line in quantities:
        unit = line.price.unit if line.price else ""
        factor = _PER_UNIT.get((free.unit, unit), Decimal(1))
        used = min(quantity * factor, left)
        left -= used
        found += used / factor * line.unit_usd
    return found
