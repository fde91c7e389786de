"""What of the function is paid for: how a model is trained, how often and how long, as its settings say it."""

from __future__ import annotations

from typing import Any

from reconciler.core.paid import Paid, Told
from reconciler.kinds.functions_function.settings import VARIABLE

_SETTINGS = f"environment.{VARIABLE}"
_TRAINING = ("run", "timeout")
_LIMITS = ("cooldown", "max_per_day", "max_per_month")


def _trainings(settings: Any) -> Any:
    """Give what says what trains, how long, and how often at most."""
    limits = settings["guards"]
    return [settings.get(name) for name in _TRAINING], [limits.get(name) for name in _LIMITS]


def _triggers(settings: Any) -> Any:
    return settings.get("triggers")


PAID = Paid(alters=Told(_SETTINGS, _trainings), fires=Told(_SETTINGS, _triggers), without={"training": None})
