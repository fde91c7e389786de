"""What a billing budget says on its topic, read carefully: anybody who may publish there may say anything."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

_MOST = Decimal(10) ** 15
"""More than anybody spends, in any currency."""
_LONGEST = 1 << 16
"""Bytes of a notice."""
_CURRENCY = re.compile(r"[A-Z]{3}")
_NANO = Decimal("1e-9")
"""As exact as Google's `Money` is."""


class NoNotice(ValueError):
    """A message is none. The text says why, for people."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a budget said. Whether a threshold is crossed it may tell or not; that is never asked.

    Args:
        id: Of the message: the same for every delivery of it.
        at: When it was published, aware.
        budget: Id of the budget.
        name: Its display name.
        start: When the time began that `cost` is of.
        cost: What was spent.
        amount: The budget.
        currency: Of both.

    Source:
        cloud.google.com/billing/docs/how-to/budgets-programmatic-notifications.
    """

    id: str
    at: datetime
    budget: str
    name: str
    start: datetime
    cost: Decimal
    amount: Decimal
    currency: str


def read(message_id: str, published: datetime, attributes: Mapping[str, str], data: bytes) -> Notice:
    """Read a message of the topic.

    Args:
        message_id: Given by Pub/Sub.
        published: When, aware.
        attributes: Of the message.
        data: Its content.

    Raises:
        NoNotice: It is none, or lacks what decides.
    """
    if len(data) > _LONGEST:
        raise NoNotice("it is too long")
    try:
        said = json.loads(data, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError, InvalidOperation):
        raise NoNotice("it is no JSON") from None
    if not isinstance(said, dict):
        raise NoNotice("it is no JSON object")
    return Notice(
        message_id,
        published.astimezone(UTC),
        str(attributes.get("budgetId", "")),
        str(said.get("budgetDisplayName", "")),
        _start(said.get("costIntervalStart")),
        _amount(said.get("costAmount"), "costAmount"),
        _amount(said.get("budgetAmount"), "budgetAmount"),
        _currency(said.get("currencyCode")),
    )


def _start(said: object) -> datetime:
    try:
        found = datetime.fromisoformat(said) if isinstance(said, str) else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):  # no date; or one that is in no year that there is
        pass
    raise NoNotice("it does not say since when (costIntervalStart)")


def _amount(said: object, name: str) -> Decimal:
    if not isinstance(said, Decimal) or not said.is_finite() or abs(said) > _MOST:
        raise NoNotice(f"{name} is no amount of money")
    return said.quantize(_NANO).normalize()


def _currency(said: object) -> str:
    if not isinstance(said, str) or not _CURRENCY.fullmatch(said):
        raise NoNotice("currencyCode is no currency")
    return said
