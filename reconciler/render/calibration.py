"""Limits that the history of windows speaks for, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from reconciler.render.moments import minute
from reconciler.render.monitoring import NAMES
from reconciler.render.text import table
from reconciler.render.values import one_line

_HEAD = ("    column", "usual", "limit", "fires", "limit now", "fires now")
_RIGHT = range(1, 6)


def render_calibration(found: Mapping[str, Any]) -> Text:
    """Render what `engine.monitoring.calibrating` found.

    Args:
        found: As plain data.
    """
    text = Text()
    text.append(found["name"], "bold").append(f"  limits for {found['falseAlarms']:.2%} false alarms\n")
    for each in found["comparisons"]:
        text.append("\n  ").append(NAMES[each["which"]], "bold").append(f"  {_history(each, found['days'])}\n")
        for line, style in _said(each, found["falseAlarms"]):
            text.append(f"    {line}\n", style)
        if each["limits"]:
            text.append_text(table([_row(one) for one in each["limits"]], _HEAD, right=_RIGHT))
        for line, style in _by_order(each):
            text.append(f"    {line}\n", style)
    return text


def _history(found: Mapping[str, Any], days: int) -> str:
    since = f" since {minute(found['since'])} UTC" if found["since"] else f" within {days} days"
    several = found["windows"] != 1
    return f"{found['windows']} window{'s that tell' if several else ' that tells'} something{since}"


def _said(found: Mapping[str, Any], asked: float) -> Iterator[tuple[str, str]]:
    if found["limits"] is None:
        yield f"too few for any limit: {found['windowsNeeded']} windows tell of {asked:.2%}", "yellow"
        return
    low, high = found["interval"]
    yield f"at most {found['rate']:.2%} of windows without a change are beyond these limits, all columns together", ""
    yield f"{found['beyond']} of the {found['of']} last ones are: {low:.1%} to {high:.1%}, with 95 % confidence", "dim"
    if found["unheld"]:
        names = ", ".join(map(one_line, found["unheld"]))
        yield f"as far as can be in a window or more, which no limit that a spec takes holds: {names}", "yellow"
    elif found["rate"] > asked:
        least = f"so many windows can state {found['smallestRate']:.2%} at best"
        yield f"{least}: {found['windowsNeeded']} tell of {asked:.2%}", "yellow"
    now, then = found["breaches"]["present"], found["breaches"]["proposed"]
    yield f"breaches so far: {now} with today's limits, {then} with these, of {found['windows']} windows", ""
    if now:
        yield "if something did change then, take --days that leave it out: these limits would be too wide", "yellow"
    if found["heavy"]:
        names = ", ".join(map(one_line, found["heavy"]))
        yield f"far apart though nothing changes (heavy tails, or few values): {names}", "yellow"
    if found["heavy"] and found["order"]:
        yield "no tail widens the limit of their order, which is below", "yellow"
    if found["logarithmic"]:
        names = ", ".join(map(one_line, found["logarithmic"]))
        yield f"of numbers above 0 the logarithm may be compared: monitoring: {{logarithmic: [{names}]}}", "yellow"
        yield "that hears more; calibrate again when windows of it suffice", "yellow"


def _by_order(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what the limit of the order of numbers may be, and what would have fired."""
    order = found["order"]
    if not order:
        return
    low, high = order["interval"]
    now = f"limit {order['limitNow']:g} now" if "limitNow" in order else "no limit now"
    yield (
        f"by order of numbers: at most {order['rate']:.2%} of windows without a change are beyond {order['limit']:g}",
        "",
    )
    yield f"{order['beyond']} of the {order['of']} last ones are: {low:.1%} to {high:.1%}, with 95 % confidence", "dim"
    yield f"breaches by order so far: {order['firesNow']} ({now}), {order['fires']} with {order['limit']:g}", ""


def _row(column: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"    {one_line(column['name'])}",
        f"{column['usual']:.3f}",
        f"{column['limit']:g}",
        str(column["fires"]),
        f"{column['limitNow']:g}" if "limitNow" in column else "-",
        str(column["firesNow"]),
    )
