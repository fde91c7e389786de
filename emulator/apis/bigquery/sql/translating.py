"""What GoogleSQL means where DuckDB means something else: constants, divisions, the time, functions.

The emulator's own functions begin with `bq_`; they are made in DuckDB by `macros`.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlglot
from sqlglot import exp

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.sql import parameters, resolving

if TYPE_CHECKING:
    from emulator.apis.bigquery.sql.context import Context

OWN = frozenset({"ieee_divide", "safe_add", "safe_subtract", "safe_multiply", "safe_negate"})
"""Functions of GoogleSQL that sqlglot does not know, and that we have made."""
MADE = frozenset({"bq_string", "bq_div", "bq_intdiv", "bq_mod", "try", "printf"})
NOW: dict[type[Any], tuple[str, str]] = {
    exp.CurrentTimestamp: ("TIMESTAMPTZ", "%Y-%m-%d %H:%M:%S.%f+00:00"),
    exp.CurrentDate: ("DATE", "%Y-%m-%d"),
    exp.CurrentDatetime: ("TIMESTAMP", "%Y-%m-%d %H:%M:%S.%f"),
    exp.CurrentTime: ("TIME", "%H:%M:%S.%f"),
}
SOURCES = (exp.Table, exp.Subquery, exp.Unnest, exp.Values, exp.Lateral)
"""What rows may come of: `check_sources` looks into the last."""
DIVISIONS: dict[type[Any], str] = {exp.Div: "bq_div", exp.IntDiv: "bq_intdiv", exp.Mod: "bq_mod"}


def prepared(statement: exp.Expression, context: Context) -> exp.Expression:
    """A statement with its tables, parameters and constants replaced; it is changed in place."""
    check_sources(statement)
    parameters.replace(statement, context.parameters)
    resolving.resolve(statement, context, prepared)
    check_functions(statement)
    return replaced(statement, context)


def replaced(statement: exp.Expression, context: Context) -> exp.Expression:
    """A statement with each part as DuckDB has to be told it, the inner ones first."""
    for node in reversed(list(statement.walk())):
        part = cast("exp.Expression", node)
        made = meaning(part, context)
        if made is part:
            continue
        if part.parent is None:
            statement = made
        else:
            part.replace(made)
    return statement


def written(statement: exp.Expression) -> str:
    """A prepared statement for DuckDB.

    Raises:
        BigQueryError: 501, naming what cannot be said there.
    """
    try:
        return statement.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except (sqlglot.UnsupportedError, ValueError, RecursionError) as error:
        raise errors.unimplemented(f"this: {str(error).splitlines()[0]}") from None


def check_sources(statement: exp.Expression) -> None:
    """Refuse rows that come of anything but tables, queries, arrays and values: DuckDB's functions read files.

    Raises:
        BigQueryError: 400, in BigQuery's words.
    """
    for found in statement.find_all(exp.UDTF, exp.ReadCSV, exp.ReadParquet):
        inside = found.this if isinstance(found, exp.Lateral) else found
        if not isinstance(inside, exp.Unnest | exp.Values):
            raise errors.bad_query(f"Table-valued function not found: {inside.sql('bigquery').partition('(')[0]}")
    for found in statement.find_all(exp.From, exp.Join):
        if not isinstance(found.this, SOURCES):
            raise errors.bad_query(f"Syntax error: Unexpected {found.this.sql('bigquery')[:100]}")
    for found in statement.find_all(exp.Predict):
        if not isinstance(found.parent, exp.Table):
            raise errors.bad_query("Function not found: ML.PREDICT: it stands after FROM")


def check_functions(statement: exp.Expression) -> None:
    """Refuse functions that nobody knows, so that none of DuckDB's own is reached.

    Raises:
        BigQueryError: 400, in BigQuery's words; 501 for those that BigQuery has.
    """
    for net in statement.find_all(exp.NetFunc):
        raise errors.unimplemented(f"the function {net.sql('bigquery').partition('(')[0]}")
    for found in statement.find_all(exp.Anonymous, exp.AnonymousAggFunc):
        name, parent = str(found.this if isinstance(found.this, str) else found.name), found.parent
        if isinstance(parent, exp.Dot):
            raise errors.unimplemented(f"the function {parent.this.sql('bigquery').upper()}.{name.upper()}")
        if name.lower() not in OWN | MADE:
            raise errors.bad_query(f"Function not found: {name}")


def meaning(node: exp.Expression, context: Context) -> exp.Expression:
    """One expression as DuckDB has to be told it."""
    if isinstance(node, exp.Literal) and not node.is_string:
        return real(node)
    if type(node) in DIVISIONS:
        return exp.Anonymous(this=DIVISIONS[type(node)], expressions=[node.this, node.expression])
    if type(node) in NOW:
        return present(node, context)
    if isinstance(node, exp.SafeFunc):
        return exp.Anonymous(this="TRY", expressions=[node.this])
    return named_otherwise(node)


def named_otherwise(node: exp.Expression) -> exp.Expression:
    """What has another name in DuckDB, or another type."""
    if isinstance(node, exp.Format):
        return exp.Anonymous(this="printf", expressions=[node.this, *node.expressions])
    if isinstance(node, exp.DateAdd | exp.DateSub | exp.DateTrunc):
        return exp.cast(node.copy(), "DATE")  # DuckDB makes timestamps of them
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.TEXT and not isinstance(node.this, exp.Literal):
        return exp.Anonymous(this="bq_string", expressions=[node.this])
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.DECIMAL and not node.expressions:
        return exp.DataType.build("DECIMAL(38, 9)", dialect="duckdb")
    return node


def real(node: exp.Literal) -> exp.Expression:
    """A number with a point or an exponent is a FLOAT64; in DuckDB it would be a decimal."""
    text = str(node.this)
    inside = node.parent
    if text.isdecimal() or (isinstance(inside, exp.Cast) and inside.this is node):
        return node
    return exp.cast(node.copy(), "DOUBLE")


def present(node: exp.Expression, context: Context) -> exp.Expression:
    """The time by the emulator's clock, the same throughout a statement.

    Raises:
        BigQueryError: There is no such time zone.
    """
    kind, form = NOW[type(node)]
    zone = node.args.get("zone") or node.this
    name = zone.name if isinstance(zone, exp.Literal) and zone.is_string else ""
    try:
        when = context.now.astimezone(ZoneInfo(name) if name else UTC)
    except (ZoneInfoNotFoundError, ValueError):
        raise errors.bad_query(f"Invalid time zone: {name}") from None
    return exp.cast(exp.Literal.string(when.strftime(form)), kind)
