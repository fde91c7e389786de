"""What was billed, as a view over Cloud Billing's export tells it: its query, and its rows month by month. Pure.

Source:
    https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage: columns of both exports.
    `cost` is before `credits`, which are below zero; corrections are lines of `cost_type` `adjustment`, on the invoice
    of the month in which they were made. Tables are partitioned by the day on which lines arrived.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from reconciler.core.googlesql import identifier, literal
from reconciler.core.naming import SERVICE_LABEL

DATASET, VIEW = "mlservice_bill", "by_service"
"""Where the view is, in the services' project. A view has to be where its table is, so it has a dataset of its own."""
ENVIRONMENT_LABEL = "environment"
MONTHS = 2
"""That are shown: the one that runs, and the one before it, whose corrections may still come."""
_READ_DAYS = 100
"""Lines that arrived before are not read: queries cost by what they read."""
_MONTH, _CURRENCY = re.compile(r"[0-9]{4}(?:0[1-9]|1[0-2])"), re.compile(r"[A-Z]{3}")
_MOST = Decimal(10) ** 15
"""More than anybody is billed, in any currency."""
_CURRENCIES = 5
"""That a month is shown in: an account has one, and few change it."""
_CENT = Decimal("0.01")


def query(table: tuple[str, str, str], project: str, *, by_arrival: bool) -> str:
    """Give the query of the view: what each service of a project was billed, by month of the invoice and by currency.

    Args:
        table: Project, dataset and name of the export.
        project: Whose services; the export has every project of a billing account.
        by_arrival: The table is partitioned by when lines arrived, so that older ones need not be read.
    """
    recent = f" AND _PARTITIONTIME >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {_READ_DAYS} DAY)"
    # The export has a column `service` itself, Google's: what is grouped by gets its names in a query of its own.
    lines = (
        f"SELECT invoice.month AS month, location.location AS region, {_label(SERVICE_LABEL)} AS service, "  # noqa: S608 - names and texts are escaped
        f"{_label(ENVIRONMENT_LABEL)} AS environment, currency, cost, "
        "IFNULL((SELECT SUM(c.amount) FROM UNNEST(credits) AS c), 0) AS credits, "
        "IF(cost_type = 'adjustment', cost, 0) AS corrections, usage_end_time AS until "
        f"FROM {identifier('.'.join(table))} WHERE project.id = {literal(project)}{recent if by_arrival else ''}"
    )
    groups = "month, region, service, environment, currency"
    sums = ", ".join(f"SUM({name}) AS {name}" for name in ("cost", "credits", "corrections"))
    return f"SELECT {groups}, {sums}, MAX(until) AS until FROM ({lines}) GROUP BY {groups}"  # noqa: S608 - as above


def _label(key: str) -> str:
    return f"(SELECT ANY_VALUE(l.value) FROM UNNEST(labels) AS l WHERE l.key = {literal(key)})"  # noqa: S608 - escaped


def asking(project: str, services: Iterable[str]) -> str:
    """Give the query that reads the view for some services, each of all its regions together: as budgets count them.

    Args:
        project: Where the view is.
        services: Their names.
    """
    names = ", ".join(map(literal, sorted(services)))
    return (
        "SELECT service, month, currency, SUM(cost) AS cost, SUM(credits) AS credits, "  # noqa: S608 - names are escaped
        "SUM(corrections) AS corrections, MAX(until) AS until "
        f"FROM {identifier(f'{project}.{DATASET}.{VIEW}')} WHERE service IN ({names}) "
        "GROUP BY service, month, currency"
    )


@dataclass(frozen=True, slots=True)
class Billed:
    """What a service was billed in one month.

    Args:
        month: Of the invoice, `YYYYMM`.
        currency: ISO 4217.
        amount: What is to be paid: cost, less credits, with corrections.
        credits: Of it, taken off: zero or below.
        corrections: Of it, what Google changed afterwards.
        until: When the last use ended that is on it, ISO 8601 in UTC; empty where that is not told.
    """

    month: str
    currency: str
    amount: Decimal
    credits: Decimal
    corrections: Decimal
    until: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "month": f"{self.month[:4]}-{self.month[4:]}",
            "currency": self.currency,
            "amount": str(self.amount),
            "credits": str(self.credits),
            "corrections": str(self.corrections),
            "until": self.until,
        }


def billed(rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, tuple[Billed, ...]], dict[str, str]]:
    """Read the rows of `asking`, by service: the last months, the latest first, each in every currency.

    Args:
        rows: Values by column, as texts; None for no value.

    Returns:
        What is known, and of each service of which a line makes no sense, why it is not all of it.
    """
    found: dict[str, list[Billed]] = {}
    odd: dict[str, str] = {}
    for row in rows:
        service = str(row.get("service") or "")
        if not service:
            continue
        try:
            found.setdefault(service, []).append(_line(row))
        except ValueError as error:
            odd.setdefault(service, f"a line of {DATASET}.{VIEW} {error}; look at its query, or delete it and apply")
    months = {service: _latest(many) for service, many in found.items()}
    for service, many in months.items():
        if max(Counter(one.month for one in many).values(), default=0) > _CURRENCIES:
            odd.setdefault(service, f"{DATASET}.{VIEW} has a month in more than {_CURRENCIES} currencies")
            months[service] = ()
    return months, odd


def _line(row: Mapping[str, Any]) -> Billed:
    """Read a line.

    Raises:
        ValueError: It makes no sense. No word of it is in the text: who may write there may write anything.
    """
    month, currency = str(row.get("month")), str(row.get("currency"))
    if not _MONTH.fullmatch(month):
        raise ValueError("is of no month")
    if not _CURRENCY.fullmatch(currency):
        raise ValueError("is in no currency")
    cost, taken, changed = (_amount(row.get(name)) for name in ("cost", "credits", "corrections"))
    amount, taken, changed = (each.quantize(_CENT, ROUND_HALF_UP) for each in (cost + taken, taken, changed))
    return Billed(month, currency, amount, taken, changed, _moment(row.get("until")))


def _latest(months: Iterable[Billed]) -> tuple[Billed, ...]:
    many = sorted(months, key=lambda one: (one.month, one.currency), reverse=True)
    shown = sorted({one.month for one in many}, reverse=True)[:MONTHS]
    return tuple(one for one in many if one.month in shown)


def _amount(value: Any) -> Decimal:
    """Read an amount; no value is nothing.

    Raises:
        ValueError: It is none.
    """
    try:
        found = Decimal(str(value if value is not None else 0))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > _MOST:
        raise ValueError("has no amount of money")
    return found


def _moment(value: Any) -> str:
    """Read a time as BigQuery's answers have it: seconds since 1970, with an exponent at times."""
    try:
        return datetime.fromtimestamp(float(value), UTC).isoformat(timespec="minutes")
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
