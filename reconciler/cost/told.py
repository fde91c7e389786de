"""Estimates as plain data, for programs and for what prints them: amounts are texts in cents, rounded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from reconciler.cost.amounts import MONTH_H, cents, total
from reconciler.cost.commitments import TERMS, Commitment, Spot, commitments, spots
from reconciler.cost.estimate import CURRENCY, Estimate
from reconciler.cost.explained import NOT_COUNTED, assumed, explained
from reconciler.cost.free_tier import Taken, off, taken
from reconciler.cost.lines import Line
from reconciler.cost.neighbours import Neighbour, neighbours
from reconciler.cost.prices import packaged, snapshot

OLD_DAYS = 90
"""From then on prices are said to be old."""


def told(found: Sequence[tuple[str, Estimate]], *, today: date) -> dict[str, Any]:
    """Give everything that is known of what services cost.

    Args:
        found: Each with the project that it is in; empty where that is not known.
        today: Which day it is, for how old the prices are.
    """
    lines = [(project, line) for project, each in found for line in each.lines]
    estimates = [each for _, each in found]
    gross = total(each.total for each in estimates)
    return {
        "currency": CURRENCY,
        "hours": int(MONTH_H),
        "prices": _prices(today),
        "services": [_service(project, each) for project, each in found],
        "total": gross.shown(),
        "free": [_taken(each) for each in taken(lines) if not each.amount.zero],
        "afterFree": (gross - off(lines)).shown(),
        "complete": not any(each.missing for each in estimates),
        "commitments": [_commitment(each) for each in commitments(estimates)],
        "spot": [_spot(each) for each in spots(estimates)],
        "notCounted": list(NOT_COUNTED),
    }


def _prices(today: date) -> Mapping[str, Any]:
    prices, others = snapshot(), packaged().as_of

    def days(as_of: str) -> int:
        return max(0, (today - date.fromisoformat(as_of)).days)

    read = {"refreshed": prices.refreshed or None, "trouble": prices.trouble}
    left = {"others": others, "othersOld": days(others) > OLD_DAYS} if prices.refreshed else {}
    return {"asOf": prices.as_of, "days": days(prices.as_of), "old": days(prices.as_of) > OLD_DAYS, **read, **left}


def _service(project: str, found: Estimate) -> Mapping[str, Any]:
    return {
        "name": found.name,
        "region": found.shape.region,
        "project": project,
        "total": found.total.shown(),
        "complete": not found.missing,
        "lines": [_line(line, found) for line in found.lines],
        "assumed": assumed(found),
        "neighbours": [_neighbour(each) for each in neighbours(found)],
    }


def _line(line: Line, found: Estimate) -> Mapping[str, Any]:
    said = explained(line, found)
    return {
        "key": line.key,
        "title": said.title,
        "known": line.known,
        "cost": line.cost.shown() if line.known else None,
        "zero": line.known and not any(Decimal(text) for text in line.cost.shown().values()),
        "assumption": said.assumption,
        "price": said.price,
    }


def _neighbour(each: Neighbour) -> Mapping[str, Any]:
    return {"line": each.line, "means": each.means, "difference": each.difference.shown(), "saves": each.saves}


def _taken(each: Taken) -> Mapping[str, Any]:
    return {"pool": each.pool, "project": each.project, "amount": each.amount.shown()}


def _commitment(each: Commitment) -> Mapping[str, Any]:
    return {
        "key": each.key,
        "title": TERMS[each.key],
        "hourly": f"{each.hourly:.4f}",
        "covered": cents(each.covered),
        "saved": cents(each.saved),
        "paysFromPercent": f"{each.pays_from * 100:.0f}",
    }


def _spot(each: Spot) -> Mapping[str, Any]:
    return {
        "service": each.service,
        "uses": each.uses,
        "onDemand": f"{each.on_demand:.4f}",
        "spot": f"{each.spot:.4f}",
        "saved": cents(each.saved),
        "paysToPercent": f"{each.pays_to * 100:.0f}",
    }
