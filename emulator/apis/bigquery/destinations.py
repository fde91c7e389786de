"""Where a job writes: may it, is there a table, is what is in it kept.

Source: reference/rest/v2/Job, `createDisposition`, `writeDisposition`, `schemaUpdateOptions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import access, errors, records, rows, schema, tables
from emulator.apis.bigquery.engine import engine, physical
from emulator.apis.bigquery.schema import Field
from emulator.apis.bigquery.types import names

if TYPE_CHECKING:
    from emulator.apis.bigquery.names import Ref
    from emulator.apis.bigquery.records import Table
    from emulator.apis.bigquery.work import Task
    from emulator.core.world import World

CREATE = ("CREATE_IF_NEEDED", "CREATE_NEVER")
WRITE = ("WRITE_APPEND", "WRITE_EMPTY", "WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA")
LIKE_TABLE = {key: key for key in ("timePartitioning", "rangePartitioning", "clustering")} | {
    "destinationEncryptionConfiguration": "encryptionConfiguration"
}
"""What a job says of a new table -> what a table calls it."""
ADD, RELAX = "ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"


@dataclass(frozen=True, slots=True)
class Destination:
    """What a job's configuration says of where it writes.

    Attributes:
        ref: Which table.
        create: Whether it is made where there is none.
        write: `WRITE_APPEND`, ...
        options: Of the columns that the job may add or loosen.
        like: What a new table is partitioned and clustered by.
    """

    ref: Ref
    create: bool
    write: str
    options: frozenset[str]
    like: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A table that is ready for the rows of a job.

    Attributes:
        table: It.
        hidden: Whether nobody sees it, or these rows, before `settle`.
        over: The rows that it takes the place of.
    """

    table: Table
    hidden: bool
    over: str = ""


def of(task: Task, ref: Ref, default: str) -> Destination:
    """The destination of a job.

    Raises:
        BigQueryError: There is no such disposition.
    """
    given = task.configuration
    create, write = given.get("createDisposition") or CREATE[0], given.get("writeDisposition") or default
    if create not in CREATE or write not in WRITE:
        raise errors.invalid(f"Invalid value for disposition: {create}, {write}")
    like = {ours: given[key] for key, ours in LIKE_TABLE.items() if given.get(key)}
    options = frozenset(given.get("schemaUpdateOptions") or ())
    return Destination(ref, create == CREATE[0], write.removesuffix("_DATA"), options, like)


def allowed(task: Task, to: Destination) -> Table | None:
    """The table that is there, where the caller may write; None: it is to be made.

    Raises:
        BigQueryError: 403, 404, or the table has rows and must not.
    """
    found = records.look_for_table(task.world, to.ref)
    if found is None:
        records.find_dataset(task.world, to.ref.project, to.ref.dataset)
        if not to.create:
            raise errors.not_found("Table", str(to.ref))
        access.require(task.world, task.caller, "bigquery.tables.create", to.ref.project, to.ref.dataset)
        return None
    if found.view:
        raise errors.invalid(f"{to.ref} is not allowed for this operation because it is currently a VIEW.")
    access.on_table(task.world, task.caller, "bigquery.tables.updateData", to.ref)
    if to.write == "WRITE_EMPTY" and rows.total(task.world, found.rows):
        raise errors.duplicate("Table", str(to.ref))
    return found


def prepared(task: Task, to: Destination, fields: Sequence[Field]) -> Prepared:
    """The table, with columns for these: made, widened or, where it is written anew, made over.

    Raises:
        BigQueryError: As `allowed`, or the columns are others.
    """
    found = allowed(task, to)
    if found is None:
        resource = to.like | {"schema": {"fields": [each.resource for each in fields]}}
        return Prepared(tables.made(task.world, to.ref, resource, task.caller), hidden=True)
    if to.write == "WRITE_TRUNCATE":
        return Prepared(made_over(task.world, found, to, fields), hidden=True, over=found.rows)
    if not found.fields:
        return Prepared(widened(task.world, found, tuple(fields)), hidden=False)
    wanted = schema.united(
        found.fields, tuple(fields), add=ADD in to.options, relax=RELAX in to.options, table=str(to.ref)
    )
    return Prepared(widened(task.world, found, wanted), hidden=False)


def made_over(world: World, found: Table, to: Destination, fields: Sequence[Field]) -> Table:
    """A table as it will be: other columns where they differ, and rows of their own."""
    same = [(each.name, each.kind) for each in found.fields] == [(each.name, each.kind) for each in fields]
    shown = found.resource.get("schema") if same else {"fields": [each.resource for each in fields]}
    resource = tables.checked(found.resource | to.like | {"schema": shown})
    made = replace(found, resource=resource)
    return replace(made, rows=rows.make(world, made.fields, by_arrival=made.by_arrival))


def widened(world: World, found: Table, fields: tuple[Field, ...]) -> Table:
    """A table with further or looser columns."""
    if fields == found.fields:
        return found
    with records.held(world, found.ref) as now:
        kept = {each["name"]: each for each in (now.resource.get("schema") or {}).get("fields", [])}
        shown = [kept.get(each.name, {}) | each.resource for each in fields]
        return tables.altered_rows(world, now, now.resource | {"schema": {"fields": shown}})


def fill(task: Task, to: Destination, fields: Sequence[Field], write: Callable[[Table, Any], int]) -> Table:
    """Let a job write, whole or not at all.

    Args:
        task: The job.
        to: Its destination.
        fields: The columns that it writes.
        write: Adds rows to a table, in the transaction of a cursor; returns how many.

    Raises:
        BigQueryError: It may not, or it fails.
    """
    ready = prepared(task, to, fields)
    table, base = ready.table, engine(task.world)
    try:
        with task.cursor() as cursor, base.transaction(table.rows, cursor):
            task.statistics["outputRows"] = str(write(table, cursor))
            task.check()
        kept = settle(task.world, ready, to)
        return kept if kept is not None else moved(task, to, table)
    except BaseException:
        if ready.hidden:
            tables.discard(task.world, table)
        raise


def settle(world: World, ready: Prepared, to: Destination) -> Table | None:
    """Show what was written; None: it cannot be shown, for another table was made there meanwhile."""
    table = ready.table
    if not ready.hidden:
        return records.touch(world, table)
    with world.store.transaction():
        before = records.look_for_table(world, to.ref)
        if before is not None and (before.view or to.write != "WRITE_TRUNCATE"):
            return None
        records.find_dataset(world, to.ref.project, to.ref.dataset)
        resource = table.resource
        if before is not None and before.rows == ready.over:  # what else was changed meanwhile stays
            resource = before.resource | {key: resource[key] for key in ("schema", *to.like) if key in resource}
        kept = records.put_table(world, replace(table, resource=resource))
    if before is not None and before.rows:
        engine(world).retire(before.rows)
    return kept


def moved(task: Task, to: Destination, table: Table) -> Table:
    """Add the rows of a table that nobody has seen to the one that was made in its place."""
    sql = f"SELECT {names(table.fields)} FROM {physical(table.rows)}"
    kept = fill(task, to, table.fields, lambda other, cursor: insert(task, other, cursor, sql, table.fields))
    tables.discard(task.world, table)
    return kept


def insert(task: Task, table: Table, cursor: Any, sql: str, fields: Sequence[Field]) -> int:
    """Add the rows of a query of DuckDB's to a table; returns how many."""
    if not fields:
        return 0
    extra, value = rows.arriving(task.world, table)
    base = engine(task.world)
    base.run(cursor, f"INSERT INTO {physical(table.rows)} ({names(fields)}{extra}) SELECT *{value} FROM ({sql})")
    found = cursor.fetchone()
    return int(found[0]) if found else 0
