"""Which changes of a plan alter what is paid for in ways that are not priced as they were before. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.core.diff import FieldChange
from reconciler.core.plan import Action, Change

FIELDS: Mapping[str, frozenset[str]] = {
    "artifact_repository": frozenset({"keep_last", "scanning"}),
    "bigquery_table": frozenset({"expiration_s"}),
    "monitoring_uptime_check": frozenset({"period_s", "regions"}),
    "vertex_schedule": frozenset({"cron", "baseline.window", "target.window", "paused"}),
    "run_service": frozenset({"env.MLSERVICE_PREDICTION_LOG_RATE"}),
}
"""What an estimate multiplies with, by kind. Sizes of instances are not among it: those are priced as they are live."""
FUNCTION, SETTINGS = "functions_function", "environment.MLSERVICE_RETRAINING"
"""Where it stands how a model is trained, how often and how long."""
JOB = "scheduler_job"
_FIRES = frozenset({"schedule", "paused"})
_BEGINS = frozenset({"env.MLSERVICE_PREDICTION_LOG_RATE"})
"""What cost nothing where it was not there: a log that begins is priced by its subscription, which is made."""
_TRAINING = ("run", "timeout")
_TRIGGERS = "triggers"
_LIMITS = ("cooldown", "max_per_day", "max_per_month")


def alters(change: Change) -> bool:
    """Tell whether an object that is there will cost another amount, and nobody knows what it cost before.

    Args:
        change: One of a plan's. What is made or deleted is another matter.
    """
    if change.action not in {Action.UPDATE, Action.REPLACE}:
        return False
    if change.address.kind == FUNCTION:
        return any(_differ(one, _trainings) for one in change.changes)
    priced = FIELDS.get(change.address.kind, frozenset())
    known = [one for one in change.changes if one.before is not None or one.path not in _BEGINS]
    return any(_within(one.path, path) for one in known for path in priced)


def fires(change: Change) -> bool:
    """Tell whether trainings will begin at other times, or not as often: by the clock, or by what happens."""
    if change.address.kind == FUNCTION:
        return any(_differ(one, lambda settings: settings.get(_TRIGGERS)) for one in change.changes)
    if change.address.kind != JOB:
        return False
    return change.action in {Action.CREATE, Action.DELETE} or any(one.path in _FIRES for one in change.changes)


def _within(changed: str, priced: str) -> bool:
    """Tell whether one path is the other, a part of it, or what it is a part of."""
    return changed == priced or changed.startswith((f"{priced}.", f"{priced}[")) or priced.startswith(f"{changed}.")


def _differ(change: FieldChange, part: Callable[[Any], Any]) -> bool:
    """Tell whether a part of a function's settings is another one; what cannot be read is as it is written."""

    def of(written: Any) -> Any:
        try:
            return part(json.loads(written))
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
            return written

    return change.path == SETTINGS and of(change.before) != of(change.after)


def _trainings(settings: Any) -> Any:
    """Give what says what trains, how long, and how often at most."""
    limits = settings["guards"]
    return [settings.get(name) for name in _TRAINING], [limits.get(name) for name in _LIMITS]
