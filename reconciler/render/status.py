"""The status of one service, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.text import Text

from reconciler.render.cost import billed_lines, used_words
from reconciler.render.moments import ago, minute
from reconciler.render.monitoring import NAMES, WORDS, words_of
from reconciler.render.text import table
from reconciler.render.values import one_line

_ENDS = {each: each.lower() for each in ("Claimed", "Started", "Succeeded", "Failed", "Cancelled")}
"""Others stay as they are: a secret in other letters is one that nothing recognises."""


def render_status(status: Mapping[str, Any], *, now: datetime) -> Text:
    """Render what `engine.status` found.

    Args:
        status: As plain data.
        now: The time, for ages.
    """
    text = Text()
    text.append(f"{status['name']}", "bold").append(f"  {status['region']}  ")
    text.append(*_health(status))
    text.append(f"\n  url           {status['url'] or '-'}\n")
    for tag, url in sorted(status["tags"].items()):
        text.append(f"  tag {tag:<9} {url}\n")
    text.append(f"  last checked  {status['lastChecked']} (now)\n")
    changed = status["lastChanged"]
    text.append(f"  last changed  {f'{changed} ({ago(changed, now)})' if changed else '-'}\n")
    text.append_text(_last_pass(status["lastPass"], now))
    if status["lock"]:
        text.append(f"  being changed by {status['lock']['holder']}, until {status['lock']['expires']}\n", "yellow")
    for opening in status["open"]:
        text.append(f"  OPEN          {_opening(opening)}\n", "bold red")
    for address in status["missing"]:
        text.append(f"  missing       {address}\n", "red")
    if status["retraining"]:
        text.append(f"  retraining    {' · '.join(_retraining(status))}\n")
    for each in status["monitoring"]:
        text.append("  monitoring    ").append(*stands(each, now)).append("\n")
    for each in status["budget"]:
        text.append(f"  budget        {one_line(each)}\n", "yellow")
    for line in _cost(status.get("cost")):
        text.append(f"  {line}\n")
    for need in status["needs"]:
        text.append(f"  NEEDS YOU     {need}\n", "bold red")
    return text.append_text(_conditions(status)).append_text(_revisions(status))


def _cost(found: Mapping[str, Any] | None) -> Iterator[str]:
    """Say what it costs by its spec, how it is used, and what it costs so; nothing of what is not known."""
    if not found:
        return
    if found["bySpec"]:
        yield f"cost          {_amounts(found['bySpec'])}, by {found['source']}"
    if found["use"]:
        yield f"used          {used_words(found['use'])}"
    if found["asUsed"]:
        yield f"cost as used  {_amounts(found['asUsed'])}, as large as it runs"
    if found["unknown"]:
        yield f"used          not known: {one_line(found['unknown'])}"
    if found["billed"]:
        yield from (f"billed        {line}" for line in billed_lines(found["billed"], None))


def _amounts(found: Mapping[str, Any]) -> str:
    """Say it as plans do; without a price it is at least so much."""
    missing = ", ".join(map(one_line, found["missing"]))
    least = f" (without {missing}: no price is known)" if missing else ""
    return f"from {found['floor']} to {found['worst']} USD a month, {found['expected']} expected{least}"


def _last_pass(standing: Mapping[str, Any] | None, now: datetime) -> Text:
    """Say what the job found of it; nothing where no job reconciles it."""
    if not standing or not standing["ended"]:
        return Text()
    stale = ", and two were due since" if standing["stale"] else ""
    text = Text()
    text.append(f"  last pass     {one_line(standing['state'])}, {ago(standing['ended'], now)}{stale}\n")
    if standing["needs"]:
        text.append(f"  NEEDS YOU     {standing['needs']}\n", "bold red")
    return text


def _health(status: Mapping[str, Any]) -> tuple[str, str]:
    if status["problem"]:
        return f"not working: {status['problem']}", "red"
    if status["open"]:
        return "NOT PRIVATE: it works, and everyone is let in", "bold red"
    return ("ready", "green") if status["settled"] else ("being changed", "yellow")


def _retraining(status: Mapping[str, Any]) -> Iterator[str]:
    """Say how the trainings are."""
    found = status["retraining"]
    yield (
        f"frozen: {found['frozen']}"
        if found["frozen"]
        else f"{found['training']} at work"
        if found["training"]
        else "idle"
    )
    last = found["lastRun"]
    if last:
        moment = minute(last.get("ended") or last.get("claimed"))
        became = str(last.get("status", ""))
        yield f"last {_ENDS.get(became, became)} {moment} ({last.get('trigger', '')})"
    if found["waits"]:
        yield f"version {found['waits']} is better and does not serve: mlservice models {status['name']}"


def stands(found: Mapping[str, Any], now: datetime) -> tuple[str, str]:
    """Say how a comparison stands, with a style."""
    words, style = words_of(found["finding"])
    if found["since"]:
        count = len(found["columns"])
        what = "measure" if found["which"] == "performance" else "feature"
        of = f"breach of {count} {what}{'s' if count != 1 else ''} since {minute(found['since'])} UTC"
        words = of if found["finding"] == "Breach" else f"{words}, and {of} before"
        style = WORDS["Breach"][1]
    return f"{NAMES[found['which']]}: {words} ({ago(found['at'], now)})", style


def _opening(opening: Mapping[str, Any]) -> str:
    """Say who is let in and how, and what that contradicts."""
    when = f" ({opening['condition']})" if opening["condition"] else ""
    how = f"has {opening['role']}{when} on" if opening["role"] else "may call without a role"
    return f"{opening['member']} {how} {opening['on']}; contradicts the spec: {opening['why']}"


def _conditions(status: Mapping[str, Any]) -> Text:
    rows = [
        ("  " + c["type"], c["state"].lower(), c["reason"] or "-", c["since"], c["message"])
        for c in status["conditions"]
    ]
    return (
        Text("\n").append_text(table(rows, ("  condition", "state", "reason", "since", "message"))) if rows else Text()
    )


def _revisions(status: Mapping[str, Any]) -> Text:
    rows = [
        (
            "  " + r["name"],
            f"{r['percent']}%",
            r["version"] or "-",
            r["tag"] or "-",
            "ready" if r["ready"] else "not ready",
            r["created"],
        )
        for r in status["revisions"]
    ]
    head = ("  revision", "traffic", "version", "tag", "state", "created")
    return Text("\n").append_text(table(rows, head)) if rows else Text()
