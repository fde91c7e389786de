"""List prices as data: each with its unit, the day it is of and where it was read. A price that is missing is None."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("prices.json")
_OURS: list[Path] = []
_LARGEST = 1 << 20
_MOST, _FAR = Decimal(1000), 1000


@dataclass(frozen=True, slots=True)
class Free:
    """What is free each month.

    Args:
        quantity: In `unit`; None where it is a credit.
        unit: Of the quantity; may be another one than the price's.
        credit: US dollars taken off; None where it is a quantity.
        per_project: Once per project, instead of once per billing account.
    """

    quantity: Decimal | None = None
    unit: str = ""
    credit: Decimal | None = None
    per_project: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """One list price.

    Args:
        id: Name of the row.
        service: Google's service.
        sku: What is paid for.
        unit: What `usd` is for one of.
        usd: US dollars, without tax.
        as_of: Day that it is of, or a word for an undated one.
        source: Where it was read.
        confidence: `high`, `medium` or `low`.
        free: What of it is free; None for nothing.
        discounts: Fraction off the list price, by commitment.
        volatile: It changes by the month, so it is but a hint.
    """

    id: str
    service: str
    sku: str
    unit: str
    usd: Decimal
    as_of: str
    source: str
    confidence: str
    free: Free | None = None
    discounts: Mapping[str, Decimal] = field(default_factory=dict, hash=False)
    volatile: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Every price that is known. Equal to itself alone, so that what was priced can be remembered by it.

    Args:
        as_of: Day of the newest.
        rows: By name.
        tiers: Price tier of Cloud Run, 1 or 2, by region. A disputed region counts as tier 2, the dearer one.
        disputed: Regions of which sources disagree.
        gpu_regions: Regions in which the price of an accelerator was seen, by the beginning of its name.
        refreshed: Day on which some were read from the catalog; empty for none.
        trouble: Why what was read then cannot be used; empty where it can, or there is nothing.
        known: What was looked for before: a fleet asks for the same few prices again and again.
    """

    as_of: str
    rows: Mapping[str, Price]
    tiers: Mapping[str, int]
    disputed: frozenset[str]
    gpu_regions: Mapping[str, frozenset[str]]
    refreshed: str = ""
    trouble: str = ""
    known: dict[tuple[str, str], Price | None] = field(default_factory=dict)

    def find(self, family: str, region: str) -> Price | None:
        """Give the price that holds in a region, or None where none is known: never a price of zero instead.

        Args:
            family: Such as `run.req.cpu.active`, `bigquery.query` or `scheduler.job`.
            region: Google Cloud region.

        Source:
            https://cloud.google.com/run/pricing, "Regional price tiers".
        """
        key = family, region
        if key not in self.known:
            self.known[key] = self._look(family, region)
        return self.known[key]

    def _look(self, family: str, region: str) -> Price | None:
        seen = next((regions for name, regions in self.gpu_regions.items() if family.startswith(name)), None)
        if seen is not None and region not in seen:
            return None
        names = (f"{family}.{region}", f"{family}.t{self.tiers.get(region, '')}", family)
        return next((self.rows[name] for name in names if name in self.rows), None)


def prefer(path: Path) -> bool:
    """Take what was read from the catalog before, where that is newer than what comes with this version.

    Args:
        path: Of the file; it need not be there.

    Returns:
        False where that is so already.
    """
    if [path] == _OURS:
        return False
    _OURS[:] = [path]
    forget()
    return True


def forget() -> None:
    """Forget what was read before, for whoever wrote another file."""
    snapshot.cache_clear()


@lru_cache(maxsize=1)
def snapshot() -> Prices:
    """Give the prices that hold here: read once, as a module is. Others are handed to `estimate`."""
    return _preferring(packaged(), _OURS[0]) if _OURS else packaged()


@lru_cache(maxsize=1)
def packaged() -> Prices:
    """Give the prices that come with this version."""
    return read(json.loads(_FILE.read_text(encoding="utf-8")))


def _preferring(prices: Prices, path: Path) -> Prices:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST)
        is_nothing = not text and not path.is_file()  # /dev/null: what is a file and empty was cut off
        return prices if is_nothing else preferring(prices, json.loads(text))
    except FileNotFoundError:
        return prices
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        return replace(prices, trouble=f"{path}: {type(error).__name__}: {error}", known={})


def preferring(prices: Prices, read_before: Mapping[str, Any]) -> Prices:
    """Give prices with those that were read from the catalog, as far as they are newer.

    Args:
        prices: That come with this version.
        read_before: As `catalog.Refreshed.document` gives it.

    Raises:
        ValueError: It is no such document.
    """
    if read_before["format"] != "mlservice/prices/v1":
        raise ValueError(f"its form is {read_before['format']!r:.40}")
    day = date.fromisoformat(read_before["asOf"]).isoformat()
    rows, taken = dict(prices.rows), False
    for name, told in read_before["rows"].items():
        old, usd = rows.get(name), Decimal(told["usd"])
        if not (usd.is_finite() and 0 <= usd <= _MOST) or (old is not None and not _is_like(usd, old.usd)):
            raise ValueError(f"{name} costs {told['usd']!r:.40}")
        if old is not None and _is_before(old.as_of, day):
            taken = True
            rows[name] = replace(old, usd=usd, as_of=day, source="Cloud Billing Catalog API", confidence="high")
    newest = max(prices.as_of, day)
    return replace(prices, as_of=newest, rows=rows, refreshed=day, known={}) if taken else prices


def _is_like(usd: Decimal, known: Decimal) -> bool:
    """Tell whether it may be a price of the same thing: no list price ever fell to a thousandth, or rose so far."""
    return known == 0 or known / _FAR <= usd <= known * _FAR


def _is_before(as_of: str, day: str) -> bool:
    """Tell whether a price is older; one with a word in place of its day is."""
    return not as_of[:1].isdigit() or as_of < day


def read(data: Mapping[str, Any]) -> Prices:
    """Read prices of the form of `prices.json`. Rows without an amount of money are left out.

    Args:
        data: The file's content.
    """
    rows = {row["id"]: _price(row) for row in data["rows"] if row["usd"] is not None}
    disputed = frozenset(data["tiers"]["disputed"])
    tiers = {region: tier for tier in (1, 2) for region in data["tiers"][str(tier)]}
    gpus = {name: frozenset(regions) for name, regions in data["gpuRegions"].items()}
    return Prices(data["asOf"], rows, tiers | dict.fromkeys(disputed, 2), disputed, gpus)


def _price(row: Mapping[str, Any]) -> Price:
    free = row.get("free")
    return Price(
        id=row["id"],
        service=row["service"],
        sku=row["sku"],
        unit=row["unit"],
        usd=Decimal(row["usd"]),
        as_of=row["asOf"],
        source=row["source"],
        confidence=row["confidence"],
        free=_free(free) if free else None,
        discounts={name: Decimal(text) for name, text in row.get("discounts", {}).items()},
        volatile=row.get("volatile", False),
    )


def _free(data: Mapping[str, Any]) -> Free:
    # Where both are said, the credit is what is taken off, and the quantity what it comes to in tier 1.
    credit = Decimal(data["creditUsd"]) if "creditUsd" in data else None
    quantity = Decimal(data["quantity"]) if credit is None else None
    return Free(quantity, data.get("unit", ""), credit, per_project=data["per"] == "project")
