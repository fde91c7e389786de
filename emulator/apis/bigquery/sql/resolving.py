"""The tables that a statement names: each becomes a query of its rows, or the query of its view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import sqlglot
from sqlglot import exp

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.engine import SCHEMA
from emulator.apis.bigquery.rows import ARRIVAL
from emulator.apis.bigquery.sql import information, parsing

if TYPE_CHECKING:
    from emulator.apis.bigquery.records import Table
    from emulator.apis.bigquery.sql.context import Context

PSEUDO = {"_partitiontime", "_partitiondate"}


Prepare = Callable[[exp.Expression, "Context"], exp.Expression]


def resolve(statement: exp.Expression, context: Context, prepare: Prepare) -> None:
    """Replace every table that is read.

    Args:
        statement: Changed in place.
        context: Its surroundings.
        prepare: What makes a view's query ready, as the statement itself is made.

    Raises:
        BigQueryError: One is not there, may not be read, or is of a sort that is not emulated.
    """
    named = {each.name.lower() for each in statement.find_all(exp.Column)}
    filtered = {each.name.lower() for where in statement.find_all(exp.Where) for each in where.find_all(exp.Column)}
    for table in list(statement.find_all(exp.Table)):
        if table.meta.get("resolved") or is_cte(table):
            continue
        if isinstance(table.this, exp.Predict) and context.ask is not None:
            answer = context.ask(context, table.this)
            table.replace(exp.Subquery(this=answer, alias=table.args.get("alias")))
            continue
        if table.find_ancestor(exp.Predict) is not None and context.ask is not None:
            continue
        check(table)
        if is_array(table):
            table.replace(unnested(table))
            continue
        replacement = read(table, context, prepare, pseudo=bool(named & PSEUDO), filtered=filtered)
        keep_outside(table, replacement)
        table.replace(replacement)
    if named & PSEUDO:
        hide_pseudo(statement)


def check(table: exp.Table) -> None:
    """Refuse what is no plain table.

    Raises:
        BigQueryError: 400 or 501.
    """
    if not isinstance(table.this, exp.Identifier):
        raise errors.bad_query(f"Table-valued function not found: {table.this.sql('bigquery').partition('(')[0]}")
    if table.args.get("version") or table.args.get("when"):
        raise errors.unimplemented("FOR SYSTEM_TIME AS OF: tables as they were")
    if "*" in table.name:
        raise errors.unimplemented(f"wildcard tables ({table.name})")
    if "$" in table.name:
        raise errors.unimplemented(f"partition decorators in queries ({table.name})")


def is_cte(table: exp.Table) -> bool:
    """Whether a name is that of a common table expression around it.

    Where DuckDB would see none, there must be none for us: the name would reach a table of DuckDB's own.
    """
    if table.args.get("db"):
        return False
    path: list[exp.Expr] = [table]
    while (around := path[-1].parent) is not None:
        found = around.args.get("with_") or around.args.get("with")
        if found is not None and table.name.lower() in visible(found, path):
            return True
        path.append(around)
    return False


def visible(scope: exp.With, path: Sequence[exp.Expr]) -> set[str]:
    """The names of a WITH that can be used at a place: all after it; in it, those before, and its own where it recurs.

    Args:
        scope: The WITH.
        path: The place and what is around it, up to what has the WITH, or to the WITH itself.
    """
    names: set[str] = set()
    for each in scope.expressions:
        inside = next((index for index, node in enumerate(path) if node is each), None)
        if inside is None:
            names.add(each.alias.lower())
            continue
        recurs = scope.args.get("recursive") and isinstance(each.this, exp.Union)
        if recurs and inside > 1 and path[inside - 2] is each.this.expression:
            names.add(each.alias.lower())
        break
    return names


def is_array(table: exp.Table) -> bool:
    """Whether what looks like `dataset.table` is the array of a table before it: `FROM t, t.items`."""
    around = table.find_ancestor(exp.Select)
    if not table.db or table.catalog or around is None:
        return False
    first = around.args.get("from_") or around.args.get("from")
    sources = [first.this] if first is not None else []
    sources += [each.this for each in around.args.get("joins") or ()]
    return any(each is not table and each.alias_or_name.lower() == table.db.lower() for each in sources)


def unnested(table: exp.Table) -> exp.Expression:
    """The array of a table before it, as rows."""
    made = sqlglot.parse_one(
        f"SELECT 1 FROM UNNEST(`{table.db}`.`{table.name}`) AS `{table.alias or table.name}`", read="bigquery"
    )
    found = made.find(exp.Unnest)
    assert found is not None  # noqa: S101 - we have just written it
    return found


def read(table: exp.Table, context: Context, prepare: Prepare, *, pseudo: bool, filtered: set[str]) -> exp.Expression:
    """What stands in the place of a table that is read, under the name that the statement calls it by."""
    catalog, dataset, name = table.catalog, table.db, table.name
    if name.upper().startswith("INFORMATION_SCHEMA."):
        view = information.query(context, name.partition(".")[2].upper(), dataset, catalog)
        return view.subquery(table.alias or name.partition(".")[2])
    found = context.table(context.ref(name, dataset, catalog))
    if found.view:
        made = prepare(parsing.statement(found.view), context.inside(found))
        return exp.Subquery(this=made, alias=exp.TableAlias(this=exp.to_identifier(table.alias or name, quoted=True)))
    check_filter(found, filtered)
    return exp.Subquery(
        this=source(found, pseudo=pseudo and found.by_arrival),
        alias=exp.TableAlias(this=exp.to_identifier(table.alias or name, quoted=True)),
    )


def source(table: Table, *, pseudo: bool) -> exp.Select:
    """The rows of a table: its own columns, and the pseudo columns where they are asked for."""
    columns: list[exp.Expression] = [exp.column(exp.to_identifier(each.name, quoted=True)) for each in table.fields]
    if pseudo:
        arrival = exp.column(exp.to_identifier(ARRIVAL, quoted=True))
        dated = exp.alias_(exp.cast(arrival.copy(), "DATE"), "_PARTITIONDATE", quoted=True)
        columns += [arrival, cast("exp.Expression", dated)]
    return exp.select(*columns or [exp.Literal.number(1)]).from_(physical(table))


def physical(table: Table) -> exp.Table:
    """The rows as DuckDB has them."""
    made = exp.Table(this=exp.to_identifier(table.rows, quoted=True), db=exp.to_identifier(SCHEMA))
    made.meta["resolved"] = True
    return made


def keep_outside(table: exp.Table, replacement: exp.Expression) -> None:
    """Carry over what stands after a table: joins, pivots, samples."""
    for key in ("joins", "pivots", "laterals", "sample"):
        if table.args.get(key):
            replacement.set(key, table.args[key])


def check_filter(table: Table, filtered: set[str]) -> None:
    """Refuse to read all partitions where a filter is required.

    Source of the words: issues of googleapis/python-bigquery and dbt-bigquery.
    """
    if not table.resource.get("requirePartitionFilter"):
        return
    by_time, by_range = table.resource.get("timePartitioning") or {}, table.resource.get("rangePartitioning") or {}
    names = [by_time.get("field") or by_range.get("field") or ARRIVAL]
    names += [] if by_time.get("field") or by_range else ["_PARTITIONDATE"]
    if not filtered & {each.lower() for each in names}:
        where = f"{table.ref.dataset}.{table.ref.table}"
        shown = "', '".join(names)
        text = f"Cannot query over table '{where}' without a filter over column(s) '{shown}' that can be used for"
        raise errors.bad_query(f"{text} partition elimination")


def hide_pseudo(statement: exp.Expression) -> None:
    """`*` has no pseudo columns in it."""
    for star in statement.find_all(exp.Star):
        if isinstance(star.parent, exp.Select):
            kept = star.args.get("except_") or []
            star.set("except_", [*kept, *(exp.to_identifier(each.upper()) for each in sorted(PSEUDO))])
