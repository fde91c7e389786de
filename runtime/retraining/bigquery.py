"""Query jobs of BigQuery over plain REST, under ids of ours: what was begun is found again, and never begun twice.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs (insert, get, cancel, getQueryResults);
    https://cloud.google.com/bigquery/docs/running-jobs#generate-jobid
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.retraining.google import PASSING, Google, Refused, Unavailable, found_or_none

TAKEN = 409
WAIT_MS = 10_000
"""For so long BigQuery itself waits for a query's end, before it answers that there is none yet."""
ASKED = 12
"""So often an answer is waited for: two minutes, of the five that a delivery to the function may take."""


@dataclass(frozen=True, slots=True)
class Job:
    """How far a job is.

    Args:
        done: Whether it has ended.
        why: Why it failed, in BigQuery's words; empty where it did not.
        stopped: Whether somebody cancelled it.
        reason: BigQuery's word for why it failed, such as `notFound`.
        name: Its id.
    """

    done: bool
    why: str = ""
    stopped: bool = False
    reason: str = ""
    name: str = ""

    @property
    def passing(self) -> bool:
        """Tell whether it failed for a reason that passes: another one may succeed."""
        return self.done and self.reason in PASSING


@dataclass(frozen=True, slots=True)
class Jobs:
    """The query jobs of one project and location.

    Args:
        google: Calls with.
        project: Whose jobs they are.
        location: Where they run: that of their dataset.
        labels: Of every job.
    """

    google: Google
    project: str
    location: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def _root(self) -> str:
        return f"{self.google.address('bigquery')}/bigquery/v2/projects/{self.project}"

    def begin(self, name: str, query: str, parameters: Mapping[str, str] | None = None) -> None:
        """Begin a job, unless one of that id was.

        Args:
            name: Its id.
            query: One statement.
            parameters: Texts for `@name`.

        Raises:
            Refused, Unavailable: BigQuery said no, or nothing.
        """
        asked: dict[str, Any] = {"query": query, "useLegacySql": False, **_given(parameters)}
        body = {
            "jobReference": {"projectId": self.project, "jobId": name, "location": self.location},
            "configuration": {"query": asked, "labels": dict(self.labels)},
        }
        try:
            self.google.call(f"begin job {name}", "POST", f"{self._root}/jobs", json=body)
        except Refused as refusal:
            if refusal.status != TAKEN:
                raise

    def look(self, name: str) -> Job | None:
        """Tell how far a job is; None where there is none."""
        found = found_or_none(lambda: self._get(f"look at job {name}", f"jobs/{name}"))
        if found is None:
            return None
        status = found.get("status", {})
        failed = status.get("errorResult") or {}
        why = str(failed.get("message") or failed.get("reason") or "")
        reason = str(failed.get("reason") or "")
        return Job(status.get("state") == "DONE", why, reason == "stopped", reason, name)

    def wait(self, name: str) -> Job | None:
        """Tell how far a job is, after a while where it has not ended."""
        found = self.look(name)
        if found is None or found.done:
            return found
        with contextlib.suppress(
            Refused, Unavailable
        ):  # of one that failed the rows are refused; the next look says why
            self._get(f"wait for job {name}", f"queries/{name}", maxResults="0", timeoutMs=str(WAIT_MS))
        return self.look(name)

    def row(self, name: str) -> dict[str, Any]:
        """Give the first row of a query that has ended, by the names of its columns; values are text."""
        return _first(self._get(f"read the answer of job {name}", f"queries/{name}", maxResults="1"))

    def cancel(self, name: str) -> None:
        """Stop a job; one that has ended, or is not there, is left."""
        url = f"{self._root}/jobs/{name}/cancel"
        stop = {"params": {"location": self.location}}
        found_or_none(lambda: self.google.call(f"cancel job {name}", "POST", url, **stop))

    def _get(self, what: str, path: str, **query: str) -> Any:
        return self.google.call(what, "GET", f"{self._root}/{path}", params={"location": self.location, **query})


def ask(
    google: Google, project: str, query: str, parameters: Mapping[str, str], labels: Mapping[str, str]
) -> dict[str, Any] | None:
    """Ask for one row, wherever its tables are; BigQuery finds that out itself.

    Args:
        google: Calls with.
        project: Whose job it is, who pays.
        query: One statement that reads.
        parameters: Texts for `@name`.
        labels: Of the job.

    Returns:
        The row by the names of its columns, values as text; None where it takes too long, and then it is stopped.

    Raises:
        Refused, Unavailable: BigQuery said no, or nothing.

    Source:
        https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query: an answer that is not complete names the
        job, with its location.
    """
    root = f"{google.address('bigquery')}/bigquery/v2/projects/{project}"
    body = {"query": query, "useLegacySql": False, "maxResults": 1, "timeoutMs": WAIT_MS, "labels": dict(labels)}
    answer = google.call("ask BigQuery", "POST", f"{root}/queries", json=body | _given(parameters))
    for _ in range(ASKED):
        if answer.get("jobComplete"):
            return _first(answer)
        job = answer["jobReference"]
        where = {"location": str(job.get("location", ""))}
        more = {**where, "maxResults": "1", "timeoutMs": str(WAIT_MS)}
        answer = google.call("wait for BigQuery", "GET", f"{root}/queries/{job['jobId']}", params=more)
    job = answer["jobReference"]
    stop = {"params": {"location": str(job.get("location", ""))}}
    found_or_none(lambda: google.call("stop a query", "POST", f"{root}/jobs/{job['jobId']}/cancel", **stop))
    return None


def _given(parameters: Mapping[str, str] | None) -> dict[str, Any]:
    given = [
        {"name": key, "parameterType": {"type": "STRING"}, "parameterValue": {"value": value}}
        for key, value in (parameters or {}).items()
    ]
    return {"parameterMode": "NAMED", "queryParameters": given} if given else {}


def _first(answer: Mapping[str, Any]) -> dict[str, Any]:
    names = [each["name"] for each in answer.get("schema", {}).get("fields", [])]
    row: Mapping[str, Any] = next(iter(answer.get("rows", [])), {})
    return dict(zip(names, (cell.get("v") for cell in row.get("f", ())), strict=False))


def location_of(google: Google, project: str, dataset: str) -> str:
    """Ask where a dataset is.

    Raises:
        Refused, Unavailable: BigQuery said no, or nothing.
    """
    url = f"{google.address('bigquery')}/bigquery/v2/projects/{project}/datasets/{dataset}"
    found = google.call(f"look at dataset {project}.{dataset}", "GET", url, params={"fields": "location"})
    return str(found.get("location", "US"))


def numbers(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Give the columns of a row that are numbers."""
    for name, value in row.items():
        with contextlib.suppress(TypeError, ValueError):
            yield name, float(value)
