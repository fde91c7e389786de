"""What becomes another in a function's settings, in words: their JSON is one line that nobody reads in a plan. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.kinds.functions_function.settings import VARIABLE
from reconciler.kinds.functions_function.training import METRIC_WRITER, QUERIES, TABLE_READER
from schemas.refusal import shown
from schemas.units import duration_text

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange

_NO_LONGER = (
    "predictions are judged no longer; what its account may do on the project for that stays until the service is "
    f"destroyed: {QUERIES}, {METRIC_WRITER}, and {TABLE_READER} of the two tables"
)
"""Roles on the project go with the service (decision 006)."""
_MOST, _LONGEST = 10**9, 30
_ERRORS = frozenset({"mae", "rmse", "bias"})
_SPANS = {"after": "labels come", "window": "a window lasts"}
_WORDS = {
    "labels": "labels are of table", "request_id": "requests are told by column", "value": "labels are in column",
    "row_index": "rows are told by column", "time": "the newest label is told by column",
    "positive": "the class is", "threshold": "a prediction means yes from",
}  # fmt: skip


def consequence(changes: Sequence[FieldChange]) -> str:
    """Say how predictions are judged from now on, where that changes.

    Args:
        changes: Of the function's record.
    """
    found = next((each for each in changes if each.path == f"environment.{VARIABLE}"), None)
    if found is None:
        return ""
    before, after = _performance(found.before), _performance(found.after)
    if not before or not after:
        said = ["predictions are judged"] * bool(after) + [_NO_LONGER] * bool(before)
    else:
        said = [*_limits(_part(before, "limits"), _part(after, "limits")), *_others(before, after)]
    return "; ".join(said)


def _performance(value: Any) -> Mapping[str, Any]:
    try:
        return _part(json.loads(value), "performance")
    except (ValueError, TypeError, RecursionError):
        return {}


def _part(told: Any, name: str) -> Mapping[str, Any]:
    found = told.get(name) if isinstance(told, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _limits(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if new is None:
            yield f"{_name(name)} has no limit any more"
        elif old != new:
            was = "none before" if old is None else f"{_shown(old)} before"
            yield f"{_name(name)} must be {'at most' if name in _ERRORS else 'at least'} {_shown(new)} ({was})"


def _others(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    asked, now = _part(before, "question"), _part(after, "question")
    for name, words in _WORDS.items():
        if asked.get(name) != now.get(name):
            yield f"{words} {_shown(now.get(name))} ({_shown(asked.get(name))} before)"
    for name, words in _SPANS.items():
        if before.get(name) != after.get(name):
            old, new = (_span(each.get(name)) for each in (before, after))
            later = " later" if name == "after" else ""
            yield f"{words} {new}{later} ({old} before)"
    if before.get("least") != after.get("least"):
        yield f"{_shown(after.get('least'))} labels tell something ({_shown(before.get('least'))} before)"


def _name(text: str) -> str:
    return text if text.isidentifier() and len(text) < _LONGEST else shown(text)


def _shown(value: Any) -> str:
    """Give a value of the variable, which anybody may have set to anything."""
    if value is None:
        return "none"
    return str(value) if isinstance(value, (int, float)) and abs(value) < _MOST else shown(str(value))


def _span(value: Any) -> str:
    fits = isinstance(value, (int, float)) and 0 <= value < _MOST
    return duration_text(int(1000 * value)) if fits else _shown(value)
