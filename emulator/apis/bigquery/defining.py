"""Statements that make and drop: CREATE TABLE and VIEW, DROP TABLE and VIEW, ALTER TABLE ADD COLUMN.

Source: cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from emulator.apis.bigquery import access, changing, destinations, errors, records, schema, stated, tables
from emulator.apis.bigquery.engine import engine
from emulator.apis.bigquery.learning import statements
from emulator.apis.bigquery.sql import describing, parsing, resolving
from emulator.apis.bigquery.types import duck, quoted

if TYPE_CHECKING:
    from emulator.apis.bigquery.names import Ref
    from emulator.apis.bigquery.records import Table
    from emulator.apis.bigquery.schema import Field
    from emulator.apis.bigquery.sql.context import Context
    from emulator.apis.bigquery.work import Task


def run(task: Task, statement: exp.Expression, context: Context, text: str) -> dict[str, Any]:
    """Run a definition; returns what the job says of it.

    Raises:
        BigQueryError: It is wrong, may not be run, or the emulator has no such statement.
    """
    if isinstance(statement, exp.Create) and statement.kind in ("TABLE", "VIEW"):
        return create(task, statement, context, text)
    if isinstance(statement, exp.Create) and statement.kind == "MODEL":
        return statements.create(task, statement, context, text)
    if isinstance(statement, exp.Drop) and statement.kind == "MODEL":
        return statements.drop(task, statement, context)
    if isinstance(statement, exp.Drop) and statement.kind in ("TABLE", "VIEW"):
        return drop(task, statement, context)
    if isinstance(statement, exp.Alter) and statement.args.get("kind") == "TABLE":
        return alter(task, statement, context)
    sort = statement.sql("bigquery").split("(")[0].split()[:2]
    raise errors.unimplemented(f"the statement {' '.join(sort).upper()}")


def create(task: Task, statement: exp.Create, context: Context, text: str) -> dict[str, Any]:
    """CREATE [OR REPLACE] TABLE or VIEW, with columns, a query, or both."""
    named = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    ref = context.ref(named.name, named.db, named.catalog)
    query, view = statement.expression, statement.kind == "VIEW"
    sort = f"CREATE_{statement.kind}" + ("_AS_SELECT" if query is not None and not view else "")
    said = {"statementType": sort, "ddlTargetTable": ref.resource}
    there = records.look_for_table(task.world, ref)
    over = bool(statement.args.get("replace"))
    if there is not None and statement.args.get("exists"):
        return said | {"ddlOperationPerformed": "SKIP"}
    if there is not None and not over:
        raise errors.duplicate("Table", str(ref))
    access.require(task.world, task.caller, "bigquery.tables.create", ref.project, ref.dataset)
    if there is not None:
        check_over(task, there, view=view)
    resource = stated.resource(statement)
    if view:
        resource["view"] = {"query": original(query), "useLegacySql": False}
    fill(task, ref, resource, None if view else query, context, text, over=over)
    return said | {"ddlOperationPerformed": "REPLACE" if there is not None else "CREATE"}


def check_over(task: Task, there: Table, *, view: bool) -> None:
    """Whether a table may be replaced, or a view.

    Source: the reference, "Required permissions" of OR REPLACE; the words: issues of dbt-bigquery.

    Raises:
        BigQueryError: 403, or it is of the other sort.
    """
    for each in ("bigquery.tables.update", *(() if view else ("bigquery.tables.updateData",))):
        access.on_table(task.world, task.caller, each, there.ref)
    if bool(there.view) != view:
        sort = "VIEW" if there.view else "TABLE"
        raise errors.bad_query(f"{there.ref} is not allowed for this operation because it is currently a {sort}.")


def fill(  # noqa: PLR0917 - a statement in its parts
    task: Task, ref: Ref, resource: dict[str, Any], query: Any, context: Context, text: str, *, over: bool
) -> None:
    """Make a table as a statement describes it; the one that is there makes room for it when it has its rows.

    A dry run makes it too, and nobody sees it: so it finds the same mistakes.
    """
    found = describing.described(query.copy(), context, text) if query is not None else None
    if found is not None and "schema" in resource:
        found = placed(found, schema.read(resource["schema"]))
    elif found is not None:
        resource["schema"] = {"fields": [each.resource for each in found.fields]}
    table = tables.made(task.world, ref, resource, task.caller)
    if task.dry:
        tables.discard(task.world, table)
        return
    if found is not None:
        try:
            with task.cursor() as cursor, engine(task.world).transaction(table.rows, cursor):
                destinations.insert(task, table, cursor, found.sql, found.fields)
                task.check()
        except BaseException:
            tables.discard(task.world, table)
            raise
    tables.publish(task.world, table, over=over)


def placed(query: describing.Query, fields: Sequence[Field]) -> describing.Query:
    """A query whose columns are those that the statement lists, in their order, whatever it calls them itself.

    Raises:
        BigQueryError: There are more or fewer, or of other types.
    """
    changing.check_count(len(query.fields), list(fields))
    changing.check_types(query.fields, list(fields))
    given = ", ".join(
        f"CAST({quoted(have.name)} AS {duck(want)}) AS {quoted(want.name)}"
        for have, want in zip(query.fields, fields, strict=True)
    )
    return describing.Query(f"SELECT {given} FROM ({query.sql})", tuple(fields))


def original(query: exp.Expression | None) -> str:
    """The query of a view, as GoogleSQL writes it."""
    if query is None:
        raise errors.bad_query("Syntax error: a view needs a query")
    return query.sql("bigquery")


def drop(task: Task, statement: exp.Drop, context: Context) -> dict[str, Any]:
    """DROP TABLE or VIEW."""
    named = parsing.only(statement.args["tables"])
    ref = context.ref(named.name, named.db, named.catalog)
    said = {"statementType": f"DROP_{statement.kind}", "ddlTargetTable": ref.resource}
    found = records.look_for_table(task.world, ref)
    if found is None and statement.args.get("exists"):
        return said | {"ddlOperationPerformed": "SKIP"}
    access.on_table(task.world, task.caller, "bigquery.tables.delete", ref)
    found = records.find_table(task.world, ref)
    if bool(found.view) != (statement.kind == "VIEW"):
        raise errors.bad_query(f"{ref} is not a {str(statement.kind).lower()}")
    if not task.dry:
        with task.world.store.transaction():
            records.forget_table(task.world, records.find_table(task.world, ref))
    return said | {"ddlOperationPerformed": "DROP"}


def alter(task: Task, statement: exp.Alter, context: Context) -> dict[str, Any]:
    """ALTER TABLE ADD COLUMN."""
    named = statement.this
    resolving.check(named)
    ref = context.ref(named.name, named.db, named.catalog)
    access.on_table(task.world, task.caller, "bigquery.tables.update", ref)
    said = {"statementType": "ALTER_TABLE", "ddlTargetTable": ref.resource}
    if statement.args.get("exists") and records.look_for_table(task.world, ref) is None:
        return said | {"ddlOperationPerformed": "SKIP"}
    found = records.find_table(task.world, ref)
    actions = statement.args.get("actions") or []
    if not actions or not all(isinstance(each, exp.ColumnDef) for each in actions):
        raise errors.unimplemented("ALTER TABLE with anything but ADD COLUMN")
    known = {each.name.lower() for each in found.fields}
    added = [stated.column(each) for each in actions if not (each.args.get("exists") and each.name.lower() in known)]
    if task.dry:
        schema.steps(found.fields, schema.read(widened(found, added)["schema"]), str(ref))
    else:
        with records.held(task.world, ref) as now:
            tables.altered_rows(task.world, now, widened(now, added))
    return said | {"ddlOperationPerformed": "ALTER"}


def widened(table: Table, added: list[dict[str, Any]]) -> dict[str, Any]:
    """The resource of a table with further columns."""
    fields = [*(table.resource.get("schema") or {}).get("fields", []), *added]
    return tables.checked(table.resource | {"schema": {"fields": fields}})
