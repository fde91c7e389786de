"""The newest windows of a service's comparisons: of each schedule the newest job, or as many as are asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.kind import Roles
from reconciler.engine.monitoring.comparing import MEASURED, Comparison, Window, nothing_of, time_of, windows_of
from reconciler.engine.monitoring.outcomes import Outcomes, outcomes
from reconciler.engine.monitoring.standing import COMPARISONS, standings
from reconciler.engine.monitoring.watched import Watched, is_watched, objectives, values_needed, watched_of
from reconciler.engine.retraining import read_windows, the_service
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.monitoring_results import MonitoringResults

if TYPE_CHECKING:
    from reconciler.core.inventory import Inventory
    from reconciler.core.objects import Observed

READING = Roles(read=("roles/aiplatform.viewer",))
MOST = 200
"""Windows of one comparison that are read, at most."""
_JOB = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/modelMonitors/[^/\s]+/modelMonitoringJobs/[^/\s]+")


@dataclass(frozen=True, slots=True)
class Monitored:
    """What is known of a service's comparisons.

    Args:
        service: Its name.
        region: Where it is.
        watched: What watches it; None where nothing is compared.
        comparisons: Each of them, as it is now.
        outcomes: How right predictions were; None where nobody judges that.
        unreadable: What cannot be read, and why.
    """

    service: str
    region: str
    watched: Watched | None
    comparisons: tuple[Comparison, ...] = ()
    outcomes: Outcomes | None = None
    unreadable: tuple[str, ...] = ()

    @property
    def breached(self) -> bool:
        """Tell whether one of them is a breach, or was one that no window has ended since."""
        return any(each.breached for each in self._every)

    @property
    def _every(self) -> tuple[Comparison | Outcomes, ...]:
        return (*self.comparisons, *([self.outcomes] if self.outcomes else ()))

    @property
    def fine(self) -> bool:
        """Tell whether all is known, and none of it is a breach."""
        gone = self.watched.gone if self.watched else ()
        return not (self.unreadable or gone) and all(each.fine for each in self._every)

    def to_json(self) -> dict[str, Any]:
        """Give plain data: the form that `mlservice monitor --output json` documents."""
        monitor = self.watched.monitor if self.watched else None
        return {
            "name": self.service,
            "region": self.region,
            "monitor": monitor.address.name if monitor else "",
            "model": monitor.fields.model if monitor else self.outcomes.model if self.outcomes else "",
            "version": monitor.fields.model_version if monitor else self.outcomes.version if self.outcomes else "",
            "breach": self.breached,
            "comparisons": [each.to_json() for each in self.comparisons],
            "performance": self.outcomes and self.outcomes.to_json(),
            "gone": list(self.watched.gone) if self.watched else [],
            "others": [_other(each) for each in self.watched.others] if self.watched else [],
            "unreadable": list(self.unreadable),
        }


def _other(monitor: Observed[Any]) -> dict[str, str]:
    fields = monitor.fields
    return {"monitor": monitor.address.name, "model": str(fields.model), "version": str(fields.model_version)}


def read_monitored(session: Session, name: str, region: str | None, *, last: int = 1) -> Monitored:
    """Read the newest windows of a service, judged.

    Args:
        session: The run.
        name: Of the service.
        region: Where; None for wherever it is.
        last: How many windows of each schedule; with one, nothing is listed.

    Raises:
        UsageError: As `watched` says.
        ApiError: Something cannot be read.
    """
    inventory = the_service(session, name, region)
    remembered, unreadable = read_windows(session, inventory.region, name)
    right, unknown = outcomes(session, inventory, remembered, last)
    found = None if (right or unknown) and not is_watched(inventory) else _watched(session, inventory)
    told = _compared(session, found, remembered, last) if found else ()
    return Monitored(name, inventory.region, found, told, right, tuple(filter(None, (unreadable, unknown))))


def _watched(session: Session, inventory: Inventory) -> Watched:
    with naming_roles(READING):
        return watched_of(session, inventory)


def _compared(
    session: Session, found: Watched, remembered: Sequence[Mapping[str, Any]], last: int
) -> tuple[Comparison, ...]:
    with naming_roles(READING):
        results = MonitoringResults.of(session.connection, found.region)
        jobs = _jobs(session, found, results, last)
        judged = _judged(session, found, results, jobs)
    windows = [_windows(schedule, jobs.get(which, ()), judged) for which, schedule in found.schedules.items()]
    standing = {each.which: each for each in standings(remembered)}
    by_sort = {sort: comparison for each in windows for sort, comparison in each.items()}
    return tuple(
        replace(by_sort[sort], since=at.since, in_a_row=at.windows, columns=at.columns or {})
        if (at := standing.get(sort))
        else by_sort[sort]
        for sort in COMPARISONS
        if sort in by_sort
    )


def _jobs(
    session: Session, found: Watched, results: MonitoringResults, last: int
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Give the newest jobs of each schedule, the newest first.

    A schedule names its last run; a list of jobs, which grows with the years, is read only where that measured nothing
    or more windows are wanted.
    """
    newest = session.pool.gather([partial(_newest, results, each) for each in found.schedules.values()])
    if last == 1 and all(each and each.get("state") in MEASURED for each in newest):
        return {which: [each] for which, each in zip(found.schedules, newest, strict=True) if each}
    listed = results.jobs(found.name)
    return {which: _of(each, listed, last) for which, each in found.schedules.items()}


def _newest(results: MonitoringResults, schedule: Observed[Any]) -> Mapping[str, Any] | None:
    """Give the job of a schedule's last run; None where it does not tell, or the job was deleted."""
    said = newest_job(schedule)
    if not said:
        return None
    try:
        return results.job(said)
    except errors.NotFoundError:
        return None


def newest_job(schedule: Observed[Any]) -> str:
    """Give the full name of the job of a schedule's last run; empty where it does not tell."""
    said = str((schedule.live.get("lastScheduledRunResponse") or {}).get("runResponse", ""))
    return said if _JOB.fullmatch(said) else ""


def _of(schedule: Observed[Any], jobs: Sequence[Mapping[str, Any]], last: int) -> list[Mapping[str, Any]]:
    """Give the newest jobs of a schedule: so many that measured something, and what failed in between."""
    ours = [each for each in jobs if _last(each.get("schedule", "")) == _last(schedule.server_name)]
    chosen: list[Mapping[str, Any]] = []
    left = last
    for job in sorted(ours, key=time_of, reverse=True)[:MOST]:
        if left == 0:
            break
        chosen.append(job)
        left -= job.get("state") in MEASURED
    return chosen


def _last(name: Any) -> str:
    """Give the id: of a project some answers have the number, others the id."""
    return str(name).rpartition("/")[2]


def _judged(
    session: Session, found: Watched, results: MonitoringResults, jobs: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Mapping[str, Mapping[str, Window]]:
    """Give what is said of what each job measured, by its name and comparison. Statistics are large, and not kept."""
    ended = [(which, job) for which, each in jobs.items() for job in each if job.get("state") in MEASURED]
    said = session.pool.gather([partial(of_job, results, found, which, job) for which, job in ended])
    return {str(job["name"]): each for (_, job), each in zip(ended, said, strict=True)}


def of_job(results: MonitoringResults, found: Watched, which: str, job: Mapping[str, Any]) -> dict[str, Window]:
    """Give what is said of what one job measured, by comparison.

    Args:
        results: Where it is read.
        found: What watches the service.
        which: The schedule whose job it is, by what it compares.
        job: The job, as JSON.

    Raises:
        ApiError: It cannot be read.
    """
    stats = results.of_job(found.name, str(job["name"]))
    least = values_needed(found.schedules[which])
    wanted, orders = found.wanted(which), found.orders(which)
    return windows_of(job, which, stats, least=least, only=found.columns, wanted=wanted, orders=orders)


def _windows(
    schedule: Observed[Any], jobs: Sequence[Mapping[str, Any]], judged: Mapping[str, Mapping[str, Window]]
) -> dict[str, Comparison]:
    """Give the comparisons of a schedule with what its jobs measured."""
    wanted = objectives(schedule)
    windows: dict[str, list[Window]] = {sort: [] for sort in wanted}
    for job in jobs:
        told = judged.get(str(job["name"]), {})
        for sort, objective in wanted.items():
            windows[sort].append(told.get(sort) or nothing_of(job, objective))
    problem = schedule.problem or _not_begun(schedule, jobs)
    return {sort: replace(comparison(sort, schedule, tuple(each)), problem=problem) for sort, each in windows.items()}


def comparison(sort: str, schedule: Observed[Any], windows: tuple[Window, ...]) -> Comparison:
    """Give a comparison of a schedule with its windows, the newest first."""
    paused = schedule.fields.paused
    due = "" if paused else str(schedule.live.get("nextRunTime", ""))
    return Comparison(sort, schedule.server_name, schedule.fields.cron, due, paused, values_needed(schedule), windows)


def _not_begun(schedule: Observed[Any], jobs: Sequence[Mapping[str, Any]]) -> str:
    """Say why the last run has no job, where it has none and says why."""
    told = schedule.live.get("lastScheduledRunResponse") or {}
    said, at = str(told.get("runResponse", "")), str(told.get("scheduledRunTime", ""))
    if not said or _JOB.fullmatch(said) or any(time_of(job) >= at for job in jobs):
        return ""
    return f"its last run, {at}, did not begin: {said}"
