"""A plan as plain data, for programs that read it. What looks secret is hidden, so it cannot be applied."""

from __future__ import annotations

from typing import Any

from reconciler.core.plan import Change, Plan
from reconciler.core.secrecy import masked


def as_data(plan: Plan) -> dict[str, Any]:
    """Give a plan as `--output json` prints it: what a saved plan holds, but for what `apply` needs of it."""
    body = plan.to_json()
    for name in ("digest", "specs", "environment", "salt", "files"):
        body.pop(name, None)
    return body | {"changes": [_change(change) for change in plan.changes]}


def _change(change: Change) -> dict[str, Any]:
    return change.to_json() | {
        "desired": masked("", change.desired),
        "observed": masked("", change.observed),
        "changes": [
            {"path": c.path, "before": masked(c.path, c.before), "after": masked(c.path, c.after)}
            for c in change.changes
        ],
    }
