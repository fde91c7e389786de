"""List prices as data: each with its unit, the day it is of and where it was read. A price that is missing is None."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("prices.json")
_OURS: list[Path] = []
_LARGEST, _SHOWN = 1 << 20, 40
FORM, SOURCE = "mlservice/prices/v1", "Cloud Billing Catalog API"
"""Of a document with prices that were read from the catalog."""
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
        text = _text(path)
        return prices if text is None else preferring(prices, _parsed(text))
    except ValueError as error:
        return replace(prices, trouble=f"{path}: {error}", known={})


def _text(path: Path) -> str | None:
    """Read a file; None where there is none, or where it is no file and empty, as /dev/null is."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST + 1)
        is_file = path.is_file()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    if len(text) > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST} characters")
    if not text and is_file:
        raise ValueError("it is empty")
    return text or None


def _parsed(text: str) -> Any:
    """Read JSON; numbers stay as they are written, so that none is rounded or too long."""
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: it is no JSON from here") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def preferring(prices: Prices, read_before: Any) -> Prices:
    """Give prices with those that were read from the catalog, as far as they are newer.

    Args:
        prices: That come with this version.
        read_before: As `catalog.Refreshed.document` gives it; of anything else it is said what is wrong with it.

    Raises:
        ValueError: It is no such document.
    """
    document = _object(read_before, "it")
    if (form := document.get("format")) != FORM:
        raise ValueError(f"format is {_shown(form)}, and should be {FORM}")
    day = _day(document.get("asOf"))
    rows, taken = dict(prices.rows), False
    for name, told in _object(document.get("rows"), "rows").items():
        path = f"rows.{name:.80}"
        written = _object(told, path).get("usd")
        old, usd = rows.get(name), _usd(written, f"{path}.usd")
        if old is not None and not _is_like(usd, old.usd):
            raise ValueError(f"{path}.usd is {_shown(written)}, too far from the {old.usd:f} of this version")
        if old is not None and _is_before(old.as_of, day):
            taken = True
            rows[name] = replace(old, usd=usd, as_of=day, source=SOURCE, confidence="high")
    newest = max(prices.as_of, day)
    return replace(prices, as_of=newest, rows=rows, refreshed=day, known={}) if taken else prices


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise ValueError(f"{path} is {_shown(value)}, and should be an object")


def _day(value: Any) -> str:
    with suppress(TypeError, ValueError):
        return date.fromisoformat(value).isoformat()
    raise ValueError(f"asOf is {_shown(value)}, and should be a day, such as 2026-11-20")


def _usd(value: Any, path: str) -> Decimal:
    """Read an amount, which stands there as a text or as a number."""
    with suppress(TypeError, ArithmeticError):
        usd = Decimal(value) if isinstance(value, str) else Decimal("NaN")
        if usd.is_finite() and 0 <= usd <= _MOST:
            return usd
    raise ValueError(f"{path} is {_shown(value)}, and should be US dollars, from 0 to {_MOST}")


def _shown(value: Any) -> str:
    """Write a value as JSON does, where it is short; missing where there is none."""
    if value is None:
        return "missing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


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
