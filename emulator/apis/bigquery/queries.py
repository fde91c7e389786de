"""Query jobs: SELECT into a table, changes of rows, and what makes and drops tables."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlglot import exp

from emulator.apis.bigquery import access, changing, datasets, defining, destinations, errors, records, rows
from emulator.apis.bigquery.destinations import Destination
from emulator.apis.bigquery.engine import engine
from emulator.apis.bigquery.learning import statements
from emulator.apis.bigquery.names import Ref
from emulator.apis.bigquery.sql import describing, parsing
from emulator.apis.bigquery.sql.context import Context
from emulator.identity.callers import shown

if TYPE_CHECKING:
    from emulator.apis.bigquery.work import Task
    from emulator.core.world import World

LASTS_MS = 24 * 3_600_000
"""For how long the rows of a query are kept. Source: cloud.google.com/bigquery/docs/cached-results."""
BILLED = 10 * 1024 * 1024
"""The least that a table of a query counts. Source: cloud.google.com/bigquery/pricing#on_demand_pricing."""
ROUND = 1024 * 1024


def run(task: Task) -> None:
    """Run a query job.

    Raises:
        BigQueryError: It is wrong, may not be run, or fails.
    """
    text, evaluates = statements.spelled(str(task.configuration.get("query") or ""))
    if task.configuration.get("useLegacySql", True):
        raise errors.unimplemented("legacy SQL: set useLegacySql to false")
    context = context_of(task)
    context.ask, context.evaluates = statements.ask, evaluates
    try:
        perform(task, context, text)
        tell(task, context)
    finally:
        if context.temporary:
            engine(task.world).drop(*context.temporary)


def perform(task: Task, context: Context, text: str) -> None:
    """Run whatever statement it is."""
    exported = statements.export(task, context, text)
    if exported is not None:
        task.statistics["query"] = exported
        return
    statement = parsing.statement(text)
    if isinstance(statement, exp.Query):
        select(task, statement, context, text)
    elif changing.is_change(statement):
        task.statistics["query"] = changing.run(task, statement, context, text)
    else:
        task.statistics["query"] = defining.run(task, statement, context, text)


def context_of(task: Task) -> Context:
    """What the query is read against."""
    default = task.configuration.get("defaultDataset") or {}
    named = (
        (str(default.get("projectId") or task.project), str(default["datasetId"])) if default.get("datasetId") else None
    )
    given = list(task.configuration.get("queryParameters") or [])
    return Context(task.world, task.caller, task.project, named, given)


def select(task: Task, statement: exp.Expression, context: Context, text: str) -> None:
    """Write the rows of a query to its destination, or to a table of its own that lasts for a day."""
    found = describing.described(statement, context, text)
    task.fields = found.fields
    task.statistics["query"] = {
        "statementType": "SELECT",
        "schema": {"fields": [each.resource for each in found.fields]},
    }
    if task.dry:
        return
    check_bytes(task, context)
    to = destination(task)
    table = destinations.fill(
        task, to, found.fields, lambda table, cursor: destinations.insert(task, table, cursor, found.sql, found.fields)
    )
    task.statistics["query"]["outputRows"] = task.statistics.pop("outputRows")
    task.destination = table.ref
    task.configuration["destinationTable"] = table.ref.resource


def check_bytes(task: Task, context: Context) -> None:
    """Refuse a query that would read more than its job may. Source of the words: docs/error-messages."""
    most = task.configuration.get("maximumBytesBilled")
    if not most:
        return
    billed = billed_bytes(sum(rows.count(task.world, each).bytes for each in context.used.values()), len(context.used))
    if billed > int(most):
        text = f"Query exceeded limit for bytes billed: {most}. {billed} or higher required."
        raise errors.BigQueryError(400, "bytesBilledLimitExceeded", text)


def billed_bytes(size: int, tables: int) -> int:
    """What a query of so many bytes, of so many tables, would be billed for."""
    return max(-(-size // ROUND) * ROUND, BILLED * tables) if size else 0


def destination(task: Task) -> Destination:
    """Where the rows go."""
    given = task.configuration.get("destinationTable")
    if given:
        return destinations.of(task, Ref.of(given, task.project), "WRITE_EMPTY")
    world, now = task.world, int(records.millis(task.world.clock.now()))
    dataset = anonymous(world, task.project, task.caller)
    name = "anon" + hashlib.sha256(f"{now} {id(task)} {records.new_etag()}".encode()).hexdigest()[:40]
    like = {"expirationTime": str(now + LASTS_MS)}
    return Destination(
        Ref(task.project, dataset, name), create=True, write="WRITE_TRUNCATE", options=frozenset(), like=like
    )


def anonymous(world: World, project: str, caller: str) -> str:
    """The hidden dataset of a caller's results, made when it is first needed. What is over in it is forgotten."""
    name = "_" + hashlib.sha256(shown(caller).encode()).hexdigest()[:40]
    if world.store.get(records.DATASET, records.dataset_key(project, name)) is None:
        now = records.millis(world.clock.now())
        made = {
            "kind": "bigquery#dataset",
            "id": f"{project}:{name}",
            "datasetReference": {"datasetId": name, "projectId": project},
            "etag": records.new_etag(),
            "location": "US",
            "creationTime": now,
            "lastModifiedTime": now,
            "type": "DEFAULT",
            "access": [{"role": "OWNER", **access.entry_of(caller)}],
        }
        datasets.put(world, project, name, made)
    records.tables(world, project, name)
    return name


def tell(task: Task, context: Context) -> None:
    """What a query job says of itself in the end: what it read, and what that would have cost."""
    read = list(context.used.values())
    size = sum(rows.count(task.world, each).bytes for each in read)
    billed = billed_bytes(size, len(read))
    query = task.statistics.setdefault("query", {})
    query |= {
        "totalBytesProcessed": str(size),
        "totalBytesBilled": "0" if task.dry else str(billed),
        "billingTier": 1,
        "cacheHit": False,
        "totalSlotMs": "1",
        "totalPartitionsProcessed": "0",
    }
    if read:
        query["referencedTables"] = [each.ref.resource for each in read]
    if task.dry:
        query["totalBytesProcessedAccuracy"] = "PRECISE"
    task.statistics["totalBytesProcessed"] = str(size)
