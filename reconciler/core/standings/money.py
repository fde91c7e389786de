"""What a service costs and how its budget stands, as standings tell of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from reconciler.core.cost import Cost
from reconciler.core.ladder.period import end_of, start_of
from reconciler.core.ladder.showing import shown
from reconciler.core.ladder.steps import SOURCES, latest, moment, named
from reconciler.core.standings import words
from schemas.kept import BudgetBook
from schemas.kept.words import LONGEST_WORD

_CENT, _FINE = Decimal("0.01"), Decimal("0.0001")
_MOST_MISSING, _MOST_STEPS = 50, 30
_MONTH_S = 730 * 3600
"""What prices are of, as calculators of Google have it."""
_LARGEST = Decimal(10) ** 20
_FORECAST_FROM = 0.02
"""Share of a month from which on it says something of the rest: half a day."""


def told_cost(cost: Cost, requests_per_second: Decimal, rows_per_request: Decimal) -> dict[str, Any]:
    """Give what it costs, as `schemas.kept.standings.StandingCost`.

    Args:
        cost: By its spec.
        requests_per_second: Of the use that is declared or assumed.
        rows_per_request: Predictions of each.
    """
    predictions = requests_per_second * rows_per_request * _MONTH_S
    per1000 = Decimal(cost.expected) * 1000 / predictions if predictions > 0 else None
    return {
        "floor": cost.floor,
        "expected": cost.expected,
        "worst": cost.worst,
        "per1000": _amount(per1000, _FINE),
        "missing": [each[:LONGEST_WORD] for each in cost.missing[:_MOST_MISSING]],
    }


def told_budget(book: BudgetBook, now: datetime, made: datetime | None = None) -> dict[str, Any]:
    """Give how a budget stands, as `schemas.kept.standings.BudgetStanding`.

    Args:
        book: What passes wrote.
        now: The time.
        made: When the service was; None where that is not known.
    """
    over = now >= end_of(moment(book.period))
    readings = [] if over else [each for source in SOURCES if (each := latest(book.readings, source))]
    highest = max(readings, key=lambda each: each.cost, default=None)
    said_at = moment(highest.at) if highest else None
    return {
        "limit": _amount(book.amount),
        "spent": _amount(highest.cost) if highest else None,
        "forecast": _amount(_foreseen(highest.cost, said_at, made)) if highest and said_at else None,
        "currency": words.name(book.currency),
        "source": highest.source if highest else "",
        "at": words.moment(said_at),
        "ends": words.moment(end_of(now)),
        "steps": list(_steps(book, now))[:_MOST_STEPS],
    }


def _foreseen(spent: Decimal, at: datetime, made: datetime | None) -> Decimal | None:
    """Give what is spent when the month ends, if it goes on as it went; None where that is too early to say."""
    start, end = start_of(at), end_of(at)
    since = max(start, made) if made else start
    if (at - since) / (end - start) < _FORECAST_FROM:
        return None
    return spent + spent * Decimal(str((end - at) / (at - since)))


def _steps(book: BudgetBook, now: datetime) -> Iterator[dict[str, Any]]:
    for each in shown(book, now):
        yield {
            "step": words.name(named(each.step)),
            "at": _amount(each.step.at, _FINE),
            "do": words.name(each.step.do),
            "state": each.state,
            "since": each.since or None,
            "until": each.until or None,
            "why": words.text(each.why),
        }


def _amount(value: Decimal | None, to: Decimal = _CENT) -> str | None:
    """Write an amount; None for what no budget is."""
    return None if value is None or abs(value) >= _LARGEST else f"{value.quantize(to):f}"


def needs(service: str, told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say which steps of a budget hold that hold something back: people did not ask for them today.

    Args:
        service: Its name.
        told: As `told_budget` gives it.
    """
    return [
        ("budget", words.text(f"by its budget: {each['step']} holds: mlservice budget {service}"))
        for each in told["steps"]
        if each["state"] == "taken" and each["do"] != "Notify"
    ]
