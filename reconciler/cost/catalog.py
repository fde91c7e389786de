"""Prices from Google's catalog, as far as it is certain which of its SKUs a price of ours is. Pure.

What is missing, is there twice, is told in a unit that nobody knows, or is far from what was known keeps the price that
comes with this version, and is said: a text of the catalog is no promise, and a wrong price is worse than an old one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from reconciler.cost.prices import FORM, SOURCE, Price, Prices

_FILE = Path(__file__).with_name("skus.json")
_REGION = r"(?P<region>[a-z]+-[a-z]+[0-9]+)"
_FAR = 2
"""A price that many times another one is taken for another thing's."""


@dataclass(frozen=True, slots=True)
class Sku:
    """One SKU.

    Args:
        service: Id of Google's service.
        id: Of the SKU.
        text: Its description.
        unit: What its rates are for one of, as the catalog writes units: `GiBy.mo`.
        rates: Amount from which each holds, and US dollars, ascending.
    """

    service: str
    id: str
    text: str
    unit: str
    rates: tuple[tuple[Decimal, Decimal], ...] = ()

    @property
    def usd(self) -> Decimal | None:
        """Give the price once nothing is free; None without any."""
        return self.rates[-1][1] if self.rates else None


@dataclass(frozen=True, slots=True)
class Rule:
    """Which SKUs a price is.

    Args:
        row: Name of the price.
        service: Id of Google's service.
        text: Description, with its spaces collapsed; `{region}` stands for each region of a tier.
        units: By unit of the SKU: how many of them one unit of the price is.
        sku: Id of the SKU, where it is known.
        tier: Price tier whose regions the text is of; None where it names none.
    """

    row: str
    service: str
    text: str
    units: Mapping[str, Decimal]
    sku: str = ""
    tier: int | None = None

    def fits(self, sku: Sku, tiers: Mapping[str, int]) -> bool:
        """Tell whether a SKU is one of them.

        Args:
            sku: The SKU.
            tiers: Price tier by region.
        """
        if self.service != sku.service:
            return False
        if self.sku:
            return self.sku == sku.id
        pattern = re.escape(self.text).replace(r"\{region\}", _REGION).replace(r"\ in\ ", r"(?:\ in)+\ ")
        found = re.fullmatch(pattern, " ".join(sku.text.split()))
        if found is None or self.tier is None:
            return found is not None
        return tiers.get(found["region"]) == self.tier


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What the catalog says.

    Args:
        usd: US dollars by name of the price, with the ids of the SKUs.
        kept: Why other prices stay as they come with this version, each in a sentence.
        changed: Names of those that are others than before.
    """

    usd: Mapping[str, tuple[Decimal, tuple[str, ...]]] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def document(self, day: str) -> dict[str, Any]:
        """Give what is kept of it.

        Args:
            day: Which it was read on, ISO 8601.
        """
        rows = {name: {"usd": f"{usd:f}", "skus": list(skus)} for name, (usd, skus) in sorted(self.usd.items())}
        return {"format": FORM, "asOf": day, "source": SOURCE, "currency": "USD", "rows": rows}


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """Give the rules of this version."""
    return tuple(map(_rule, json.loads(_FILE.read_text(encoding="utf-8"))["rules"]))


def _rule(told: Mapping[str, Any]) -> Rule:
    units = {unit: Decimal(many) for unit, many in told["units"].items()}
    return Rule(told["row"], told["service"], told["text"], units, told.get("sku", ""), told.get("tier"))


def refreshed(skus: Iterable[Sku], prices: Prices, by: Sequence[Rule] | None = None) -> Refreshed:
    """Find prices among the SKUs of the services that the rules name.

    Args:
        skus: Of the catalog.
        prices: Those that come with this version: they say what is near, and which regions share a price.
        by: Left out, the rules of this version.
    """
    found: dict[str, tuple[Decimal, tuple[str, ...]]] = {}
    kept = []
    many = list(skus)
    for rule in rules() if by is None else by:
        mine = [sku for sku in many if rule.fits(sku, prices.tiers)]
        known = prices.rows[rule.row]
        usd = {sku.usd * rule.units[sku.unit] for sku in mine if sku.usd is not None and sku.unit in rule.units}
        if why := "; ".join(_odd(rule, mine, known, usd)):
            kept.append(f"{rule.row}: {why}")
            continue
        found[rule.row] = usd.pop(), tuple(sorted(sku.id for sku in mine))
    changed = tuple(sorted(name for name, (amount, _) in found.items() if amount != prices.rows[name].usd))
    return Refreshed(found, tuple(kept), changed)


def _odd(rule: Rule, mine: Sequence[Sku], known: Price, usd: Iterable[Decimal]) -> Iterator[str]:
    """Say why the SKUs of a rule give no price."""
    if not mine:
        yield f"no SKU '{rule.text}'"
        return
    if len(mine) > 1 and rule.tier is None:
        yield f"{len(mine)} SKUs are '{rule.text}'"
        return
    for unit in sorted({sku.unit for sku in mine} - rule.units.keys()):
        yield f"its unit is '{unit}', and not {' or '.join(sorted(rule.units))}"
    if any(sku.usd is None for sku in mine):
        yield "it has no rate"
    amounts = sorted(set(usd))
    if len(amounts) > 1:
        yield f"it differs from region to region, {amounts[0]:f} to {amounts[-1]:f}"
    for amount in amounts:
        if not known.usd / _FAR <= amount <= known.usd * _FAR:
            yield f"{amount.normalize():f} is far from {known.usd.normalize():f} of {known.as_of}"
