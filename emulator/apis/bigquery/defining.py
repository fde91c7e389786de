"""Statements that make and drop: CREATE TABLE and VIEW, DROP TABLE and VIEW, ALTER TABLE ADD COLUMN.

Source: cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from emulator.apis.bigquery import access, destinations, errors, records, schema, tables
from emulator.apis.bigquery.engine import engine
from emulator.apis.bigquery.learning import statements
from emulator.apis.bigquery.sql import describing, resolving

if TYPE_CHECKING:
    from emulator.apis.bigquery.names import Ref
    from emulator.apis.bigquery.records import Table
    from emulator.apis.bigquery.sql.context import Context
    from emulator.apis.bigquery.work import Task

KINDS = {
    "BIGINT": "INTEGER", "INT": "INTEGER", "DOUBLE": "FLOAT", "BOOLEAN": "BOOLEAN", "TEXT": "STRING", "BINARY": "BYTES",
    "VARCHAR": "STRING", "VARBINARY": "BYTES", "DATE": "DATE", "DATETIME": "DATETIME", "TIMESTAMP": "DATETIME",
    "TIMESTAMPTZ": "TIMESTAMP", "TIME": "TIME", "DECIMAL": "NUMERIC", "JSON": "JSON",
}  # fmt: skip
"""Types as sqlglot calls them -> ours."""


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
    resource = options(statement)
    if isinstance(statement.this, exp.Schema):
        resource["schema"] = {
            "fields": [column(each) for each in statement.this.expressions if isinstance(each, exp.ColumnDef)]
        }
    if view:
        resource["view"] = {"query": original(query), "useLegacySql": False}
    fill(task, ref, resource, None if view else query, context, text, over=over)
    return said | {"ddlOperationPerformed": "REPLACE" if there is not None else "CREATE"}


def fill(  # noqa: PLR0917 - a statement in its parts
    task: Task, ref: Ref, resource: dict[str, Any], query: Any, context: Context, text: str, *, over: bool
) -> None:
    """Make a table as a statement describes it; the one that is there makes room for it when it has its rows.

    A dry run makes it too, and nobody sees it: so it finds the same mistakes.
    """
    found = describing.described(query.copy(), context, text) if query is not None else None
    if found is not None and "schema" not in resource:
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


def original(query: exp.Expression | None) -> str:
    """The query of a view, as GoogleSQL writes it."""
    if query is None:
        raise errors.bad_query("Syntax error: a view needs a query")
    return query.sql("bigquery")


def column(definition: exp.ColumnDef) -> dict[str, Any]:
    """A column of a statement, as `TableFieldSchema`."""
    made = field(definition.name, definition.kind)
    for constraint in definition.args.get("constraints") or ():
        kind = constraint.kind
        if isinstance(kind, exp.NotNullColumnConstraint):
            made["mode"] = "REQUIRED"
        for option in constraint.find_all(exp.Property):
            if option.name.lower() == "description":
                made["description"] = option.args["value"].name
    return made


def field(name: str, kind: exp.DataType | None) -> dict[str, Any]:
    """A name and a type, as `TableFieldSchema`.

    Raises:
        BigQueryError: There is no such type here.
    """
    if kind is None:
        raise errors.bad_query(f"Syntax error: column {name} needs a type")
    sort = kind.this.value if hasattr(kind.this, "value") else str(kind.this)
    if sort in ("ARRAY", "LIST"):
        return field(name, kind.expressions[0]) | {"mode": "REPEATED"}
    if sort == "STRUCT":
        return {"name": name, "type": "RECORD", "fields": [column(each) for each in kind.expressions]}
    if sort not in KINDS:
        raise errors.unimplemented(f"the type {kind.sql('bigquery')} (column {name})")
    return {"name": name, "type": KINDS[sort]}


def options(statement: exp.Create) -> dict[str, Any]:
    """Partitioning, clustering and OPTIONS of a statement, as a table has them."""
    found: dict[str, Any] = {}
    properties = statement.args.get("properties")
    for each in properties.expressions if properties is not None else ():
        if isinstance(each, exp.PartitionedByProperty):
            found |= partitioning(each.this)
        elif isinstance(each, exp.ClusteredByProperty | exp.Cluster | exp.ClusterProperty):
            found["clustering"] = {"fields": [column.name for column in each.expressions]}
        elif isinstance(each, exp.Property):
            option(found, each)
    return found


def partitioning(by: exp.Expression) -> dict[str, Any]:
    """PARTITION BY, as a table has it."""
    inner = by.expressions[0] if isinstance(by, exp.Schema | exp.Tuple) and by.expressions else by
    columns = [each.name for each in inner.find_all(exp.Column)] or [inner.name]
    unit = "DAY"
    for each in inner.find_all(exp.Var, exp.Literal):
        if each.name.upper() in ("HOUR", "DAY", "MONTH", "YEAR"):
            unit = each.name.upper()
    if isinstance(inner, exp.Anonymous) or "RANGE_BUCKET" in inner.sql("bigquery").upper():
        raise errors.unimplemented("PARTITION BY RANGE_BUCKET: make the table by tables.insert")
    if columns[0].upper() in ("_PARTITIONDATE", "_PARTITIONTIME"):
        return {"timePartitioning": {"type": unit}}
    return {"timePartitioning": {"type": unit, "field": columns[0]}}


def option(found: dict[str, Any], each: exp.Property) -> None:
    """One of OPTIONS(...).

    Raises:
        BigQueryError: 501, the emulator has no such option.
    """
    name, value = each.name.lower(), each.args["value"]
    if name in ("description", "friendly_name"):
        found["description" if name == "description" else "friendlyName"] = value.name
    elif name == "labels":
        pairs = [pair.expressions for pair in value.find_all(exp.Tuple)]
        found["labels"] = {key.name: text.name for key, text in pairs}
    elif name == "require_partition_filter":
        found["requirePartitionFilter"] = bool(value.this)
    elif name == "partition_expiration_days" and "timePartitioning" in found:
        found["timePartitioning"]["expirationMs"] = str(int(float(value.name) * 86_400_000))
    else:
        raise errors.unimplemented(f"the option {name} of a statement")


def drop(task: Task, statement: exp.Drop, context: Context) -> dict[str, Any]:
    """DROP TABLE or VIEW."""
    named = statement.args["tables"][0]
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
        records.forget_table(task.world, found)
    return said | {"ddlOperationPerformed": "DROP"}


def alter(task: Task, statement: exp.Alter, context: Context) -> dict[str, Any]:
    """ALTER TABLE ADD COLUMN."""
    named = statement.this
    resolving.check(named)
    ref = context.ref(named.name, named.db, named.catalog)
    access.on_table(task.world, task.caller, "bigquery.tables.update", ref)
    found = records.find_table(task.world, ref)
    actions = statement.args.get("actions") or []
    if not actions or not all(isinstance(each, exp.ColumnDef) for each in actions):
        raise errors.unimplemented("ALTER TABLE with anything but ADD COLUMN")
    known = {each.name.lower() for each in found.fields}
    added = [column(each) for each in actions if not (each.args.get("exists") and each.name.lower() in known)]
    if task.dry:
        schema.steps(found.fields, schema.read(widened(found, added)["schema"]), str(ref))
    else:
        with records.held(task.world, ref) as now:
            tables.altered_rows(task.world, now, widened(now, added))
    return {"statementType": "ALTER_TABLE", "ddlTargetTable": ref.resource, "ddlOperationPerformed": "ALTER"}


def widened(table: Table, added: list[dict[str, Any]]) -> dict[str, Any]:
    """The resource of a table with further columns."""
    fields = [*(table.resource.get("schema") or {}).get("fields", []), *added]
    return tables.checked(table.resource | {"schema": {"fields": fields}})
