"""Billing accounts: which one pays for a project, in which currency. Light to import: no message of Google's."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from emulator.core.world import World

KIND = "billing.account"
"""In the store: the account's name, by the project's id; an empty one for none."""
ABOUT = "billing.about"
"""In the store: currency and rate, by the account's name."""
FIRST = "billingAccounts/000000-000000-000000"
ACCOUNT = re.compile(r"billingAccounts/[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}")
CURRENCY = re.compile(r"[A-Z]{3}")


def account_of(world: World, project: str) -> str:
    """The account that pays for a project, by its id; nothing for none. Until somebody says otherwise: the first."""
    body = world.store.get(KIND, project)
    return FIRST if body is None else body.decode()


def link(world: World, project: str, account: str) -> None:
    """Let an account pay for a project; nothing takes the link away."""
    world.store.put(KIND, project, account.encode())


def about(world: World, account: str) -> dict[str, str]:
    """The currency of an account, and what a US dollar is in it."""
    body = world.store.get(ABOUT, account)
    return {"currency": "USD", "perUsd": "1"} if body is None else dict(json.loads(body))


def currency(world: World, account: str) -> str:
    """The currency of an account's bill."""
    return about(world, account)["currency"]


def per_usd(world: World, account: str) -> Decimal:
    """What a US dollar is in it."""
    return Decimal(about(world, account)["perUsd"])


def describe(world: World, raw: dict[str, Any]) -> dict[str, str]:
    """Say which currency an account has, and what a US dollar is in it; what is left out stays.

    Raises:
        ValueError: The account, the currency or the rate is none.
    """
    account = str(raw.get("account", FIRST))
    kept = world.store.get(ABOUT, account) if ACCOUNT.fullmatch(account) else None
    raw = {"currency": "USD", "perUsd": "1", **(json.loads(kept) if kept else {}), **raw}
    code = str(raw["currency"])
    if not ACCOUNT.fullmatch(account) or not CURRENCY.fullmatch(code):
        raise ValueError("'account' must be such as billingAccounts/000000-000000-000000, 'currency' such as EUR")
    rate = decimal(raw["perUsd"])
    if rate <= 0:
        raise ValueError("'perUsd' must be above 0")
    found = {"account": account, "currency": code, "perUsd": str(rate)}
    world.store.put(ABOUT, account, json.dumps(found).encode())
    return found


def decimal(value: Any) -> Decimal:
    """An exact number, of text or of a number as it is written.

    Raises:
        ValueError: It is none.
    """
    try:
        found = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no number") from error
    if not found.is_finite():
        raise ValueError(f"{value!r} is no number")
    return found
