"""What keeps a storm of events from becoming a storm of trainings: `retraining.guards` of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Guard(StrEnum):
    """What can hold a training back. `mlservice retrain --force` names one of these."""

    FROZEN = "frozen"
    CIRCUIT = "openCircuitAfter"
    CONCURRENT = "maxConcurrent"
    COOLDOWN = "cooldown"
    DAY = "maxPerDay"
    MONTH = "maxPerMonth"
    ROWS = "minNewRows"
    COST = "maxCostPerRun"


@dataclass(frozen=True, slots=True)
class Guards:
    """The limits.

    Args:
        cooldown: Least time between two starts.
        max_per_day: Most starts in a calendar day, UTC.
        max_per_month: Most starts in a calendar month, UTC; None for no limit.
        max_concurrent: Most trainings that go on at once.
        failures: Trainings that fail in a row and open the circuit.
        pause: For how long an open circuit starts nothing.
        min_new_rows: Rows that must have come since the last training that succeeded; 0 asks for none.
        max_cost_per_run: Most that one run may be expected to cost, in the budget's currency; None for no limit.
    """

    cooldown: timedelta = timedelta(days=1)
    max_per_day: int = 1
    max_per_month: int | None = None
    max_concurrent: int = 1
    failures: int = 3
    pause: timedelta = timedelta(days=7)
    min_new_rows: int = 0
    max_cost_per_run: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Guards:
        """Read what the reconciler wrote: names of the attributes, times in seconds."""
        times = {name: timedelta(seconds=data[name]) for name in ("cooldown", "pause") if name in data}
        return cls(**{**data, **times})
