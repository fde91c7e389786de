"""Parameters of queries: each becomes a typed constant in the statement.

Source: reference/rest/v2/QueryParameter.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from emulator.apis.bigquery import cells, errors
from emulator.apis.bigquery.schema import Field
from emulator.apis.bigquery.schema import kind_of as kind_of_field
from emulator.apis.bigquery.types import duck


def replace(statement: exp.Expression, given: list[dict[str, Any]]) -> None:
    """Put values in the place of `@name` and `?`.

    Raises:
        BigQueryError: One has no value, or a value is none of its type.
    """
    named = {str(each.get("name")).lower(): each for each in given if each.get("name")}
    for found in list(statement.find_all(exp.Parameter)):
        name = found.name
        if name.lower() not in named:
            raise errors.bad_query(f"Query parameter '{name}' not found")
        found.replace(constant(named[name.lower()]))
    unnamed = [each for each in given if not each.get("name")]
    places = sorted(statement.find_all(exp.Placeholder), key=lambda each: each.meta.get("start", 0))
    if len(places) > len(unnamed):
        raise errors.bad_query("Query parameter is missing: fewer values than question marks")
    for place, each in zip(places, unnamed, strict=False):
        place.replace(constant(each))


def constant(parameter: dict[str, Any]) -> exp.Expression:
    """A parameter's value, cast to its type."""
    field = field_of("value", parameter.get("parameterType") or {})
    plain = value_of(field, parameter.get("parameterValue") or {})
    try:
        found = cells.cell(field, plain, str(parameter.get("name") or "?"))
    except cells.CellError as error:
        raise errors.bad_query(f"Invalid value of query parameter {error.where}: {error.message}") from None
    return exp.cast(written(field, found), exp.DataType.build(duck(field), dialect="duckdb"))


def field_of(name: str, raw: dict[str, Any]) -> Field:
    """The type of a parameter, as a column has it."""
    sort = str(raw.get("type") or "").upper()
    if sort == "ARRAY":
        inner = field_of(name, raw.get("arrayType") or {})
        return Field(name, inner.kind, "REPEATED", inner.fields)
    if sort == "STRUCT":
        below = tuple(
            field_of(str(each.get("name") or f"_{index}"), each.get("type") or {})
            for index, each in enumerate(raw.get("structTypes") or (), 1)
        )
        return Field(name, "RECORD", "NULLABLE", below)
    return Field(name, kind_of_field({"type": sort, "name": name}))


def value_of(field: Field, raw: dict[str, Any]) -> Any:
    """The value of a parameter as JSON would have it."""
    if field.mode == "REPEATED":
        one = Field(field.name, field.kind, "NULLABLE", field.fields)
        return [value_of(one, each) for each in raw.get("arrayValues") or ()]
    if field.kind == "RECORD":
        inside = raw.get("structValues") or {}
        return {each.name: value_of(each, inside.get(each.name) or {}) for each in field.fields}
    return raw.get("value")


def written(field: Field, value: Any) -> exp.Expression:
    """A checked value as an expression."""
    if value is None:
        return exp.Null()
    if field.mode == "REPEATED":
        one = Field(field.name, field.kind, "NULLABLE", field.fields)
        return exp.Array(expressions=[written(one, each) for each in value])
    if field.kind == "RECORD":
        pairs = [
            exp.PropertyEQ(this=exp.to_identifier(each.name, quoted=True), expression=written(each, value[each.name]))
            for each in field.fields
        ]
        return exp.Struct(expressions=pairs)
    return exp.Literal.string(value)
