"""All services of a project as one table, those that need a person first, and the job that looks after them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from reconciler.render.moments import ago
from reconciler.render.values import one_line

_HEAD = ("service", "asked", "serving", "last checked", "last changed", "needs you")


def render_fleet(rows: Sequence[Mapping[str, Any]], job: Mapping[str, Any], *, now: datetime) -> Text:
    """Render the fleet.

    Args:
        rows: Services, as `engine.status` gives them.
        job: `name`, `lastPass`, `paused` and `problems` of the operator; no name where none is installed.
        now: The time, for ages.
    """
    text = _table(sorted(rows, key=lambda row: (not row["needsYou"], row["name"], row["region"])), now)
    needing = sum(1 for row in rows if row["needsYou"])
    services = f"{len(rows)} service{'' if len(rows) == 1 else 's'}"
    said = f"{needing} need{'s' if needing == 1 else ''} you: mlservice why NAME" if needing else "none needs you"
    text.append(f"{services}, {said}\n", "red" if needing else "green")
    for problem in job["problems"]:
        text.append(f"the job: {one_line(problem)}\n", "red")
    return text.append(f"{_job(job, now)}\n", "dim")


def _job(job: Mapping[str, Any], now: datetime) -> str:
    if not job["name"]:
        return "no job reconciles them: mlservice install"
    last = f"last pass {ago(job['lastPass'], now)}" if job["lastPass"] else "no pass has reported yet"
    return f"the job {job['name']}: {'paused, ' if job['paused'] else ''}{last}"


def _table(rows: Sequence[Mapping[str, Any]], now: datetime) -> Text:
    regions = Counter(row["name"] for row in rows)
    cells = [_cells(row, now, region=regions[row["name"]] > 1) for row in rows]
    widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]
    text = Text()
    text.append(_line(_HEAD, widths), "bold")
    for row, said in zip(rows, cells, strict=True):
        text.append(_line(said, widths), "red" if row["needsYou"] else "")
    return text


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() + "\n"


def _cells(row: Mapping[str, Any], now: datetime, *, region: bool) -> tuple[str, ...]:
    """Give a row: what needs somebody comes last, since it is longest."""
    needs = row["needsYou"]
    more = f" (and {len(needs) - 1} more)" if len(needs) > 1 else ""
    return (
        f"{row['name']} {row['region']}" if region else one_line(row["name"]),
        one_line(row["asked"]) or "-",
        one_line(row["serving"]) or "-",
        checked(row["lastPass"], now),
        ago(row["lastChanged"], now) or "-",
        f"{one_line(needs[0])}{more}" if needs else "-",
    )


def checked(standing: Mapping[str, Any] | None, now: datetime) -> str:
    """Say when a pass last looked at a service."""
    if not standing or not standing["ended"]:
        return "-"
    return ago(standing["ended"], now) + (", stale" if standing["stale"] else "")
