"""Vertex AI's monitors, as the function reads them: which of our schedules ran, and what their jobs measured.

What wakes the function says nothing that is believed: the shape of Google's log entry is not documented, and an entry
may be late, lost or forged. What is true is what the API says. Source: `ScheduleService.ListSchedules`,
`ModelMonitoringService.SearchModelMonitoringStats`, `GetModelMonitoringJob`, all `v1beta1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from runtime.retraining.google import Google, Refused, found_or_none
from runtime.retraining.settings import Settings
from runtime.retraining.watching import measured
from runtime.retraining.watching.verdict import Column

SUCCEEDED, PARTLY, FAILED = ("JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED", "JOB_STATE_FAILED")
ENDS = frozenset({SUCCEEDED, PARTLY, FAILED})
_PAGES = 100
"""Of one answer, at most: some thousand columns."""
_PAGE = 20
"""Columns of one page: the statistics of one have a thousand labels, for each window, and a function has 512 MiB."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one job measured.

    Args:
        job: Its full name.
        at: The time it was for.
        ended: Whether it is at its end: before that, part of it may be missing.
        columns: By objective.
        compared: The columns that it could compare, by objective, as far as it tells.
    """

    job: str
    at: datetime
    ended: bool
    columns: Mapping[str, list[Column]]
    compared: Mapping[str, frozenset[str] | None] = field(default_factory=dict)


class Monitors:
    """Reads with the function's own identity.

    Args:
        settings: Whose.
        google: Calls with.
    """

    def __init__(self, settings: Settings, google: Google) -> None:
        self._google = google
        self._root = f"{google.address('aiplatform', regional=True)}/v1beta1"
        self._place = f"{self._root}/projects/{settings.project}/locations/{settings.region}"

    def schedules(self, shown: str) -> Iterator[tuple[str, str]]:
        """Give our schedules of a display name, and the monitor of each.

        Raises:
            Refused, Unavailable: They cannot be read.
        """
        only = f'display_name="{shown}"'
        for page in self._pages("list schedules", "GET", f"{self._place}/schedules", {"filter": only}):
            for each in page.get("schedules") or ():
                monitor = (each.get("createModelMonitoringJobRequest") or {}).get("parent", "")
                if monitor and each.get("displayName") == shown:
                    yield str(each["name"]), str(monitor)

    def measured(self, schedule: str, monitor: str, since: datetime) -> Iterator[Measured]:
        """Give what the jobs of a schedule measured since then, the oldest first.

        A job that was deleted, or that has no time, is left out: nothing can be said of its window.

        Raises:
            Refused, Unavailable: They cannot be read.
        """
        asked = {
            "statsFilter": {"tabularStatsFilter": {"modelMonitoringSchedule": schedule}},
            "timeInterval": {"startTime": since.astimezone(UTC).isoformat()},
        }
        url = f"{self._root}/{monitor}:searchModelMonitoringStats"
        answers = self._pages("read what was measured", "POST", url, asked)
        jobs = measured.by_job(measured.pages(answers))
        found = [self._job(name, columns) for name, columns in jobs.items()]
        yield from sorted((each for each in found if each is not None), key=lambda each: (each.at, each.job))

    def _job(self, name: str, columns: Mapping[str, list[Column]]) -> Measured | None:
        told = found_or_none(lambda: self._google.call(f"read {name}", "GET", f"{self._root}/{name}"))
        at = _moment(told.get("scheduleTime") or told.get("createTime")) if told is not None else None
        if at is None:
            return None
        compared = {each: measured.compared(told, each) for each in columns}
        return Measured(name, at, told.get("state") in ENDS, columns, compared)

    def _pages(self, what: str, method: str, url: str, asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        token, how = "", "params" if method == "GET" else "json"
        for _ in range(_PAGES):
            sent = {**asked, "pageSize": _PAGE, **({"pageToken": token} if token else {})}
            answer = self._google.call(what, method, url, **{how: sent})
            yield answer
            token = str(answer.get("nextPageToken") or "")
            if not token:
                return
        raise Refused(what, 200, f"the answer has more than {_PAGES} pages")


def _moment(told: Any) -> datetime | None:
    """Read a time; None for what is none."""
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
