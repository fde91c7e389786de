"""What services cost, for a terminal: a table each, what all come to, and what would be cheaper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.text import Text

from reconciler.render.moments import minute
from reconciler.render.text import table
from reconciler.render.values import one_line

_HEAD = ("  a month, in USD", "floor", "expected", "worst", "assumption")
_NUMBERS = (1, 2, 3)
_CASES = ("floor", "expected", "worst")
_MOST_NEIGHBOURS = 4


def render_cost(found: Mapping[str, Any], *, everything: bool = False) -> Text:
    """Render what `cost.told` gave.

    Args:
        found: As plain data.
        everything: Also lines of nothing, prices with their source, and neighbours that save nothing.
    """
    text = Text()
    for service in found["services"]:
        text.append_text(_service(service, everything=everything)).append("\n")
    text.append_text(_together(found))
    for line in (*_commitments(found), *_spots(found)):
        text.append(f"{line}\n")
    prices = found["prices"]
    text.append(f"list prices of {prices['asOf']}", "bold red" if prices["old"] else "dim")
    if prices["refreshed"]:
        style = "bold red" if prices["othersOld"] else "dim"
        text.append(f" from Google's catalog, where they have a rule; others of {prices['others']}", style)
    old = f", {prices['days']} days old: mlservice cost --refresh" if prices["old"] else ""
    text.append(old, "bold red")
    text.append(f"; what was read before cannot be used: {prices['trouble']}" if prices["trouble"] else "", "bold red")
    return text.append(f"; a month has {found['hours']} h; not counted: {', '.join(found['notCounted'])}\n", "dim")


def _service(service: Mapping[str, Any], *, everything: bool) -> Text:
    text = Text()
    text.append(service["name"], "bold")
    place = f"  {service['region']}" + (f"  {service['project']}" if service["project"] else "")
    text.append(f"{place}\n", "dim")
    shown = [line for line in service["lines"] if everything or not line["zero"]]
    rows = [_row(line, everything=everything) for line in shown]
    least = "" if service["complete"] else "at least: some prices are not known"
    whole = ("  together", *(service["total"][case] for case in _CASES), least)
    styles = ["" if line["known"] else "yellow" for line in shown]
    text.append_text(table([*rows, whole], _HEAD, right=_NUMBERS, styles=[*styles, "bold"]))
    if used := service.get("measured"):
        text.append(f"  measured: {used_words(used)}\n", "cyan")
    if billed := service.get("billed"):
        for told in billed_lines(billed, service["total"]["expected"]):
            text.append(f"  billed: {told}\n", "cyan")
    if service["assumed"]:
        text.append(f"  assumed, until the spec says it: {', '.join(service['assumed'])}\n", "cyan")
    for line in _neighbours(service["neighbours"], everything=everything):
        text.append_text(line)
    return text


def used_words(used: Mapping[str, Any]) -> str:
    """Say how much a service was used, as `cost.measured` has it."""
    took = used["requestDurationMs"]
    each = f" of {took:g} ms" if took is not None else ""
    billed = f", {used['billedInstances']} instances billed" if used["billedInstances"] is not None else ""
    when = f"from {minute(used['since'])} to {minute(used['until'])} UTC"
    return f"{used['requestsPerSecond']} requests/s{each}{billed}, {when}"


def billed_lines(found: Mapping[str, Any], expected: str | None) -> Iterator[str]:
    """Say what was billed, month by month, beside what is expected of one; or why that is not known.

    Args:
        found: As `engine.billing` gives it.
        expected: US dollars a month; None where no spec is at hand.
    """
    if found["unknown"]:
        yield f"not known: {one_line(found['unknown'])}"
    elif not found["months"]:
        yield "nothing yet: the export has no line of it, which come up to a day late"
    for each in found["months"]:
        told = f", use until {minute(each['until'])} UTC" if each["until"] else ""
        parts = [f"{name} {each[name]}" for name in ("credits", "corrections") if Decimal(each[name])]
        within = f" ({', '.join(parts)} in it)" if parts else ""
        beside = f"; {expected} USD expected a month, before what is free" if expected is not None else ""
        yield f"{each['amount']} {one_line(each['currency'])} in {each['month']}{within}{told}{beside}"
        expected = None  # once is enough


def _row(line: Mapping[str, Any], *, everything: bool) -> tuple[str, ...]:
    cost = [line["cost"][case] for case in _CASES] if line["known"] else ["?", "?", "?"]
    said = line["assumption"] if line["known"] else f"{line['price']}; {line['assumption']}"
    price = f"; {line['price']}" if everything and line["known"] else ""
    return (f"  {line['title']}", *cost, f"{said}{price}")


def _neighbours(found: Sequence[Mapping[str, Any]], *, everything: bool) -> Iterator[Text]:
    shown = found if everything else [each for each in found if each["saves"]][:_MOST_NEIGHBOURS]
    for each in shown:
        differences = ", ".join(f"{case} {signed(each['difference'][case])}" for case in _CASES)
        saves = Decimal(each["difference"]["expected"]) < 0
        text = Text("  instead: ", "green" if saves else "dim")
        yield text.append(f"{each['line'] or each['means']}  {differences}").append(
            f"  ({each['means']})\n" if each["line"] else "\n", "dim"
        )


def signed(amount: str) -> str:
    """Give an amount with its sign, as differences are written."""
    return amount if amount.startswith("-") else f"+{amount}"


def _together(found: Mapping[str, Any]) -> Text:
    count = len(found["services"])
    what = f"all {count} services" if count != 1 else "the service"
    rows = [
        (f"  {what}", *(found["total"][case] for case in _CASES), "" if found["complete"] else "at least"),
        ("  free, once", *(f"-{_free(found, case)}" for case in _CASES), "once per billing account, if nothing else"),
        ("  together", *(found["afterFree"][case] for case in _CASES), ""),
    ]
    return table(rows, ("  a month, in USD", *_CASES, ""), right=_NUMBERS, styles=["", "dim", "bold"])


def _free(found: Mapping[str, Any], case: str) -> Decimal:
    return Decimal(found["total"][case]) - Decimal(found["afterFree"][case])


def _commitments(found: Mapping[str, Any]) -> Iterator[str]:
    for each in found["commitments"]:
        covered = f"{each['hourly']} USD an hour, used or not, in place of {each['covered']} a month that always runs"
        yield f"{each['title']}: {covered}: saves {each['saved']}, pays from {each['paysFromPercent']} % use on"


def _spots(found: Mapping[str, Any]) -> Iterator[str]:
    for each in found["spot"]:
        verb = "saves" if each["uses"] else "would save"
        prices = f"{each['spot']} instead of {each['onDemand']} USD an hour, {verb} {each['saved']} a month"
        lost = f"pays while less than {each['paysToPercent']} % of the hours are lost; it changes by the month"
        yield f"Spot for trainings of {each['service']}: {prices}; {lost}"
