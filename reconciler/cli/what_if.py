"""Use that somebody asks about, in place of what specs declare."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import typer

_LEAST, _MOST = Decimal("0.000001"), 1_000_000


def _rate(text: str) -> Decimal:
    """Read requests per second.

    Raises:
        typer.BadParameter: It is neither none nor a number from a millionth, three a month, to a million.
    """
    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal("nan")
    if not (rate.is_finite() and (rate == 0 or _LEAST <= rate <= _MOST)):
        raise typer.BadParameter(f"'{text}' is no rate: write requests per second, 0 or {_LEAST} to {_MOST}")
    return rate


def _duration_ms(text: str) -> int:
    """Read how long a request takes, in milliseconds.

    Raises:
        typer.BadParameter: It is no duration of a request.
    """
    from schemas.units import duration_ms  # noqa: PLC0415 - late, for start-up

    try:
        found = duration_ms(text)
    except ValueError:
        found = 0
    if not 1 <= found <= 3_600_000:  # noqa: PLR2004 - an hour, as Cloud Run has it
        raise typer.BadParameter(f"'{text}' is no duration of a request: write 120ms or 2s, an hour at most")
    return found


def rates_of(requests_per_second: str | None, request_duration: str | None) -> dict[str, Any]:
    """Read what was asked about, by the names that `cost.usage` has for it.

    Args:
        requests_per_second: As written; None for not asked about.
        request_duration: The same.

    Raises:
        typer.BadParameter: One of them is none.
    """
    rates: dict[str, Any] = {}
    if requests_per_second is not None:
        rates["requests_per_second"] = _rate(requests_per_second)
    if request_duration is not None:
        rates["request_duration_ms"] = _duration_ms(request_duration)
    return rates
