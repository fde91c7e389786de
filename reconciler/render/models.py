"""The versions of a model, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from reconciler.render.moments import minute
from reconciler.render.text import table

_HEAD = ("  version", "aliases", "measure", "trained", "by", "serves", "verdict")


def render_models(found: Mapping[str, Any]) -> Text:
    """Render what `engine.models` found.

    Args:
        found: As plain data.
    """
    text = Text()
    text.append(found["name"], "bold").append(f"  {found['region']}  ")
    if not found["model"]:
        return text.append("nothing is registered: no training of it has succeeded\n", "dim")
    text.append(f"model {found['model']}\n", "dim")
    rows = [_row(version) for version in found["versions"]]
    return text.append_text(table(rows, _HEAD)) if rows else text


def _row(version: Mapping[str, Any]) -> tuple[str, ...]:
    run = version["run"]
    by = [str(run.get("trigger", "")), str(run.get("key", ""))]
    return (
        f"  {version['version']}",
        ", ".join(version["aliases"]) or "-",
        measure(version["verdict"]) or "-",
        minute(run.get("ended") or version["created"]) or "-",
        " ".join(part for part in by if part) or "-",
        ", ".join(f"{region} {percent}%" for region, percent in sorted(version["serves"].items())) or "-",
        _said(version),
    )


def measure(verdict: Mapping[str, Any]) -> str:
    """Give the number that was compared, such as `auroc 0.83`; empty without one."""
    value = verdict.get("candidate")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{verdict.get('metric', '')} {value:.6g}".strip() if number else ""


def _said(version: Mapping[str, Any]) -> str:
    verdict = version["verdict"]
    better = {True: "better", False: "refused"}.get(verdict.get("better"), "")
    reason = str(verdict.get("reason") or version["about"])
    return ": ".join(part for part in (better, reason) if part) or "-"
