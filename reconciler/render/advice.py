"""Advice for a terminal: each piece with what it saves, what was measured, and its risk; and what is left, with why."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rich.text import Text

from reconciler.render.cost import used_words

_NOBODY = "no service"


def render_advice(found: Mapping[str, Any]) -> Text:
    """Render what `mlservice advise` found.

    Args:
        found: As plain data.
    """
    text = Text()
    for service in found["services"]:
        text.append_text(_service(service)).append("\n")
    if found.get("diff"):
        text.append(found["diff"])
    for file in found.get("written", ()):
        text.append(f"changed: {file}; mlservice plan shows what applying it does\n", "bold")
    return text if found["services"] else text.append(f"{_NOBODY}\n", "dim")


def _service(service: Mapping[str, Any]) -> Text:
    text = Text(service["name"], "bold")
    place = f"  {service['region']}" + (f"  {service['project']}" if service["project"] else "")
    text.append(f"{place}\n", "dim")
    advice, measured = service["advice"], service["measured"]
    if advice is None:
        return text.append(f"  nothing can be said: {service['unknown']}\n", "yellow")
    text.append(f"  measured: {used_words(measured)}; {measured['measuredDays']} days as large as now\n", "cyan")
    for piece in advice["pieces"]:
        text.append_text(_piece(piece))
    for kept in advice["kept"]:
        text.append("  as it is: ", "dim").append(f"{kept['about']}").append(f"  {kept['reason']}\n", "dim")
    if advice["pieces"]:
        now, then = advice["now"]["expected"], advice["then"]["expected"]
        text.append(f"  together: {then} USD a month instead of {now}, as it was used\n", "bold")
    return text


def _piece(piece: Mapping[str, Any]) -> Text:
    lines = ", ".join(map(_edit, piece["edits"]))
    text = Text("  advice: ", "yellow" if piece["spends"] else "green").append(lines, "bold").append(_saves(piece))
    for said in piece["evidence"]:
        text.append("\n      measured  ", "dim").append(said)
    return text.append("\n      risk      ", "dim").append(f"{piece['risk']}\n")


def _edit(edit: Mapping[str, Any]) -> str:
    before, after = ("none" if value is None else f"{value}" for value in (edit["from"], edit["to"]))
    return f"{edit['path']}: {before} -> {after}" if before != after else f"{edit['path']}: {after}"


def _saves(piece: Mapping[str, Any]) -> str:
    expected, worst = (Decimal(piece["saving"][case]) for case in ("expected", "worst"))
    if piece["spends"]:
        return f"  costs {-expected} USD a month as it was used, {-worst} at the worst"
    return f"  saves {expected} USD a month as it was used, {worst} at the worst"
