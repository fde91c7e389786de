"""How right predictions were, as the retraining function said of windows whose labels have come.

Vertex AI measures none of this, so what people are shown is what the function remembers. Limits and times are those
that it was told: a window is days old when it is judged, and until the first one there is nothing else to show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.engine.monitoring.standing import SILENT, Standing, standings
from reconciler.engine.monitoring.watched import is_watched
from reconciler.kinds.functions_function import NAME as FUNCTION
from reconciler.kinds.functions_function import VARIABLE
from runtime.retraining.watching.measured import number
from runtime.retraining.watching.performance import PERFORMANCE
from runtime.retraining.watching.verdict import Finding

if TYPE_CHECKING:
    from reconciler.core.inventory import Inventory
    from reconciler.core.objects import Observed
    from reconciler.engine.session import Session

NO_WINDOW = "NoWindow"
_NOTHING: Mapping[str, Any] = {}
_COUNTS = ("predictions", "labelled", "contradictory", "unreadable")
_NUMBERS = ("value", "limit", "rows", "expected")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How right the predictions of a service were.

    Args:
        told: What its function is told of it; empty where that cannot be read.
        windows: What it said, the newest first.
        standing: Since when that stands; None before the first window.
        last: How many windows are told.
    """

    told: Mapping[str, Any]
    windows: Sequence[Mapping[str, Any]]
    standing: Standing | None
    last: int = 1

    @property
    def model(self) -> str:
        """Id of the registry's model, as the function is told it; empty where it is told none."""
        return str(self.told.get("model") or "")

    @property
    def version(self) -> str:
        """The version whose predictions are judged; empty for all."""
        question = self.told.get("question")
        return str(question.get("version") or "") if isinstance(question, Mapping) else ""

    @property
    def latest(self) -> Mapping[str, Any]:
        """The newest window that could be measured, else the newest one; empty before the first."""
        measured = (each for each in self.windows if each.get("finding") != Finding.UNMEASURED)
        return next(measured, next(iter(self.windows), _NOTHING))

    @property
    def finding(self) -> str:
        """What is said of it."""
        return str(self.latest.get("finding") or NO_WINDOW)

    @property
    def breached(self) -> bool:
        """Tell whether it is a breach, or was one that no window has ended since."""
        standing = self.standing is not None and bool(self.standing.since)
        return self.finding == Finding.BREACH or (self.finding in SILENT and standing)

    @property
    def fine(self) -> bool:
        """Tell whether it is no breach, and the newest window could be measured, if there is one."""
        newest = next(iter(self.windows), {})
        return not self.breached and newest.get("finding") != Finding.UNMEASURED

    def to_json(self) -> dict[str, Any]:
        """Give plain data: the form that `mlservice monitor --output json` documents."""
        latest, breach = self.latest, self.breached
        newest = next(iter(self.windows), latest)
        failed = newest is not latest
        return {
            "finding": self.finding,
            "reason": str(latest.get("reason") or ""),
            "at": str(latest.get("at") or ""),
            "from": str(latest.get("since") or ""),
            "to": str(latest.get("until") or ""),
            "since": self.standing.since if self.standing and breach else "",
            "inARow": self.standing.windows if self.standing and breach else 0,
            **{name: int(number(latest.get(name)) or 0) for name in _COUNTS},
            "measures": list(_measures(latest)) or self._wanted(),
            "minSamples": int(number(self.told.get("least")) or 0),
            "after": int(number(self.told.get("after")) or 0),
            "unmeasured": {name: str(newest.get(name) or "") for name in ("at", "reason")} if failed else None,
            "history": [_short(each) for each in self.windows[: self.last]],
        }

    def _wanted(self) -> list[dict[str, Any]]:
        """Give the measures before the first window, or of one in which nothing was measured."""
        limits = self.told.get("limits")
        named = limits.items() if isinstance(limits, Mapping) else ()
        return [{"name": name, "finding": self.finding, "limit": number(limit)} for name, limit in named]


def _measures(window: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    columns = window.get("columns")
    for each in columns if isinstance(columns, list) else ():
        if isinstance(each, Mapping):
            numbers = {name: found for name in _NUMBERS if (found := number(each.get(name))) is not None}
            yield {name: str(each.get(name) or "") for name in ("name", "finding", "reason")} | numbers


def _short(window: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: str(window.get(name) or "") for name in ("at", "finding", "reason")}
    return {**told, "values": {each["name"]: each["value"] for each in _measures(window) if "value" in each}}


def judges_performance(function: Observed[Any]) -> bool:
    """Tell whether a function is told to judge how right predictions are."""
    try:
        return _performance(function) is not None
    except (ValueError, RecursionError, AttributeError):
        return False


def _performance(function: Observed[Any]) -> Mapping[str, Any] | None:
    settings = json.loads(function.fields.environment.get(VARIABLE) or "{}")
    told = settings.get("performance")
    return {"model": settings.get("model"), **told} if isinstance(told, Mapping) else None


def outcomes(
    session: Session, inventory: Inventory, remembered: Sequence[Mapping[str, Any]], last: int
) -> tuple[Outcomes | None, str]:
    """Give how right a service's predictions were.

    Args:
        session: The run.
        inventory: What the service is.
        remembered: What its function said of windows, the oldest first.
        last: How many windows.

    Returns:
        None where nobody judges that, or nobody can tell; and why that cannot be told or goes on no more, or nothing.

    Raises:
        ApiError: Whether somebody does cannot be read, and there is nothing else to show.
    """
    said = [each for each in remembered if each.get("sort") == PERFORMANCE]
    told, why = _told(session, inventory, said)
    if told is None:
        return None, why
    newest_first = sorted(said, key=lambda each: str(each.get("at", "")), reverse=True)
    return Outcomes(told, newest_first, next(iter(standings(said)), None), last), why


def _told(
    session: Session, inventory: Inventory, said: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any] | None, str]:
    """Read what the function is told; nothing of one that may not be read, which says enough by what it remembers."""
    address = next((each for each in inventory.entries if each.kind == FUNCTION), None)
    if address is None:
        return None, ""
    try:
        found = session.observe_one(address)
        if found is None:
            return ({} if said else None), f"{address} is not there: `mlservice apply` makes it"
        told = _performance(found)
    except errors.ApiError as error:
        if not said and not is_watched(inventory):
            raise
        return ({}, "") if said else (None, f"whether labels are asked for: {error}")
    except (ValueError, RecursionError, AttributeError):
        return ({}, "") if said else (None, f"whether labels are asked for: {VARIABLE} of {address} cannot be read")
    return told, ""
