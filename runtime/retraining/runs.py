"""Trainings that were started, and what became of them: the memory that guards decide by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from runtime.retraining.words import short

FORMAT = 1
KEPT = timedelta(days=62)
"""For how long an ended run is remembered: two months, so that a month can be counted at its end."""
_LEAST_KEPT = 100
"""Ended runs that are remembered whatever their age, for the circuit and for people."""
_MOST_KEPT = 2000
"""Ended runs that are remembered at most, however young: a month of sixty a day."""
_WINNERS_KEPT = 10
"""Winners that are remembered whatever their age: the next model is compared with what was measured of them."""


SAME_LOOK = timedelta(minutes=30)
"""Findings that begin within this time of the last one counted are of the same look of a monitor: each feature that
drifts is an incident of its own, and no monitor looks more often than every hour."""
_LONGEST_ROW = 1000


class Status(StrEnum):
    """Where a run is.

    `CLAIMED` it is ours to start, and may have been started; `STARTED` Google took it. The others are ends.
    """

    CLAIMED = "Claimed"
    STARTED = "Started"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


GOING = frozenset({Status.CLAIMED, Status.STARTED})


@dataclass(frozen=True, slots=True)
class Run:
    """One training.

    Args:
        key: Idempotency key of the event that caused it.
        trigger: Name of the trigger.
        claimed: When it was decided.
        status: Where it is.
        lease: Until when whoever claimed it may start it alone, or take in alone what it made.
        name: What Google calls it; empty until it is started.
        started: When Google took it.
        ended: When it ended.
        why: Why it failed, in Google's words, or why its model was not taken.
        rows: Rows that there were to train on; None where nobody counts.
        forced: Guards that were overridden, and by whom: `cooldown by ann@example.com`.
        live: Folder of the model that served when it was claimed, which it measures beside its own; empty for none.
        version: Number of the version that its model became in the registry; empty until it is one.
        artifact: Folder of its model, once that is registered.
        verdict: Whether its model is better than the one that served, and by which numbers; None until it was judged.
        judged: When that was.
    """

    key: str
    trigger: str
    claimed: datetime
    status: Status = Status.CLAIMED
    lease: datetime | None = None
    name: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    why: str = ""
    rows: int | None = None
    forced: str = ""
    live: str = ""
    version: str = ""
    artifact: str = ""
    verdict: Mapping[str, Any] | None = None
    judged: datetime | None = None

    def __post_init__(self) -> None:
        """Keep no more of others' words than a page: one run is never larger than what was measured of it."""
        for name in ("why", "name", "trigger", "forced", "live", "artifact"):
            object.__setattr__(self, name, short(getattr(self, name)))

    @property
    def won(self) -> bool:
        """Tell whether its model was found better than the one before it, and registered."""
        return bool(self.version and self.verdict and self.verdict.get("better"))

    @property
    def going(self) -> bool:
        """Tell whether it may be at work."""
        return self.status in GOING

    @property
    def counts(self) -> bool:
        """Tell whether it is a start: one that Google never took cost nothing, and is only a failure."""
        return self.going or self.started is not None

    def to_json(self) -> dict[str, Any]:
        """Give plain data, without what is empty."""
        found = {each.name: _plain(getattr(self, each.name)) for each in fields(self)}
        return {name: value for name, value in found.items() if value not in (None, "")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Run:
        """Read what `to_json` gave.

        Raises:
            TypeError, ValueError, KeyError: It is none.
        """
        times = {
            name: _moment(data[name]) for name in ("claimed", "lease", "started", "ended", "judged") if name in data
        }
        return cls(**{**data, **times, "status": Status(data["status"])})


@dataclass(frozen=True, slots=True)
class Row:
    """Findings of one monitor in a row.

    Args:
        count: How many; 0 after one that found nothing.
        last: When the last of them began.
        began: When the first of them did: since when it is one incident.
    """

    count: int
    last: datetime
    began: datetime

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {"count": self.count, "last": self.last.isoformat(), "began": self.began.isoformat()}


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is remembered between two events. Kept as one object, written only where nobody else wrote.

    Args:
        runs: By idempotency key, in the order of their claims.
        circuit_reset: When somebody closed the circuit by hand; failures before that do not count.
        frozen: Why no training starts until further notice, such as a budget that is used up; empty for no reason.
        frozen_until: When that ends by itself; None where somebody has to end it.
        stop_before: Trainings claimed until then are to be cancelled: a budget is used up; None for none.
        circuit_until: Until when the circuit is open, for those who read this; guards decide by the runs.
        rows: How often in a row each monitor found something.
    """

    runs: Mapping[str, Run] = field(default_factory=dict)
    circuit_reset: datetime | None = None
    frozen: str = ""
    frozen_until: datetime | None = None
    stop_before: datetime | None = None
    circuit_until: datetime | None = None
    rows: Mapping[str, Row] = field(default_factory=dict)

    def row(self, monitor: str) -> int:
        """Tell how often in a row a monitor found something."""
        return self.rows[monitor].count if monitor in self.rows else 0

    def with_finding(self, monitor: str, at: datetime, *, over: bool) -> History:
        """Give a history that knows of a finding, or of its end. One that is known, or came late, changes nothing."""
        row = self.rows.get(monitor)
        if over:
            ends = row is not None and row.count > 0 and at >= row.last
            return replace(self, rows={**self.rows, monitor: Row(0, at, at)}) if ends else self
        # Zero: the monitor found nothing at that time, and something since.
        if row is not None and at <= row.last + (SAME_LOOK if row.count else timedelta()):
            return self
        count = min(row.count if row is not None else 0, _LONGEST_ROW) + 1
        began = row.began if row is not None and row.count else at
        return replace(self, rows={**self.rows, monitor: Row(count, at, began)})

    def of_incident(self, monitor: str, trigger: str) -> Run | None:
        """Give the training that what a monitor finds without a break led to already, if it did.

        One that goes on, or ended well: after one that came to nothing the next finding may start another.
        """
        row = self.rows.get(monitor)
        if row is None or not row.count:
            return None
        known = (run for run in reversed(list(self.runs.values())) if run.claimed >= row.began)
        well = (run for run in known if run.going or run.status is Status.SUCCEEDED)
        return next((run for run in well if run.trigger == trigger), None)

    def going(self) -> list[Run]:
        """Give the runs that may be at work."""
        return [run for run in self.runs.values() if run.going]

    def starts(self) -> list[datetime]:
        """Give when trainings were started, in order."""
        return sorted(run.claimed for run in self.runs.values() if run.counts)

    def failures(self) -> tuple[int, datetime | None]:
        """Give how many runs failed in a row up to now, and when the last of them ended."""
        ended = sorted((r for r in self.runs.values() if r.ended), key=lambda run: run.ended or run.claimed)
        since = [run for run in ended if self.circuit_reset is None or (run.ended or run.claimed) > self.circuit_reset]
        row = list(_failing(reversed(since)))
        return len(row), row[0].ended if row else None

    def rows_before(self) -> int:
        """Give the rows that the last training that succeeded had; 0 without one."""
        counted = [run for run in self.runs.values() if run.status is Status.SUCCEEDED and run.rows is not None]
        return counted[-1].rows or 0 if counted else 0

    def winners(self) -> list[Run]:
        """Give the runs whose model was better than the one before, in the order in which that was found."""
        won = (run for run in self.runs.values() if run.won)
        return sorted(won, key=lambda run: (run.judged or run.claimed, len(run.version), run.version))

    def of_model(self, artifact: str, version: str = "") -> Run | None:
        """Give the run that made a model; None of one that nobody here made.

        A number alone tells nothing: it comes again once a registry's model was deleted, or is another's by name.

        Args:
            artifact: Its folder, which is no other run's.
            version: Its number in the registry; empty of one that is named by its folder.
        """
        folder = artifact.rstrip("/")
        made = (run for run in reversed(list(self.runs.values())) if folder and run.artifact.rstrip("/") == folder)
        return next((run for run in made if version in {"", run.version}), None)

    def with_run(self, run: Run, *, now: datetime) -> History:
        """Give a history that has this run, and has forgotten what is long past."""
        runs = {**self.runs, run.key: run}
        ended = [each for each in runs.values() if not each.going]
        winners = {each.key for each in self.winners()[-_WINNERS_KEPT:]}
        old = {each.key for each in ended[:-_LEAST_KEPT] if now - each.claimed > KEPT}
        old |= {each.key for each in ended[:-_MOST_KEPT]}
        # Why the last hundred ended is for people; of older ones guards ask only when, and how.
        wordless = {each.key: replace(each, why="") for each in ended[:-_LEAST_KEPT] if each.why}
        return replace(self, runs={key: each for key, each in {**runs, **wordless}.items() if key not in old - winners})

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {
            "format": FORMAT,
            "runs": [run.to_json() for run in self.runs.values()],
            "circuitReset": _plain(self.circuit_reset),
            "frozen": self.frozen,
            **({"frozenUntil": _plain(self.frozen_until)} if self.frozen_until else {}),
            **({"stopBefore": _plain(self.stop_before)} if self.stop_before else {}),
            "circuitUntil": _plain(self.circuit_until),
            **({"rows": {name: row.to_json() for name, row in self.rows.items()}} if self.rows else {}),
        }

    @classmethod
    def from_json(cls, data: Any) -> History:
        """Read what `to_json` gave.

        Raises:
            ValueError: It is no history of this version.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ValueError(f"this is no record of retraining in format {FORMAT}")
        try:
            runs = [Run.from_json(each) for each in data["runs"]]
            names = ("circuitReset", "frozenUntil", "stopBefore", "circuitUntil")
            reset, thaws, stop, until = (_moment(data[name]) if data.get(name) else None for name in names)
            rows = {
                str(name): Row(int(row["count"]), _moment(row["last"]), _moment(row.get("began", row["last"])))
                for name, row in data.get("rows", {}).items()
            }
            return cls({run.key: run for run in runs}, reset, str(data.get("frozen", "")), thaws, stop, until, rows)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ValueError(f"this record of retraining is damaged: {error!r}") from error


def _failing(runs: Iterable[Run]) -> Iterator[Run]:
    """Give runs up to the first that did not fail; one that was cancelled says nothing either way."""
    for run in runs:
        if run.status is Status.SUCCEEDED:
            return
        if run.status is Status.FAILED:
            yield run


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
