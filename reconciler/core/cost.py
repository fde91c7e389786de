"""What a service costs a month, as a plan carries it: texts in cents, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a service costs a month, in US dollars, at list prices and before what is free.

    Args:
        floor: With nobody calling.
        expected: With the use that its spec declares, else an assumed one.
        worst: The most that the spec allows.
        more: What the plan adds to what is expected, with its sign; empty where it is not known what is live.
        missing: What has no known price: it costs at least what is said.
        over: Why the limit of the spec blocks it; empty where it does not.
        fits: What would be within the limit, in words; only with `over`, and empty where a price is missing.
        less: While when it is less than all this, by what its spent budget holds back; empty where nothing is.
    """

    floor: str
    expected: str
    worst: str
    more: str = ""
    missing: tuple[str, ...] = ()
    over: str = ""
    fits: str = ""
    less: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give the serialised form."""
        told = asdict(self) | {"missing": list(self.missing)}
        return told if self.less else {name: value for name, value in told.items() if name != "less"}

    @property
    def amounts(self) -> dict[str, Any]:
        """Give what it costs, as reports keep it: without what the plan adds, and whether that is blocked."""
        said = {"floor": self.floor, "expected": self.expected, "worst": self.worst}
        return {**said, "missing": list(self.missing)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cost:
        """Read the serialised form."""
        known = {each.name: data[each.name] for each in fields(cls) if each.name != "less"}
        known["less"] = data.get("less", "")
        return cls(**known | {"missing": tuple(data["missing"])})

    @property
    def blocked(self) -> str:
        """Say why its limit blocks it, and what would fit where that is known; empty where it does not."""
        return "; ".join(filter(None, (self.over, self.fits)))

    def said(self) -> str:
        """Say it in a line, without whose it is."""
        least = f" (without {', '.join(self.missing)}: no price is known)" if self.missing else ""
        more = f"; {self.more} by this plan" if self.more not in ("", "+0.00") else ""
        less = f"; less {self.less}" if self.less else ""
        return f"from {self.floor} to {self.worst} USD a month, {self.expected} expected{more}{least}{less}"


def together(costs: Iterable[Cost]) -> Cost:
    """Give what several come to."""
    many = list(costs)
    known = [each.more for each in many if each.more]
    return Cost(
        _sum(each.floor for each in many),
        _sum(each.expected for each in many),
        _sum(each.worst for each in many),
        signed(_sum(known)) if len(known) == len(many) else "",
        tuple(sorted({name for each in many for name in each.missing})),
    )


def _sum(texts: Iterable[str]) -> str:
    return f"{sum(map(Decimal, texts), Decimal(0)).quantize(_CENT)}"


def signed(cents: str) -> str:
    """Give an amount with its sign, as differences are written."""
    return cents if cents.startswith("-") else f"+{cents}"
