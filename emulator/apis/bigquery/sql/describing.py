"""The columns of a query, without running it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.engine import engine
from emulator.apis.bigquery.schema import Field
from emulator.apis.bigquery.sql import parsing, translating
from emulator.apis.bigquery.sql.context import Context
from emulator.apis.bigquery.types import duck, field_of, quoted

if TYPE_CHECKING:
    from emulator.apis.bigquery.names import Ref
    from emulator.core.world import World


@dataclass(frozen=True, slots=True)
class Query:
    """A query as DuckDB runs it.

    Attributes:
        sql: It, with each column cast to the type that BigQuery has.
        fields: Its columns.
    """

    sql: str
    fields: tuple[Field, ...]


def of_view(world: World, text: str, ref: Ref, caller: str) -> tuple[Field, ...]:
    """The columns of a view's query.

    Raises:
        BigQueryError: It is no query.
    """
    found = parsing.statement(text)
    if not isinstance(found, exp.Query):
        raise errors.bad_query("Only a query can be a view.")
    return described(found, Context(world, caller, ref.project)).fields


def described(statement: exp.Expression, context: Context, text: str = "") -> Query:
    """A query prepared to be run, and what it gives. The statement is changed.

    Raises:
        BigQueryError: It is wrong, or cannot be run here.
    """
    name_columns(statement)
    sql = translating.written(translating.prepared(statement, context))
    base = engine(context.world)
    with base.reading() as cursor:
        try:
            base.run(cursor, f"SELECT * FROM ({sql}) LIMIT 0")
        except errors.BigQueryError as error:
            raise located(error, text) from error
        found = [(name, kind) for name, kind, *_ in cursor.description]
    fields = tuple(typed(name, kind) for name, kind in found)
    casts = ", ".join(f"CAST({quoted(each.name)} AS {duck(each)}) AS {quoted(each.name)}" for each in fields)
    return Query(f"SELECT {casts} FROM ({sql})", fields)


def typed(name: str, kind: object) -> Field:
    """A column by its type in DuckDB.

    Raises:
        BigQueryError: 501, the emulator has no such type.
    """
    found = field_of(name, kind)
    if found is None:
        raise errors.unimplemented(f"results of the type {kind} (column {name})")
    return found


def check_twice(query: exp.Select) -> None:
    """Refuse two columns of one name. Source of the words: issues of googleapis/python-bigquery."""
    names = Counter(each.alias_or_name.lower() for each in query.expressions if not each.is_star)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        text = "Duplicate column names in the result are not supported. Found duplicate(s): "
        raise errors.bad_query(text + ", ".join(twice))


def name_columns(statement: exp.Expression) -> None:
    """Give columns without a name the ones that BigQuery gives: `f0_`, `f1_`."""
    query: exp.Expression | None = statement
    while isinstance(query, exp.SetOperation | exp.Subquery):
        query = query.this
    if not isinstance(query, exp.Select):
        return
    number = 0
    for each in query.expressions:
        if isinstance(each, exp.Dot) and not each.is_star:
            each.replace(exp.alias_(each.copy(), each.name, quoted=True))
        elif not each.alias and not isinstance(each, exp.Column) and not each.is_star:
            each.replace(exp.alias_(each.copy(), f"f{number}_"))
            number += 1
    check_twice(query)


def located(error: errors.BigQueryError, text: str) -> errors.BigQueryError:
    """A refusal that says where the name stands that nobody knows."""
    start = "Unrecognized name: "
    if error.message.startswith(start):
        return errors.bad_query(error.message + parsing.place(text, error.message.removeprefix(start)))
    return error
