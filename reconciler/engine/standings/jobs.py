"""What monitoring jobs measured that ran since: schedules, which a plan observes, name the last run of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.inventory import Inventory, Key
from reconciler.engine.monitoring.comparing import ENDED, MEASURED, Window, nothing_of
from reconciler.engine.monitoring.reading import READING, newest_job, of_job
from reconciler.engine.monitoring.watched import Watched, is_watched, objectives, watched_among
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.monitoring_results import MonitoringResults

if TYPE_CHECKING:
    from reconciler.core.objects import Observed
    from reconciler.kinds.run_service.record import Runs

MOST_JOBS = 20
"""Jobs whose measurements a pass reads: each is a call or several. The others are read by the next ones."""

Seen = Mapping[Address, "Observed[Any]"]


@dataclass(slots=True)
class Measured:
    """What is new of one service.

    Args:
        wanted: Comparisons that are made.
        jobs: By schedule, the job and its windows by comparison.
        problem: What cannot be read, and why.
    """

    wanted: list[str] = field(default_factory=list)
    jobs: dict[str, tuple[str, Mapping[str, Window]]] = field(default_factory=dict)
    problem: str = ""


def read_jobs(
    session: Session, services: Mapping[Key, tuple[Inventory, Seen]], before: Mapping[Key, Mapping[str, Any]]
) -> dict[Key, Measured]:
    """Read what was measured since, of those services of which something is compared.

    Args:
        session: The run's means.
        services: Each with what a plan observed and may be looked at.
        before: What was known of services.
    """
    found: dict[Key, Measured] = {}
    asked: list[tuple[Key, Watched, str, str]] = []
    for key, (inventory, seen) in sorted(services.items(), key=lambda each: _looked(before, each[0])):
        if not is_watched(inventory):
            continue
        found[key] = Measured()
        known = (before.get(key, {}).get("monitoring") or {}).get("jobs") or {}
        try:
            watched = watched_among(inventory, seen, partial(_runs, session, inventory, seen))
        except errors.UsageError as error:  # not made yet, or deleted by hand
            found[key].problem = error.message
            continue
        for which, schedule in watched.schedules.items():
            found[key].wanted += objectives(schedule)
            job = newest_job(schedule)
            if job and known.get(which) != job:
                asked.append((key, watched, which, job))
    reads = [partial(_read, session, watched, which, job) for _, watched, which, job in asked[:MOST_JOBS]]
    for (key, _, which, job), (windows, problem) in zip(asked, session.pool.gather(reads), strict=False):
        if windows is not None:
            found[key].jobs[which] = (job, windows)
        found[key].problem = found[key].problem or problem
    return found


def _looked(before: Mapping[Key, Mapping[str, Any]], key: Key) -> tuple[str, Key]:
    return str((before.get(key, {}).get("monitoring") or {}).get("looked") or ""), key


def _runs(session: Session, inventory: Inventory, seen: Seen) -> Runs | None:
    there = seen.get(Address(session.kinds.primary.name, inventory.region, inventory.service))
    return there.output.get("runs") if there else None


def _read(session: Session, watched: Watched, which: str, name: str) -> tuple[Mapping[str, Window] | None, str]:
    """Read one job: its windows, None while it is not told; and why it cannot be read."""
    results = MonitoringResults.of(session.connection, watched.region)
    try:
        with naming_roles(READING):
            job = results.job(name)
            if job.get("state") not in ENDED:
                return None, ""
            told = of_job(results, watched, which, job) if job.get("state") in MEASURED else {}
    except errors.NotFoundError:  # deleted since
        return {}, ""
    except errors.ReconcilerError as error:
        return None, error.message
    return dict(_windows(watched, which, job, told)), ""


def _windows(
    watched: Watched, which: str, job: Mapping[str, Any], told: Mapping[str, Window]
) -> Iterator[tuple[str, Window]]:
    for sort, objective in objectives(watched.schedules[which]).items():
        yield sort, told.get(sort) or nothing_of(job, objective)
