"""BigQuery's load jobs: files of Cloud Storage into a table, waited for."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as google

from reconciler.gcp.calls import EndedBadlyError
from reconciler.gcp.rest import polled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.gcp.rest import Rest

_REASONS: Mapping[str, type[google.GoogleAPICallError]] = {
    "accessDenied": google.Forbidden,
    "notFound": google.NotFound,
    "quotaExceeded": google.TooManyRequests,
    "rateLimitExceeded": google.TooManyRequests,
    "backendError": google.ServiceUnavailable,
    "internalError": google.ServiceUnavailable,
}
"""Source: https://cloud.google.com/bigquery/docs/error-messages."""


def load(api: Rest, project: str, location: str, configuration: Mapping[str, Any], *, patience_s: float) -> None:
    """Begin a load job, and wait until it is over.

    Args:
        api: BigQuery's.
        project: Whose job it is.
        location: Where the table is, as its dataset says.
        configuration: A `JobConfigurationLoad`.
        patience_s: How long to wait.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery said no at once.
        EndedBadlyError: The job failed, with its reason.
        StillGoingError: It is not over in time.

    Source:
        https://cloud.google.com/bigquery/docs/reference/rest/v2/Job: a job keeps its id, also one that failed, so that
        each has a new one.
    """
    job_id = f"mlservice-{uuid.uuid4().hex}"
    reference = {"projectId": project, "jobId": job_id, "location": location}
    begun = api.post(f"projects/{project}/jobs", {"jobReference": reference, "configuration": {"load": configuration}})

    def look() -> dict[str, Any] | None:
        found = api.get(f"projects/{project}/jobs/{job_id}", location=location)
        return found if _is_over(found) else None

    over = begun if _is_over(begun) else polled(look, patience_s=patience_s)
    if failed := over["status"].get("errorResult"):
        raise EndedBadlyError(_told(failed, over["status"].get("errors", ())))


def _is_over(job: Mapping[str, Any]) -> bool:
    return bool(job.get("status", {}).get("state") == "DONE")


def _told(failed: Mapping[str, Any], others: Any) -> google.GoogleAPICallError:
    """Give a job's failure, with the first thing that it says beside."""
    message = str(failed.get("message", ""))
    beside = next((str(each.get("message", "")) for each in others if each.get("message") not in {message, None}), "")
    made = _REASONS.get(str(failed.get("reason", "")), google.BadRequest)
    return made(f"{message} ({beside})" if beside else message)
