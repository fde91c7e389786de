"""What services cost, and what of their budgets is spent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from page.documents import Data
from page.query import Query
from page.views.fleet import Row, fleet

_SUMMED = ("floor", "expected", "worst")


def cost_view(found: Sequence[Row], query: Query, per_page: int) -> Data:
    """Make the view.

    Args:
        found: Every row.
        query: What of them is asked for.
        per_page: Rows of a page.
    """
    asked = query if query.sort != "needs" else query.sorted_by("cost")
    listed = fleet(found, asked, per_page)
    shown = [{**_row(each), "money": each["money"]} for each in listed.pop("services")]
    budgets = [row.data for row in found if (row.data["money"] or {}).get("limit") is not None]
    return {
        **{name: listed[name] for name in ("total", "matching", "page", "pages", "choices")},
        "query": asked.parameters(),
        "totals": _totals(row.data for row in found),
        "budgets": _budgets(budgets),
        "unpriced": sum(row.data["money"] is None for row in found),
        "incomplete": sum(bool((row.data["money"] or {}).get("missing")) for row in found),
        "services": shown,
    }


def _row(data: Data) -> Data:
    return {name: data[name] for name in ("region", "name", "environment", "owner", "state", "signals")}


def _totals(found: Iterable[Data]) -> dict[str, str]:
    sums: dict[str, Decimal] = dict.fromkeys(_SUMMED, Decimal(0))
    for each in found:
        for name in _SUMMED:
            sums[name] += Decimal((each["money"] or {}).get(name) or 0)
    return {name: f"{value:.2f}" for name, value in sums.items()}


def _budgets(found: Iterable[Data]) -> list[Data]:
    """Sum budgets by currency: amounts of two currencies have no sum."""
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0)])
    for each in found:
        told = each["money"]
        for place, name in enumerate(("limit", "spent", "forecast")):
            sums[told["currency"] or ""][place] += Decimal(told[name] or 0)
    return [
        {"currency": currency, "limit": f"{limit:.2f}", "spent": f"{spent:.2f}", "forecast": f"{forecast:.2f}"}
        for currency, (limit, spent, forecast) in sorted(sums.items())
    ]
