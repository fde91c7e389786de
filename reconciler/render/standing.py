"""What the last pass of the job found of a service, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from reconciler.render.changes import change_text
from reconciler.render.moments import ago, minute
from reconciler.render.values import one_line

_GOOD = frozenset({"ok", "changed"})
_SHORT = 12


def render_standing(name: str, region: str, found: Mapping[str, Any], job: Sequence[str], *, now: datetime) -> Text:
    """Render why a service is as it is.

    Args:
        name: Of the service.
        region: Where it is.
        found: `Standing`, as plain data.
        job: What is wrong with the job as a whole, in sentences.
        now: The time, for ages.
    """
    text = Text()
    text.append(name, "bold").append(f"  {region}  ")
    text.append(
        f"{one_line(found['state'])}\n",
        "green" if found["state"] in _GOOD else "bold red" if found["needs"] else "yellow",
    )
    text.append(f"  {one_line(found['said'])}\n")
    if found["ended"]:
        text.append(
            f"  last pass   {minute(found['ended'])} UTC ({ago(found['ended'], now)}){_source(found['bundle'])}\n"
        )
    if found["stale"]:
        text.append("  stale       two passes were due since, and none reported: mlservice operator status\n", "red")
    for problem in found["problems"]:
        text.append(f"  problem     {one_line(problem)}\n", "red")
    for change in found["changes"]:
        text.append_text(change_text(change))
    for problem in job:
        if problem not in found["problems"]:
            text.append(f"  the job     {one_line(problem)}\n", "red")
    return text


def _source(bundle: Mapping[str, Any]) -> str:
    if not bundle:
        return ""
    commit = f", commit {bundle['commit'][:_SHORT]}" if bundle["commit"] else ""
    return f", bundle {bundle['digest'][:_SHORT]}{commit}"
