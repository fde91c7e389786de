"""The emulated BigQuery as Model Monitoring's own account uses it: by query jobs, held to its roles, met by faults.

The rows of the job's result are read where they lie, some at a time: memory does not grow with them.
Source: model_monitoring.md A.5 for tables, queries and the column of times; section C for the account.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pyarrow as pa

from emulator.apis.aiplatform.monitoring.columns import batch_of
from emulator.apis.aiplatform.monitoring.files import columns_of
from emulator.apis.aiplatform.monitoring.tables import Field, Window
from emulator.apis.bigquery import app, jobs, records
from emulator.apis.bigquery.engine import engine, physical
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.types import names
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.identity.tokens import Tokens
from emulator.statistics.batches import Batch

ROWS = 50_000
"""At once."""
WITHIN_S = 300.0
SCHEME = "bq://"
CODES = {
    "accessDenied": "PERMISSION_DENIED",
    "accessNotConfigured": "PERMISSION_DENIED",
    "notFound": "NOT_FOUND",
    "notImplemented": "UNIMPLEMENTED",
    "rateLimitExceeded": "RESOURCE_EXHAUSTED",
}


@dataclass(frozen=True, slots=True)
class BigQuery:
    """Tables and queries in BigQuery.

    Attributes:
        world: Where.
        caller: E-mail of the account that reads.
        project: Whose job it is.
    """

    world: World
    caller: str
    project: str

    def batches(self, source: Any, fields: Mapping[str, Field], window: Window | None) -> Iterator[Batch]:
        """The rows of a table or of a query."""
        wanted = columns_of(fields, window)
        ref = self._answered(statement(source.bigquery_source, wanted, window))
        table = records.find_table(self.world, ref)
        base = engine(self.world)
        with base.reading() as cursor:
            base.run(cursor, f"SELECT {names(table.fields)} FROM {physical(table.rows)}")  # noqa: S608 - quoted
            for rows in cursor.to_arrow_reader(ROWS):
                # As they were asked for: to BigQuery `Age` and `age` are one column, and the table may have the other.
                named = pa.RecordBatch.from_arrays(rows.columns, names=wanted)
                try:
                    yield batch_of(named, fields, None)
                except pa.ArrowException:  # which quotes a value
                    text = "Failed to read the rows: a value is not of the field's type."
                    raise ApiFailure("INVALID_ARGUMENT", text) from None

    def _answered(self, sql: str) -> Ref:
        """Run a query job; returns where its rows are.

        Raises:
            ApiFailure: Its refusal.
        """
        query = {"query": sql, "useLegacySql": False}
        made = self._call("POST", "/jobs", {"configuration": {"query": query}})
        key = f"{self.project}/{made['jobReference']['jobId']}"
        task = jobs.running(self.world).tasks.get(key)
        if task is not None and not task.done.wait(WITHIN_S):
            raise ApiFailure("DEADLINE_EXCEEDED", f"The query took longer than {WITHIN_S:.0f} s.")
        ended = self._call("GET", f"/jobs/{made['jobReference']['jobId']}")
        if failed := ended["status"].get("errorResult"):
            raise refusal(failed)
        return Ref.of(ended["configuration"]["query"]["destinationTable"], self.project)

    def _call(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        token = self.world.part(Tokens).access_token(self.caller)
        target = f"/bigquery/v2/projects/{self.project}{path}"
        sent = BytesIO(json.dumps(body).encode() if body is not None else b"")
        reply = app.answer(self.world, verb, target, {"authorization": f"Bearer {token}"}, sent, self.world.http_url)
        found: dict[str, Any] = reply.document or {}
        if reply.status >= 400:  # noqa: PLR2004 - where HTTP's refusals begin
            raise refusal(found["error"]["errors"][0])
        return found


def refusal(error: Mapping[str, Any]) -> ApiFailure:
    """A refusal of BigQuery's as one of Vertex AI's."""
    return ApiFailure(CODES.get(error.get("reason", ""), "INVALID_ARGUMENT"), str(error.get("message", "")))


def statement(source: Any, columns: list[str], window: Window | None) -> str:
    """The query of what is wanted.

    Args:
        source: `BigQuerySource`.
        columns: Those that are read.
        window: Only rows of that time.
    """
    named = source.table_uri.removeprefix(SCHEME)
    # On lines of its own: it may end in a comment.
    of = f"(\n{source.query.rstrip().rstrip(';')}\n)" if source.query else f"`{named}`"
    wanted = ", ".join(map(quoted, columns))
    if window is None:
        return f"SELECT {wanted} FROM {of}"  # noqa: S608 - the user's own query, as its account
    when = f"TIMESTAMP({quoted(window.field)})"
    within = f"{when} >= {moment(window.start)} AND {when} < {moment(window.end)}"
    return f"SELECT {wanted} FROM {of} WHERE {within}"  # noqa: S608 - as above


def quoted(name: str) -> str:
    """A column's name, which nothing in it can end."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def moment(when: datetime) -> str:
    """A time as GoogleSQL writes it."""
    return f"TIMESTAMP '{when.astimezone(UTC).isoformat(sep=' ', timespec='microseconds')}'"
