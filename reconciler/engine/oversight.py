"""What the passes of the job say of each service, as far as their latest reports are whole, known and fresh.

People's commands ask here, so that they all say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.due import due, zone_of
from reconciler.core.inventory import Inventories, Inventory, Key
from reconciler.core.objects import Observed
from reconciler.engine.reports import Latest, Reports
from reconciler.engine.session import Session
from schemas.kept import PassReport
from schemas.kept.changes import Orphan
from schemas.operator import PREFIX, is_operators

MISSED = 2
"""Passes that may be due and unheard of: one of them may be at work."""
_LEAST_GRACE_S = 60
NOBODY, SILENT, ORPHANED, UNSEEN, GOING = "by hand", "not reported", "orphaned", "not looked at", "going"
"""What may be said of a service beside the states of reports."""
_NEEDS = {
    "reported": "it differs from its spec, and the job only reports: mlservice plan, then mlservice apply",
    "needs a person": "mlservice install",
    "held": "held, since a new version would do what the one before would not: mlservice plan, then mlservice operator "
    "proceed",
    "blocked": "blocked by what its spec protects (mlservice apply --allow-destroy, or management.deletion: Delete), "
    "by its limit of cost (budget.planLimit), or by scans or missing signatures of its images (registry.scan, "
    "registry.signed): mlservice plan says which",
    "vulnerable": "what serves has a vulnerability that its spec does not allow: deploy an image without it, or "
    "allow it for a time (registry.scan.allow)",
    "refused": "refused: mend its spec or what it names, then mlservice publish",
    "failed": "failed: mend the cause; the next pass tries again",
    ORPHANED: "no spec wants it any more, and it stays: mlservice destroy {name}, or put its spec back",
}
"""What a person has to do about a state. Others pass by themselves, or are as they should be."""
_SAID = {
    "ok": "it is as its spec wants it",
    "changed": "it was changed to what its spec wants",
    "frozen": "it differs from its spec, and nothing is changed while the operator's freeze lasts",
    "locked": "another run was at work on it; the next pass looks again",
    "waiting": "an image of it is being scanned; the next pass looks again",
    GOING: "no spec wants it any more, and a later pass lets it go",
    NOBODY: "no job reconciles this project: it changes by mlservice apply alone",
    SILENT: "no pass has reported yet",
    UNSEEN: "the last pass did not look at it: its spec could not be read, or it was applied since",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the last pass found of one service.

    Args:
        name: Of the service.
        state: As reports say it, or `by hand`, `not reported`, `orphaned`, `going`, `not looked at`.
        ended: When that pass ended, ISO 8601; empty where there was none.
        stale: Two passes were due since, and none reported.
        shard: Which one it was.
        problems: What it found wrong, in sentences.
        changes: What differed, and what became of it.
        bundle: The specs it read; empty where it read none or that is not known.
        cost: What it costs by its spec, as `schemas.kept.report.ServiceCost`; None where that is not known.
    """

    name: str
    state: str
    ended: str = ""
    stale: bool = False
    shard: int = 0
    problems: tuple[str, ...] = ()
    changes: tuple[Mapping[str, Any], ...] = ()
    bundle: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] | None = None

    @property
    def said(self) -> str:
        """Say the state in a sentence."""
        return _SAID.get(self.state) or self.needs

    @property
    def needs(self) -> str:
        """Say what a person has to do; empty for nothing."""
        return _NEEDS.get(self.state, "").format(name=self.name)

    @property
    def alarm(self) -> str:
        """Say in a line what is wrong, where somebody has to do something about it; empty otherwise."""
        return f"{self.state}: {self.problems[0]}" if self.needs and self.problems else self.needs

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "state": self.state,
            "said": self.said,
            "needs": self.needs,
            "ended": self.ended,
            "stale": self.stale,
            "shard": self.shard,
            "problems": list(self.problems),
            "changes": [dict(change) for change in self.changes],
            "bundle": dict(self.bundle),
            "cost": self.cost and dict(self.cost),
        }


@dataclass(frozen=True)  # without slots: what is stale is told once
class Oversight:
    """The job that reconciles a project, and what its shards reported last.

    Args:
        name: Of the operator; empty where none is installed.
        now: When this was read.
        schedule: When it starts, cron; empty where that is not known.
        time_zone: Of the schedule.
        paused: No pass starts by itself.
        shards: How many there are; 0 where that is not known.
        reports: By shard; none of a shard that there is no more.
        troubles: What cannot be read, in sentences.
    """

    name: str
    now: datetime
    schedule: str = ""
    time_zone: str = "Etc/UTC"
    paused: bool = False
    shards: int = 0
    reports: tuple[PassReport, ...] = ()
    troubles: tuple[str, ...] = ()

    @property
    def last(self) -> str:
        """When the last pass ended, ISO 8601; empty where none has reported."""
        return max((report.ended for report in self.reports), key=datetime.fromisoformat, default="")

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the job as a whole: what cannot be read, is missing or stale, and what passes say."""
        return (*self.troubles, *self._silent(), *self._said())

    def alarms(self) -> Iterator[Standing]:
        """Give the services that a person has to do something about, by name; the operator itself is a problem."""
        named = {(told.region, name) for report in self.reports for name, told in report.services.items()}
        named |= {(orphan.region, orphan.name) for report in self.reports for orphan in _there(report)}
        for region, name in sorted(named, key=lambda key: (key[1], key[0])):
            standing = self.of(region, name)
            if standing.needs and not is_operators(name):
                yield standing

    @cached_property
    def stale(self) -> frozenset[int]:
        """Numbers of the shards since whose reports two passes were due; none where the schedule cannot be read."""
        try:
            zone = zone_of(self.time_zone)
        except errors.UsageError:
            return frozenset()
        late = (report for report in self.reports if self._due(report, zone) >= MISSED)
        return frozenset() if self.paused else frozenset(report.shard.index for report in late)

    def _due(self, report: PassReport, zone: tzinfo) -> int:
        ended = datetime.fromisoformat(report.ended)
        until = self.now - timedelta(seconds=max(_LEAST_GRACE_S, 2 * report.seconds))
        return due(self.schedule, zone, ended, until, most=MISSED)

    def of(self, region: str, name: str) -> Standing:
        """Say what the last pass found of a service."""
        if not self.name:
            return Standing(name, NOBODY)
        taken = [report for report in self.reports if _has(report, region, name)]
        report = max(taken, key=lambda each: datetime.fromisoformat(each.ended), default=None)
        if report is None:
            newest = max(self.reports, key=lambda each: datetime.fromisoformat(each.ended), default=None)
            return self._standing(newest, name, UNSEEN, newest.problems) if newest else Standing(name, SILENT)
        told = report.services.get(name)
        if told is None:
            there = [each for each in _there(report) if (each.region, each.name) == (region, name)]
            state = GOING if all(each.goes for each in there) else ORPHANED
            return self._standing(report, name, state, tuple(each.reason for each in there if each.reason))
        changes = tuple(change.to_json() for change in told.changes)
        return self._standing(report, name, told.state, told.problems, changes)

    def beyond(self, known: Inventories) -> Iterator[Key]:
        """Name the services that specs want and nothing was made of: passes were kept from it. Each once.

        Of one whose inventory cannot be read that is not known, and a report that names no region names no place.
        """
        found = {(told.region, name) for report in self.reports for name, told in report.services.items()}
        for region, name in sorted(found - known.keys(), key=lambda key: (key[1], key[0])):
            if region and not is_operators(name) and known.broken_of(name) is None:
                yield region, name

    def _standing(
        self,
        report: PassReport,
        name: str,
        state: str,
        problems: tuple[str, ...],
        changes: tuple[Mapping[str, Any], ...] = (),
    ) -> Standing:
        bundle = report.bundle.to_json() if report.bundle else {}
        shard, told = report.shard.index, report.services.get(name)
        cost = told.cost.to_json() if told and told.cost else None
        return Standing(name, state, report.ended, shard in self.stale, shard, problems, changes, bundle, cost)

    def _silent(self) -> Iterator[str]:
        """Name shards that no report is of, and those whose last one is stale."""
        there = {report.shard.index: report for report in self.reports}
        if not there:
            return
        stale = [report for report in self.reports if report.shard.index in self.stale]
        if len(stale) == len(there):
            yield f"no pass has reported since {self.last}, though {MISSED} were due: mlservice operator status"
        else:
            for report in stale:
                shard = report.shard.index
                yield f"shard {shard} has not reported since {report.ended}, though {MISSED} passes were due"
        for shard in range(self.shards):
            if shard not in there:
                yield f"shard {shard} has never reported: what is its share is not known"

    def _said(self) -> Iterator[str]:
        """Repeat what passes found wrong as a whole, and what they left to a person of the job itself."""
        for report in self.reports:
            yield from report.problems
            for name, told in sorted(report.services.items()):
                if is_operators(name) and told.state in _NEEDS:
                    yield f"{name} {told.state}: {'; '.join(told.problems) or _NEEDS[told.state]}"


def _has(report: PassReport, region: str, name: str) -> bool:
    told = report.services.get(name)
    if told is not None and told.region in {region, ""}:
        return True
    return any((orphan.region, orphan.name) == (region, name) for orphan in _there(report))


def _there(report: PassReport) -> list[Orphan]:
    """Give the orphans that are still there."""
    return [orphan for orphan in report.orphaned if orphan.state != "pruned"]


def read_oversight(session: Session, inventories: Mapping[Key, Inventory]) -> Oversight:
    """Read what the job's passes say. What cannot be read is told of and keeps nobody from the rest.

    As many reads as the job has shards, and a few, whatever the number of services.

    Args:
        session: The run.
        inventories: Of the project: the operator's is among them.
    """
    found = [inventory for key, inventory in sorted(inventories.items()) if is_operators(key[1])]
    now = session.clock.now()
    if not found:
        return Oversight("", now)
    name = found[0].service.removeprefix(PREFIX)
    others = [f"several operators are installed; this is what {name} says"] if len(found) > 1 else []
    try:
        latest, seen = Reports(session, name).read(), _seen(session, found[0])
    except errors.ReconcilerError as error:
        return Oversight(name, now, troubles=(*others, f"what the job's passes did cannot be read: {error}"))
    return oversight_of(name, now, seen, latest, tuple(others))


def _seen(session: Session, inventory: Inventory) -> Mapping[Address, Observed[Any]]:
    steering = {"run_job", "scheduler_job"}
    return session.observe({a: e.server_name for a, e in inventory.entries.items() if a.kind in steering})


def oversight_of(
    name: str, now: datetime, seen: Mapping[Address, Observed[Any]], latest: Latest, troubles: tuple[str, ...] = ()
) -> Oversight:
    """Judge the latest reports by the job and the schedule that are there.

    Args:
        name: Of the operator.
        now: The time.
        seen: Its job and its schedule, where they are there.
        latest: What the shards reported.
        troubles: What else cannot be read.
    """
    schedule = next((one.fields for one in seen.values() if one.address.kind == "scheduler_job"), None)
    job = next((one.fields for one in seen.values() if one.address.kind == "run_job"), None)
    return Oversight(
        name,
        now,
        schedule.schedule if schedule else "",
        schedule.time_zone if schedule else "Etc/UTC",
        bool(schedule and schedule.paused),
        job.tasks if job else 0,
        # Nobody will write the reports of shards that there are no more.
        tuple(report for report in latest.reports if job is None or report.shard.index < job.tasks),
        (*troubles, *latest.unreadable),
    )
