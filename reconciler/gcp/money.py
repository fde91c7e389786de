"""Amounts of money as Google writes them: whole units, and billionths of one. Exact."""

from __future__ import annotations

from decimal import Decimal

BILLION = 1_000_000_000


def units_and_nanos(amount: Decimal) -> tuple[int, int]:
    """Split an amount of 0 or more.

    Raises:
        ValueError: It is below zero, or finer than a billionth: Google's `Money` cannot say it.
    """
    billionths = amount * BILLION
    if not amount.is_finite() or amount < 0 or billionths != billionths.to_integral_value():
        raise ValueError(f"{amount} is no amount of whole billionths, 0 or more")
    return divmod(int(billionths), BILLION)


def amount_of(units: int, nanos: int) -> Decimal:
    """Put an amount together, without zeros at its end."""
    found = (Decimal(units) + Decimal(nanos) / BILLION).normalize()
    return found.quantize(Decimal(1)) if found == found.to_integral_value() else found


def written(amount: Decimal) -> str:
    """Write an amount in the one way that is compared: `900`, `12.5`."""
    return format(amount_of(*units_and_nanos(amount)), "f")
