"""A change that reports and history tell of, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from reconciler.render.values import one_line, shown

_COLUMN = 14
"""Where what is said of a service begins."""


def change_text(change: Mapping[str, Any]) -> Text:
    """Say what was to be done with an object and what became of it, field by field.

    Args:
        change: As `core.told.told_change` gives it.
    """
    text = Text()
    seconds = f" in {change['seconds']} s" if change.get("seconds") else ""
    reason = f" ({one_line(change['reason'])})" if change["reason"] else ""
    what = f"{one_line(change['action'])} {one_line(change['address'])}{seconds}{reason}"
    text.append(f"  {one_line(change['outcome']):<11} {what}\n")
    for each in change["fields"]:
        before, after = (one_line(shown(each["path"], each[side])) for side in ("before", "after"))
        text.append(f"{'':{_COLUMN}}{one_line(each['path'])}: {before} -> {after}\n", "dim")
    if change["error"]:
        text.append(f"{'':{_COLUMN}}{one_line(change['error'])}\n", "red")
    return text
