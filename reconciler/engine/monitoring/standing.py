"""How long what was said of a comparison stands: from the windows that the retraining function remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from runtime.retraining.watching.measured import DRIFT, PREDICTIONS_DRIFT, SKEW
from runtime.retraining.watching.performance import PERFORMANCE
from runtime.retraining.watching.verdict import Finding

COMPARISONS = (SKEW, DRIFT, PREDICTIONS_DRIFT, PERFORMANCE)
"""In the order in which people are shown them."""
OF_LABELS = frozenset({PERFORMANCE})
OF_MONITORS = frozenset(COMPARISONS) - OF_LABELS
SILENT = frozenset({Finding.TOO_FEW, Finding.UNMEASURED})
"""Findings of a window with which nothing begins and nothing ends."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was said of one comparison last, and since when.

    Args:
        which: `skew`, `drift`, `predictiondrift`, `performance`.
        finding: Of the latest window.
        reason: Why.
        at: When that window ended, ISO 8601.
        since: When the first window of an unbroken row of breaches ended; empty where there is no breach.
        windows: How many windows that row has.
        columns: Since when each column of the latest breach is one without a break.
    """

    which: str
    finding: str
    reason: str
    at: str
    since: str = ""
    windows: int = 0
    columns: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {
            "which": self.which,
            "finding": self.finding,
            "reason": self.reason,
            "at": self.at,
            "since": self.since,
            "windows": self.windows,
            "columns": sorted(self.columns or {}),
        }


def standings(windows: Sequence[Mapping[str, Any]]) -> list[Standing]:
    """Tell how each comparison stands.

    Args:
        windows: As the function wrote them.
    """
    found = ([each for each in windows if each.get("sort") == which] for which in COMPARISONS)
    return [_standing(of_one) for of_one in found if of_one]


def _standing(windows: Sequence[Mapping[str, Any]]) -> Standing:
    latest_first = sorted(windows, key=lambda each: str(each.get("at", "")), reverse=True)
    latest = latest_first[0]
    told = [each for each in latest_first if str(each.get("finding", "")) not in SILENT]
    row = list(takewhile(lambda each: each.get("finding") == Finding.BREACH, told))
    return Standing(
        which=str(latest.get("sort", "")),
        finding=str(latest.get("finding", "")),
        reason=str(latest.get("reason", "")),
        at=str(latest.get("at", "")),
        since=str(row[-1].get("at", "")) if row else "",
        windows=len(row),
        columns={name: _since(name, row) for name in sorted(_breaches(row[0]))} if row else {},
    )


def _since(name: str, row: Iterable[Mapping[str, Any]]) -> str:
    """Give the window from which on a column was a breach in every one."""
    *_, first = takewhile(lambda each: name in _breaches(each), row)
    return str(first.get("at", ""))


def _breaches(window: Mapping[str, Any]) -> set[str]:
    columns = window.get("columns")
    found = [each for each in columns if isinstance(each, Mapping)] if isinstance(columns, list) else []
    return {str(each.get("name", "")) for each in found if each.get("finding") == Finding.BREACH}
