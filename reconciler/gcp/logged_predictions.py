"""What the prediction log says, by queries of BigQuery that are bounded in time, bytes and rows.

Source:
    https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.calls import calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PATIENCE_MS = 30_000
_PAGE = 20_000
"""Rows of one answer."""
_MOST_BYTES = 50 << 30
"""Of a query; what would read more is refused by BigQuery, and costs nothing."""
_READERS: Mapping[str, Callable[[str], Any]] = {
    "INTEGER": int,
    "INT64": int,
    "FLOAT": float,
    "FLOAT64": float,
    "BOOLEAN": lambda text: text == "true",
    "BOOL": lambda text: text == "true",
}


def rows_of(connection: Connection, query: str, location: str, what: str, *, most: int) -> list[dict[str, Any]]:
    """Run a query and give its rows, by column.

    Args:
        connection: How to reach it.
        query: In GoogleSQL.
        location: Of the tables.
        what: Is read, for errors.
        most: Rows that are read.

    Raises:
        Unavailable: It did not end in time.
        ApiError: It cannot be run.
    """
    asked = {
        "query": query,
        "useLegacySql": False,
        "location": location,
        "timeoutMs": _PATIENCE_MS,
        "maxResults": min(most, _PAGE),
        "maximumBytesBilled": str(_MOST_BYTES),
    }
    with calling("read", what):
        # A query changes nothing: one that was asked twice is answered twice.
        found = connection.rest(HOST, VERSION).post(f"projects/{connection.project}/queries", asked)
    if not found.get("jobComplete", True):
        raise errors.Unavailable("read", what, f"the query takes longer than {_PATIENCE_MS // 1000} s")
    fields, rows = found.get("schema", {}).get("fields", ()), list(found.get("rows", ()))
    job = found.get("jobReference", {})
    while (token := str(found.get("pageToken", ""))) and len(rows) < most:
        with calling("read", what):
            path = f"projects/{job['projectId']}/queries/{job['jobId']}"
            found = connection.rest(HOST, VERSION).get(path, location=location, pageToken=token, maxResults=str(_PAGE))
        rows += found.get("rows", ())
    return [
        {field["name"]: _value(field["type"], cell["v"]) for field, cell in zip(fields, row["f"], strict=True)}
        for row in rows[:most]
    ]


def _value(kind: str, text: str | None) -> Any:
    return None if text is None else _READERS.get(kind, str)(text)
