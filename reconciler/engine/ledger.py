"""What a pass writes down of each service, to report it at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.kept.report import STATES


@dataclass(slots=True)
class Service:
    """What became of one service, or of the operator itself.

    Args:
        region: Where it is.
        state: The worst of `schemas.kept.report.STATES` that was noted.
        problems: What is wrong, in sentences.
        changes: What was to be done, and how it ended.
        cost: What it costs, as `schemas.kept.report.ServiceCost`; None where it could not be planned.
    """

    region: str
    state: str = "ok"
    problems: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    cost: dict[str, Any] | None = None

    def note(self, state: str, problem: str = "") -> None:
        """Keep the worse of two states, and what is wrong once."""
        if STATES.index(state) > STATES.index(self.state):
            self.state = state
        if problem and problem not in self.problems:
            self.problems.append(problem)

    def to_json(self) -> dict[str, Any]:
        """Give the form that reports keep."""
        return {
            "region": self.region,
            "state": self.state,
            "problems": self.problems,
            "changes": self.changes,
            "cost": self.cost,
        }
