"""A change as reports and history tell of it: small, and with no secret in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.core.diff import FieldChange
from reconciler.core.plan import Change
from reconciler.core.secrecy import masked

MOST_FIELDS = 50
"""Fields of one change that are told of."""
_LONGEST = 500
"""Characters of a value, as JSON."""
_MOST_REASONS = 3


def told_change(change: Change, outcome: str, *, seconds: float = 0.0, error: str = "") -> dict[str, Any]:
    """Tell of a change.

    Args:
        change: Which.
        outcome: How it ended.
        seconds: How long it took.
        error: Why it failed.
    """
    return {
        "address": str(change.address),
        "action": str(change.action),
        "reason": change.reason,
        "fields": [_field(each) for each in change.changes[:MOST_FIELDS]],
        "outcome": outcome,
        "seconds": round(seconds, 3),
        "error": error,
    }


def _field(change: FieldChange) -> dict[str, Any]:
    return {
        "path": change.path,
        "before": _short(masked(change.path, change.before)),
        "after": _short(masked(change.path, change.after)),
    }


def _short(value: Any) -> Any:
    """Cut a long value. Secrets are hidden before: half of one is recognised by nobody."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return value if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def decided(changes: Sequence[Mapping[str, Any]]) -> str:
    """Say what a plan came to, such as `3 changes: 1 create, 2 update`.

    Args:
        changes: As `told_change` gives them.
    """
    if not changes:
        return "nothing to change"
    counts: dict[str, int] = {}
    for change in changes:
        counts[change["action"]] = counts.get(change["action"], 0) + 1
    said = ", ".join(f"{count} {action}" for action, count in sorted(counts.items()))
    return f"{len(changes)} change{'s' if len(changes) > 1 else ''}: {said}"


def reason_of(changes: Iterable[Mapping[str, Any]], problems: Sequence[str]) -> str:
    """Say why, in a line: what is wrong, else the reasons of the changes, each once."""
    if problems:
        return problems[0]
    found = list(dict.fromkeys(change["reason"] for change in changes if change["reason"]))
    more = f"; {len(found) - _MOST_REASONS} more" if len(found) > _MOST_REASONS else ""
    return "; ".join(found[:_MOST_REASONS]) + more
