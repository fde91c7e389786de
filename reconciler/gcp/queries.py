"""BigQuery's queries that answer at once or soon, bounded in time and in the bytes that they read: rows by column."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as google

from reconciler.gcp.rest import polled

if TYPE_CHECKING:
    from reconciler.gcp.rest import Rest

_AT_ONCE_MS = 10_000
_MOST_BYTES = 100 * 1024**3
"""What a query may read, in bytes that are billed: 60 US cents at list price."""
_PAGE, _MOST_PAGES = "10000", 10
_READERS: Mapping[str, Callable[[str], Any]] = {
    "INTEGER": int,
    "INT64": int,
    "FLOAT": float,
    "FLOAT64": float,
    "BOOLEAN": lambda text: text == "true",
    "BOOL": lambda text: text == "true",
}


def as_text(kind: str, text: str) -> Any:
    """Give a value as BigQuery writes it, whatever its type: numbers lose nothing."""
    del kind
    return text


def as_typed(kind: str, text: str) -> Any:
    """Give a value of the type that its column has: whole numbers, numbers and truth; else its text."""
    return _READERS.get(kind, str)(text)


def ask(
    api: Rest,
    project: str,
    query: str,
    *,
    patience_s: float,
    location: str = "",
    read: Callable[[str, str], Any] = as_text,
) -> Iterator[Mapping[str, Any]]:
    """Run a query, which changes nothing, and give its rows; None for no value.

    Args:
        api: BigQuery's.
        project: Who pays for it.
        query: GoogleSQL.
        patience_s: How long to wait for it.
        location: Of the tables; left out, where it runs follows from the tables that it names.
        read: Makes a value of a column's type and of its text.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery said no, or gives more rows than we read.
        StillGoingError: It is not over in time.

    Source:
        https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query: `requestId` makes a repeated request the
        same one; `jobComplete` is false where it takes longer than `timeoutMs`.
    """
    body = {
        "query": query,
        "useLegacySql": False,
        "timeoutMs": _AT_ONCE_MS,
        "maximumBytesBilled": str(_MOST_BYTES),
        "requestId": uuid.uuid4().hex,
        "labels": {"managed-by": "mlservice"},
    }
    answer = api.post(f"projects/{project}/queries", {**body, "location": location} if location else body)
    reference = answer.get("jobReference", {})
    path = f"projects/{reference.get('projectId', project)}/queries/{reference.get('jobId', '')}"
    where = {"location": str(reference["location"])} if reference.get("location") else {}

    def look() -> dict[str, Any] | None:
        found = api.get(path, maxResults=_PAGE, **where)
        return found if found.get("jobComplete") else None

    if not answer.get("jobComplete"):
        answer = polled(look, patience_s=patience_s)
    columns = answer.get("schema", {}).get("fields", ())
    for _ in range(_MOST_PAGES):
        for row in answer.get("rows", ()):
            cells = zip(columns, (cell.get("v") for cell in row["f"]), strict=True)
            yield {each["name"]: None if text is None else read(each["type"], text) for each, text in cells}
        if not answer.get("pageToken"):
            return
        answer = api.get(path, maxResults=_PAGE, pageToken=str(answer["pageToken"]), **where)
    made: Any = google.OutOfRange
    raise made(f"a query has more than {_MOST_PAGES} pages of rows, which is as many as are read")
