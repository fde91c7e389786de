"""A window of a comparison as people and programs are told of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.empty_windows import is_expected
from reconciler.engine.monitoring.shapes import Shape, shape_of
from reconciler.engine.monitoring.standing import SILENT
from reconciler.kinds.vertex_model_monitor.logarithms import taken_in
from reconciler.kinds.vertex_model_monitor.messages import rows_of
from runtime.retraining.watching.measured import SORTS, by_job, compared, name_of, points, wanted_of
from runtime.retraining.watching.verdict import Finding, Judged, Verdict, judge, once

NO_WINDOW = "NoWindow"
BY_LOGARITHM = "logarithmic"
"""Scale of a column that is compared by its logarithm."""
SUCCEEDED, PARTLY, FAILED = "JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED", "JOB_STATE_FAILED"
MEASURED = frozenset({SUCCEEDED, PARTLY})
ENDED = MEASURED | {FAILED}


@dataclass(frozen=True, slots=True)
class Told:
    """One column of a window.

    Args:
        judged: What is said of it.
        shape: How it is distributed on both sides; None where nobody tells.
        since: Since when it is a breach without a break, ISO 8601; empty where it is none, or nobody remembers.
        by_logarithm: Whether its logarithm is compared.
    """

    judged: Judged
    shape: Shape | None
    since: str = ""
    by_logarithm: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        found = self.judged.to_json()
        found |= {"histogram": self.shape.to_json()} if self.shape else {}
        found |= {"scale": BY_LOGARITHM} if self.by_logarithm else {}
        return found | ({"since": self.since} if self.since else {})


@dataclass(frozen=True, slots=True)
class Window:
    """What one job measured for one comparison.

    Args:
        job: Its full name.
        at: The time it was for, ISO 8601.
        verdict: What is said; None where it measured nothing.
        problem: Why it measured nothing; empty where it did.
        shapes: By column.
        going: Whether its job has not ended.
        by_logarithm: Columns whose logarithm it compared, as its job was told.
    """

    job: str
    at: str
    verdict: Verdict | None = None
    problem: str = ""
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    going: bool = False
    by_logarithm: frozenset[str] = frozenset()

    @property
    def finding(self) -> str:
        """What is said of it."""
        return str(self.verdict.finding if self.verdict else Finding.UNMEASURED)

    @property
    def reason(self) -> str:
        """Why."""
        return self.verdict.reason if self.verdict else self.problem

    def to_json(self, beside: frozenset[str]) -> dict[str, Any]:
        """Give plain data, with distances alone.

        Args:
            beside: Columns that the latest window compared by their logarithm: one that this window did not, or the
                other way round, is of another scale, and left out.
        """
        columns = [each.column for each in (self.verdict.columns if self.verdict else ())]
        other = self.by_logarithm ^ beside
        distances = {
            each.name: each.distance for each in columns if each.distance is not None and each.name not in other
        }
        told = {"job": id_of(self.job), "at": self.at, "finding": self.finding, "reason": self.reason}
        return {**told, "distances": distances}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a service, as it is now.

    Args:
        which: `skew`, `drift`, `predictiondrift`.
        schedule: Full name of its schedule.
        cron: When it runs, in the schedule's words.
        next: When it runs next, ISO 8601; empty where it does not.
        paused: Whether it runs at all.
        least: Values below which nothing is said of a column.
        windows: The newest first, those that measured nothing, too.
        since: Since when it is a breach without a break; empty where it is none, or nobody remembers.
        in_a_row: How many windows that is.
        columns: Since when each column is a breach.
        problem: What is wrong with the schedule; empty for nothing.
    """

    which: str
    schedule: str
    cron: str
    next: str
    paused: bool
    least: int
    windows: tuple[Window, ...] = ()
    since: str = ""
    in_a_row: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def latest(self) -> Window | None:
        """The newest window that was measured; None where there is none."""
        return next((each for each in self.windows if each.verdict), None)

    @property
    def unmeasured(self) -> Window | None:
        """The newest window, where it measured nothing."""
        newest = next(iter(self.windows), None)
        return newest if newest and not newest.verdict else None

    @property
    def finding(self) -> str:
        """What is said of the latest window."""
        return self.latest.finding if self.latest else NO_WINDOW

    @property
    def breached(self) -> bool:
        """Tell whether it is a breach, or was one that no window has ended since."""
        return self.finding == Finding.BREACH or (self.finding in SILENT and bool(self.since))

    @property
    def fine(self) -> bool:
        """Tell whether it is no breach, and all of its newest window was measured, if there is one.

        What has no earlier window yet is fine, and so is one that is still being measured.
        """
        failed = self.unmeasured
        told = self.problem or (failed and not failed.going and not is_expected(self.which, failed.problem))
        columns = self.latest.verdict.columns if self.latest and self.latest.verdict else ()
        lost = any(each.finding is Finding.UNMEASURED and each.column.limited for each in columns)
        return not (self.breached or told or lost)

    def to_json(self) -> dict[str, Any]:
        """Give plain data: the form that `mlservice monitor --output json` documents."""
        latest, failed = self.latest, self.unmeasured
        return {
            "which": self.which,
            "finding": self.finding,
            "reason": latest.reason if latest else "",
            "at": latest.at if latest else "",
            "job": id_of(latest.job) if latest else "",
            "since": self.since if self.breached else "",
            "inARow": self.in_a_row if self.breached else 0,
            "columns": [each.to_json() for each in self._told()],
            "minSamples": self.least,
            "schedule": {
                "name": self.schedule,
                "cron": self.cron,
                "next": self.next,
                "paused": self.paused,
                "problem": self.problem,
            },
            "unmeasured": failed
            and {"job": id_of(failed.job), "at": failed.at, "reason": failed.problem, "going": failed.going},
            "history": [each.to_json(self._by_logarithm) for each in self.windows if not each.going],
        }

    @property
    def _by_logarithm(self) -> frozenset[str]:
        return self.latest.by_logarithm if self.latest else frozenset()

    def _told(self) -> Iterable[Told]:
        latest = self.latest
        for each in latest.verdict.columns if latest and latest.verdict else ():
            name = each.column.name
            since = self.columns.get(name, "") if each.finding is Finding.BREACH else ""
            yield Told(each, latest.shapes.get(name) if latest else None, since, name in self._by_logarithm)


def windows_of(
    job: Mapping[str, Any],
    compares: str,
    stats: Sequence[Mapping[str, Any]],
    *,
    least: int,
    only: frozenset[str],
    wanted: Mapping[str, Mapping[str, float | None]] | None = None,
    orders: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Window]:
    """Judge what one job measured.

    Args:
        job: `ModelMonitoringJob`, as JSON.
        compares: `skew` or `drift`.
        stats: What it measured.
        least: Values below which nothing is said of a column.
        only: Columns that are told of: one that became personal since is not, though older windows have it.
        wanted: Limit of each column that is to be compared now, None for none, by comparison: of a job of before, those
            that it could.
        orders: Greatest distance of order of each column that has such a limit, by comparison.

    Returns:
        By comparison; those of which it measured nothing are left out.
    """
    told = [each for each in stats if name_of(each) in only]
    found = by_job(told).get(str(job["name"]), {})
    taken = by_logarithm(job)
    shapes = dict(_shapes(told, taken))
    return {
        sort: Window(
            str(job["name"]),
            time_of(job),
            judge(
                once(columns),
                least=least,
                wanted=wanted_of((wanted or {}).get(sort), compared(job, objective)),
                orders=(orders or {}).get(sort),
            ),
            shapes={name: shape for (kind, name), shape in shapes.items() if kind == objective},
            by_logarithm=taken,
        )
        for objective, columns in found.items()
        if (sort := SORTS.get((compares, objective)))
    }


def by_logarithm(job: Mapping[str, Any]) -> frozenset[str]:
    """Give the columns whose logarithm a job compared, by its own query: the schedule's may be another one since."""
    spec = (job.get("modelMonitoringSpec") or {}).get("objectiveSpec") or {}
    rows = rows_of(spec.get("targetDataset"))
    return taken_in(rows.query) if rows else frozenset()


def _shapes(
    stats: Iterable[Mapping[str, Any]], by_logarithm: frozenset[str]
) -> Iterable[tuple[tuple[str, str], Shape]]:
    for each in stats:
        kind, name = str(each["tabularStats"].get("objectiveType", "")), name_of(each)
        for point in points(each):
            shape = shape_of(point, by_logarithm=name in by_logarithm)
            if shape:
                yield (kind, name), shape


def id_of(job: str) -> str:
    """Give the id of a job: beside the monitor's, of digits and letters, the whole name looks like a secret."""
    return job.rpartition("/")[2]


def time_of(job: Mapping[str, Any]) -> str:
    """Give the time a job is for."""
    return str(job.get("scheduleTime") or job.get("createTime") or "")


def nothing_of(job: Mapping[str, Any], objective: str) -> Window:
    """Say why a job measured nothing of an objective."""
    state, detail = str(job.get("state", "")), job.get("jobExecutionDetail") or {}
    status = (detail.get("objectiveStatus") or {}).get(objective) or {}
    said = str(status.get("message") or (detail.get("error") or {}).get("message") or "")
    if state not in ENDED:
        return Window(str(job["name"]), time_of(job), problem="it has not ended yet", going=True)
    return Window(str(job["name"]), time_of(job), problem=said or f"it ended as {state} and measured nothing")
