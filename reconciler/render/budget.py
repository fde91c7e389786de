"""How budgets stand, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.text import Text

from reconciler.render.moments import minute
from reconciler.render.text import table
from reconciler.render.values import one_line

_HEAD = ("service", "region", "budget", "billed", "own estimate", "steps that hold")
_STEPS = ("  step", "at", "state", "until", "why")
_STYLES = {"taken": "yellow", "lifted": "bold"}


def render_budgets(found: Sequence[Mapping[str, Any]]) -> Text:
    """Render all budgets, a line each.

    Args:
        found: As plain data of `engine.ladder.standing`.
    """
    rows = [
        (each["name"], each["region"], _amount(each), _share(each["bill"]), _share(each["own"]), _holding(each))
        for each in found
    ]
    return table(rows, _HEAD, right={2, 3, 4})


def render_budget(one: Mapping[str, Any]) -> Text:
    """Render one budget with its steps.

    Args:
        one: As plain data of `engine.ladder.standing`.
    """
    text = Text()
    text.append(one_line(one["name"]), "bold").append(f"  {one_line(one['region'])}  {_amount(one)} a month\n")
    text.append(f"  month         {one['period'][:10]} to {one['ends'][:10]}\n")
    text.append(f"  billed        {_spent(one['bill'], one['currency'])}\n")
    text.append(f"  own estimate  {_spent(one['own'], one['currency'])}\n")
    text.append(f"  last looked   {minute(one['looked']) if one['looked'] else 'never'}\n")
    steps = list(_steps(one["steps"]))
    if steps:
        text.append_text(table(steps, _STEPS, styles=[_STYLES.get(each["state"], "") for each in one["steps"]]))
    for each in _others(one):
        text.append(f"  {one_line(each)}\n", "dim")
    return text


def _steps(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for each in steps:
        yield (f"  {_named(each)}", _percent(each["at"]), each["state"], minute(each["until"]) or "-", _why(each))


def _why(step: Mapping[str, Any]) -> str:
    return one_line(step["why"]) or "-"


def _named(step: Mapping[str, Any]) -> str:
    cap = f" ({step['maxInstances']})" if step["maxInstances"] is not None else ""
    return f"{one_line(step['do'])}{cap}"


def _others(one: Mapping[str, Any]) -> Iterator[str]:
    """Give what was said that is of no single step."""
    yield from (each for each in one["said"] if " is not taken: " not in each)


def _amount(one: Mapping[str, Any]) -> str:
    return one_line(f"{one['amount']} {one['currency']}".strip()) if one["amount"] is not None else "-"


def _spent(said: Mapping[str, Any] | None, currency: str) -> str:
    if said is None:
        return "not known"
    share = f"{_share(said)} of it, " if said["share"] is not None else ""
    return one_line(f"{share}{Decimal(said['cost']):.2f} {currency} ({minute(said['at'])})")


def _share(said: Mapping[str, Any] | None) -> str:
    return _percent(said["share"]) if said and said["share"] is not None else "-"


def _percent(share: str) -> str:
    return f"{int(Decimal(share) * 100)} %"


def _holding(one: Mapping[str, Any]) -> str:
    return ", ".join(_named(each) for each in one["steps"] if each["state"] == "taken") or "-"
