"""Statements that change rows: INSERT, UPDATE, DELETE, MERGE, TRUNCATE TABLE.

Source: cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from emulator.apis.bigquery import access, errors, records, rows
from emulator.apis.bigquery.engine import engine, physical
from emulator.apis.bigquery.schema import Field
from emulator.apis.bigquery.sql import describing, parsing, resolving, translating
from emulator.apis.bigquery.types import duck, names, quoted

if TYPE_CHECKING:
    from emulator.apis.bigquery.records import Table
    from emulator.apis.bigquery.sql.context import Context
    from emulator.apis.bigquery.work import Task

CHANGES = {
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Merge: "MERGE",
    exp.TruncateTable: "TRUNCATE_TABLE",
}


def is_change(statement: exp.Expression) -> bool:
    """Whether a statement changes rows."""
    return type(statement) in CHANGES


def run(task: Task, statement: exp.Expression, context: Context, text: str) -> dict[str, Any]:
    """Run a change; returns what the job says of it.

    Raises:
        BigQueryError: It is wrong, may not be run, or fails.
    """
    sort = CHANGES[type(statement)]
    table = target(statement, context)
    check_where(statement)
    sql = (
        inserting(task, statement, table, context, text)
        if isinstance(statement, exp.Insert)
        else other(statement, table, context)
    )
    said: dict[str, Any] = {"statementType": sort, "dmlTargetTable": table.ref.resource}
    if task.dry:
        with task.cursor() as cursor:
            execute(task, cursor, f"EXPLAIN {sql}", text)
        return said
    with task.cursor() as cursor, engine(task.world).transaction(table.rows, cursor):
        execute(task, cursor, sql, text)
        found = cursor.fetchone()
    records.touch(task.world, table)
    count = int(found[0]) if found else 0
    stats = {
        "INSERT": "insertedRowCount",
        "UPDATE": "updatedRowCount",
        "DELETE": "deletedRowCount",
        "TRUNCATE_TABLE": "deletedRowCount",
    }
    counts = {"numDmlAffectedRows": str(count)} | ({"dmlStats": {stats[sort]: str(count)}} if sort in stats else {})
    return said | counts


def execute(task: Task, cursor: Any, sql: str, text: str) -> None:
    """Run a statement of DuckDB's; a mistake is told of the text that it was made of."""
    try:
        engine(task.world).run(cursor, sql)
    except errors.BigQueryError as error:
        raise describing.located(error, text) from error


def target(statement: exp.Expression, context: Context) -> Table:
    """The table that is changed.

    Raises:
        BigQueryError: It is not there, is a view, or the caller may not change it.
    """
    named = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    if isinstance(statement, exp.TruncateTable):
        named = parsing.only(statement.expressions)
    if not isinstance(named, exp.Table):
        raise errors.bad_query("Syntax error: a table is needed")
    resolving.check(named)
    ref = context.ref(named.name, named.db, named.catalog)
    access.on_table(context.world, context.caller, "bigquery.tables.updateData", ref)
    found = records.find_table(context.world, ref)
    if found.view:
        raise errors.bad_query(f"DML over table {ref} is not allowed because it is a view")
    rows.sweep(context.world, found)
    alias = named.alias or (named.name if not isinstance(statement, exp.Insert) else "")
    place = resolving.physical(found)
    if alias and not isinstance(statement, exp.TruncateTable):
        place.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    named.replace(place)
    return found


def check_where(statement: exp.Expression) -> None:
    """Rows are only changed where a statement says which. Source: the reference of each statement."""
    if isinstance(statement, exp.Update | exp.Delete) and not statement.args.get("where"):
        sort = "UPDATE" if isinstance(statement, exp.Update) else "DELETE"
        raise errors.bad_query(f"{sort} must have a WHERE clause")


def other(statement: exp.Expression, table: Table, context: Context) -> str:
    """UPDATE, DELETE, MERGE and TRUNCATE for DuckDB."""
    if isinstance(statement, exp.TruncateTable):
        return f"DELETE FROM {physical(table.rows)}"
    if isinstance(statement, exp.Merge):
        spelled_out(statement, table)
    return translating.written(translating.prepared(statement, context))


def spelled_out(statement: exp.Merge, table: Table) -> None:
    """`INSERT ROW` of a MERGE has all columns; rows that are inserted arrive now."""
    if table.by_arrival:
        raise errors.unimplemented("MERGE into a table that is partitioned by arrival")
    for when in statement.find_all(exp.When):
        then = when.args.get("then")
        if isinstance(then, exp.Insert) and isinstance(then.this, exp.Var) and then.this.name.upper() == "ROW":
            listed = [exp.column(exp.to_identifier(each.name, quoted=True)) for each in table.fields]
            source = statement.args["using"].alias_or_name
            given = [exp.column(exp.to_identifier(each.name, quoted=True), table=source) for each in table.fields]
            then.set("this", exp.Tuple(expressions=listed))
            then.set("expression", exp.Tuple(expressions=given))


def inserting(task: Task, statement: exp.Insert, table: Table, context: Context, text: str) -> str:
    """INSERT for DuckDB: with all columns named, each value of the type that it has in the table."""
    wanted = statement.this.expressions if isinstance(statement.this, exp.Schema) else []
    fields = chosen(table, [each.name for each in wanted])
    source = statement.expression
    if isinstance(source, exp.Values):
        sql = values(source, fields, context)
    else:
        found = describing.described(source.copy(), context, text)  # nothing around it counts
        check_count(len(found.fields), fields)
        check_types(found.fields, fields)
        given = ", ".join(
            f"CAST({quoted(each.name)} AS {duck(field)})" for each, field in zip(found.fields, fields, strict=True)
        )
        sql = f"SELECT {given} FROM ({found.sql})"
    extra, value = rows.arriving(task.world, table)
    return f"INSERT INTO {physical(table.rows)} ({names(fields)}{extra}) SELECT *{value} FROM ({sql})"


def values(source: exp.Values, fields: list[Field], context: Context) -> str:
    """Rows that are written out."""
    listed = [each.expressions if isinstance(each, exp.Tuple) else [each] for each in source.expressions]
    for each in listed:
        check_count(len(each), fields)
    selects = [
        exp.select(
            *(
                exp.cast(null_of(cell), exp.DataType.build(duck(field), dialect="duckdb"))
                for cell, field in zip(row, fields, strict=True)
            )
        )
        for row in listed
    ]
    return " UNION ALL ".join(translating.written(translating.prepared(each, context)) for each in selects)


def null_of(cell: exp.Expression) -> exp.Expression:
    """DEFAULT is NULL here: columns have no other default."""
    return exp.Null() if isinstance(cell, exp.Column) and cell.name.upper() == "DEFAULT" else cell.copy()


def chosen(table: Table, wanted: list[str]) -> list[Field]:
    """The columns that are named; all, if none is.

    Raises:
        BigQueryError: One is not there.
    """
    if not wanted:
        return list(table.fields)
    known = {each.name.lower(): each for each in table.fields}
    strange = [name for name in wanted if name.lower() not in known]
    if strange:
        raise errors.bad_query(f"Column {strange[0]} is not present in table {table.ref}")
    return [known[name.lower()] for name in wanted]


def check_count(given: int, fields: list[Field]) -> None:
    """As many values as columns. Source of the words: BigQuery's own, quoted in issues of dbt-bigquery."""
    if given != len(fields):
        text = f"Inserted row has wrong column count; Has {given}, expected {len(fields)}"
        raise errors.bad_query(text)


NUMBERS = {"INTEGER": 0, "NUMERIC": 1, "FLOAT": 2}


def check_types(given: tuple[Field, ...], wanted: list[Field]) -> None:
    """Values fit their columns without a cast. Source of the words: issues of dbt-bigquery."""
    for position, (have, want) in enumerate(zip(given, wanted, strict=True), 1):
        widens = have.kind in NUMBERS and want.kind in NUMBERS and NUMBERS[have.kind] <= NUMBERS[want.kind]
        if have.kind != want.kind and not widens and have.kind != "INTEGER":
            text = f"Query column {position} has type {have.kind} which cannot be inserted into column {want.name}"
            raise errors.bad_query(f"{text}, which has type {want.kind}")
