"""What jobs of Vertex AI Model Monitoring did and measured, over REST.

Source: `google.cloud.aiplatform_v1beta1`, `ModelMonitoringService`; model_monitoring.md A.3, A.8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.gcp.calls import calling
from reconciler.gcp.vertex import host

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from reconciler.gcp.rest import Rest

_JOBS = 100
_PAGE = 20
_FEW = 5
"""Columns of one page, and of one with many windows of each: the statistics of a column have a thousand labels."""
_OF_A_JOB = "name,schedule,scheduleTime,createTime,state,jobExecutionDetail,modelMonitoringSpec"


@dataclass(frozen=True, slots=True)
class MonitoringResults:
    """Reads what a region's monitors found, and starts jobs of them.

    Args:
        api: Vertex AI in the region.
    """

    api: Rest

    @classmethod
    def of(cls, connection: Connection, region: str) -> MonitoringResults:
        """Read in a region."""
        return cls(connection.rest(host(region), "v1beta1"))

    def job(self, name: str) -> dict[str, Any]:
        """Give a job.

        Args:
            name: Its full name.

        Raises:
            NotFoundError: There is none.
            ApiError: It cannot be read.
        """
        with calling("read", f"monitoring job {_last(name)}"):
            return self.api.get(name)

    def jobs(self, monitor: str) -> list[dict[str, Any]]:
        """List a monitor's jobs, in no order that is promised.

        Args:
            monitor: Its full name.

        Raises:
            ApiError: They cannot be read.
        """
        with calling("list", f"monitoring jobs of {_last(monitor)}"):
            asked = {"pageSize": str(_JOBS), "readMask": _OF_A_JOB}
            return list(self.api.listed(f"{monitor}/modelMonitoringJobs", "modelMonitoringJobs", **asked))

    def of_job(self, monitor: str, job: str) -> list[dict[str, Any]]:
        """Give what one job measured.

        Args:
            monitor: Its full name.
            job: The job's.

        Returns:
            `ModelMonitoringStats`.

        Raises:
            ApiError: It cannot be read.
        """
        return list(self._found(monitor, {"modelMonitoringJob": job}, {"pageSize": _PAGE}))

    def of_schedule(self, monitor: str, schedule: str, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
        """Give what the jobs of a schedule measured in a time; what was read is not kept.

        Args:
            monitor: Its full name.
            schedule: The schedule's.
            since: From when on, aware.
            until: Before when, aware.

        Raises:
            ApiError: It cannot be read.
        """
        ends = {"startTime": since, "endTime": until}
        interval = {name: at.astimezone(UTC).isoformat().replace("+00:00", "Z") for name, at in ends.items()}
        yield from self._found(
            monitor, {"modelMonitoringSchedule": schedule}, {"pageSize": _FEW, "timeInterval": interval}
        )

    def _found(self, monitor: str, only: Mapping[str, str], how: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        asked = {"statsFilter": {"tabularStatsFilter": dict(only)}, **how}
        with calling("read", f"what {_last(monitor)} measured"):
            yield from self.api.searched(f"{monitor}:searchModelMonitoringStats", asked, "monitoringStats")

    def start(self, monitor: str, job: Mapping[str, Any]) -> dict[str, Any]:
        """Start a job.

        Args:
            monitor: Its full name.
            job: `ModelMonitoringJob`.

        Returns:
            The job, with its name.

        Raises:
            ApiError: It is refused.
        """
        with calling("start", f"a monitoring job of {_last(monitor)}"):
            return self.api.post(f"{monitor}/modelMonitoringJobs", dict(job))


def _last(name: str) -> str:
    return name.rpartition("/")[2]
