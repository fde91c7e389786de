"""Monitoring jobs on demand: with what a schedule compares, now instead of when it is time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.kind import Roles
from reconciler.engine.monitoring.comparing import ENDED, MEASURED, id_of, nothing_of, windows_of
from reconciler.engine.monitoring.reading import Monitored, comparison
from reconciler.engine.monitoring.watched import Watched, compares, objectives, values_needed, watched
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.monitoring_results import MonitoringResults
from reconciler.kinds.vertex_model_monitor.logarithms import table_of, taken_in
from reconciler.kinds.vertex_schedule.record import REQUEST

if TYPE_CHECKING:
    from reconciler.core.objects import Observed
    from reconciler.kinds.vertex_model_monitor.record import Rows

STARTING = Roles(write=("roles/aiplatform.user",))
_FIRST_S, _LONGEST_S = 0.3, 15.0
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Intended:
    """What a job would compare.

    Args:
        which: `skew` or `drift`.
        columns: How many columns, by comparison.
        requests: What is looked at, for people.
        baseline: What with, for people.
        least: Values below which nothing is said of a column.
        by_logarithm: Columns that are compared by their logarithm.
    """

    which: str
    columns: Mapping[str, int]
    requests: str
    baseline: str
    least: int
    by_logarithm: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        told = {"which": self.which, "columns": dict(self.columns), "minSamples": self.least}
        told |= {"logarithmic": list(self.by_logarithm)}
        return told | {"requests": self.requests, "baseline": self.baseline}


def chosen(found: Watched, which: Sequence[str]) -> dict[str, Observed[Any]]:
    """Choose schedules.

    Args:
        found: What watches the service.
        which: `skew`, `drift`; none for all.

    Raises:
        UsageError: One that is asked for is not compared.
    """
    absent = sorted({*which} - {*found.schedules})
    if absent:
        there = ", ".join(found.schedules)
        raise errors.UsageError(f"{found.service} has no schedule of {', '.join(absent)}", hint=f"it has {there}")
    return {name: each for name, each in found.schedules.items() if not which or name in which}


def intended(session: Session, name: str, region: str | None, which: Sequence[str]) -> list[Intended]:
    """Say what jobs would compare if they were started now.

    Raises:
        UsageError: As `watched` and `chosen` say.
        ApiError: Something cannot be read.
    """
    found = watched(session, name, region)
    return [_intended(found, each, session.clock.now()) for each in chosen(found, which).values()]


def _intended(found: Watched, schedule: Observed[Any], now: datetime) -> Intended:
    fields, monitor = schedule.fields, found.monitor.fields
    sides = (monitor.features, monitor.predictions)
    columns = {sort: len(side) for sort, side in zip(("features", "predictions"), sides, strict=True)}
    wanted = {"features": fields.objective.features, "predictions": fields.objective.predictions}
    return Intended(
        compares(schedule.address),
        {sort: count for sort, count in columns.items() if wanted[sort] is not None},
        _rows(fields.target, now),
        _rows(fields.baseline or monitor.training, now),
        values_needed(schedule),
        tuple(sorted(taken_in(fields.target.query))) if fields.target else (),
    )


def _rows(rows: Rows | None, now: datetime) -> str:
    """Say which rows are read."""
    if rows is None:
        return "nothing that is known"
    window = _span(rows.window)
    source = rows.table.removeprefix("bq://") or rows.files
    if not window:
        return f"all of {source or table_of(rows.query) or 'what a query gives'}"
    source = source or "the prediction log"
    end = now - (_span(rows.offset) or timedelta())
    return f"{source}, {end - window:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def _span(text: str) -> timedelta | None:
    unit = _UNITS.get(text[-1:].lower())
    return int(text[:-1]) * unit if unit and text[:-1].isdigit() else None


@dataclass(slots=True)
class Running:
    """Jobs that were started.

    Args:
        session: The run.
        watched: What watches the service.
        jobs: By what they compare.
        refused: Why one did not start.
    """

    session: Session
    watched: Watched
    jobs: dict[str, dict[str, Any]]
    refused: list[errors.ReconcilerError] = field(default_factory=list)

    @classmethod
    def start(
        cls, session: Session, name: str, region: str | None, which: Sequence[str], tell: Callable[[str, str], None]
    ) -> Running:
        """Start a job per schedule, with the schedule's own specification. Of another region's API each is one call.

        Args:
            session: The run.
            name: Of the service.
            region: Where; None for wherever it is.
            which: `skew`, `drift`; none for all.
            tell: Is told of each that was started: which, and the job's id. One that is refused keeps no other.

        Raises:
            UsageError: As `watched` and `chosen` say.
            ApiError: The monitor cannot be read.
        """
        found = watched(session, name, region)
        running = cls(session, found, {})
        for one, schedule in chosen(found, which).items():
            try:
                running._start(one, schedule)
            except errors.ApiError as error:
                running.refused.append(error)
            else:
                tell(one, id_of(str(running.jobs[one]["name"])))
        return running

    def _start(self, which: str, schedule: Observed[Any]) -> None:
        results = MonitoringResults.of(self.session.connection, self.watched.region)
        with naming_roles(STARTING):
            self.jobs[which] = results.start(self.watched.name, _job(schedule.live))

    def wait(self, within_s: float, tell: Callable[[str, str, float], None]) -> bool:
        """Wait until all have ended.

        Args:
            within_s: For how long.
            tell: Is told of each new state: which job, its state, and after how many seconds.

        Returns:
            False where one has not ended in time.

        Raises:
            ApiError: A job cannot be read.
        """
        clock, results = self.session.clock, MonitoringResults.of(self.session.connection, self.watched.region)
        began, pause = clock.monotonic(), _FIRST_S
        while going := list(self._going()):
            passed = clock.monotonic() - began
            if passed >= within_s:
                return False
            clock.sleep(min(pause, max(0.0, within_s - passed)))
            pause = min(pause * 1.5, _LONGEST_S)
            for which in going:
                before, self.jobs[which] = self.jobs[which], results.job(str(self.jobs[which]["name"]))
                if self.jobs[which].get("state") != before.get("state"):
                    tell(which, str(self.jobs[which].get("state", "")), clock.monotonic() - began)
        return True

    def problems(self, waited: str) -> list[errors.ReconcilerError]:
        """Say what did not start, and what has not ended.

        Args:
            waited: How long was waited, in words; empty where nobody wanted to.
        """
        hint = f"mlservice monitor {self.watched.service} shows windows of schedules; this one is in Vertex AI"
        late = [f"{which} (job {id_of(str(self.jobs[which]['name']))})" for which in self._going()] if waited else []
        why = f"it has not ended after {waited}"
        return [
            *self.refused,
            *(errors.Unavailable("learn", f"what was measured: {each}", why, hint=hint) for each in late),
        ]

    def _going(self) -> Iterator[str]:
        yield from (which for which, job in self.jobs.items() if job.get("state") not in ENDED)

    def found(self) -> Monitored:
        """Give what they measured, as `mlservice monitor` tells of windows.

        Raises:
            ApiError: It cannot be read.
        """
        results = MonitoringResults.of(self.session.connection, self.watched.region)
        told = []
        for which, job in self.jobs.items():
            schedule = self.watched.schedules[which]
            stats = results.of_job(self.watched.name, str(job["name"])) if job.get("state") in MEASURED else []
            judged = windows_of(
                job,
                which,
                stats,
                least=values_needed(schedule),
                only=self.watched.columns,
                wanted=self.watched.wanted(which),
                orders=self.watched.orders(which),
            )
            for sort, objective in objectives(schedule).items():
                window = judged.get(sort) or nothing_of(job, objective)
                told.append(comparison(sort, schedule, (window,)))
        return Monitored(self.watched.service, self.watched.region, self.watched, tuple(told))


def _job(schedule: Mapping[str, Any]) -> dict[str, Any]:
    """Give the job that a schedule makes: without an id, which the first one would have taken."""
    made: Mapping[str, Any] = (schedule.get(REQUEST) or {}).get("modelMonitoringJob") or {}
    return {name: made[name] for name in ("displayName", "modelMonitoringSpec") if name in made}
