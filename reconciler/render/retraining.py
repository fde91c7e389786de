"""Why a service was retrained or not, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.text import Text

from reconciler.render.moments import minute
from reconciler.render.text import table


def render_retraining(found: Mapping[str, Any], *, now: datetime) -> Text:
    """Render what `engine.retraining` found.

    Args:
        found: As plain data.
        now: The time, to tell whether the circuit is open still.
    """
    text = Text()
    text.append(found["name"], "bold").append(f"  {found['region']}  ").append(*_state(found, now)).append("\n")
    if not found["decisions"] and not found["runs"]:
        return text.append("  nothing has fired yet\n")
    text.append_text(_decisions(found["decisions"])).append_text(_runs(found["runs"]))
    return text


def _state(found: Mapping[str, Any], now: datetime) -> tuple[str, str]:
    if found["frozen"]:
        return f"frozen: {found['frozen']}", "yellow"
    until = found["circuitUntil"]
    if until and now < datetime.fromisoformat(until):
        return f"circuit open until {minute(until)}", "red"
    going = [run for run in found["runs"] if run.get("status") in {"Claimed", "Started"}]
    return (f"{len(going)} training", "green") if going else ("idle", "dim")


def _decisions(decisions: list[Mapping[str, Any]]) -> Text:
    rows = [
        (
            f"  {minute(each.get('decided', ''))}",
            str(each.get("trigger", "")),
            str(each.get("guard") or each.get("action", "")),
            minute(each.get("until") or "") or "-",
            str(each.get("reason", "")),
        )
        for each in decisions
    ]
    return Text("\n").append_text(table(rows, ("  decided", "trigger", "outcome", "until", "why"))) if rows else Text()


def _runs(runs: list[Mapping[str, Any]]) -> Text:
    rows = [
        (
            f"  {minute(run.get('claimed', ''))}",
            str(run.get("trigger", "")),
            str(run.get("status", "")).lower(),
            minute(run.get("ended", "")) or "-",
            " · ".join(_words(run)) or "-",
        )
        for run in runs
    ]
    return (
        Text("\n").append_text(table(rows, ("  claimed", "trigger", "training", "ended", "what came of it")))
        if rows
        else Text()
    )


def _words(run: Mapping[str, Any]) -> Iterator[str]:
    if run.get("name"):
        yield str(run["name"])
    if run.get("forced"):
        yield f"overridden: {run['forced']}"
    if run.get("why"):
        yield str(run["why"])
