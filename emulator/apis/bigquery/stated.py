"""What a CREATE or an ALTER says of a table, as its resource has it.

What the emulator has no like of is refused: left out, it would make another table.
Source: cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from emulator.apis.bigquery import errors

KINDS = {
    "BIGINT": "INTEGER", "INT": "INTEGER", "DOUBLE": "FLOAT", "BOOLEAN": "BOOLEAN", "TEXT": "STRING", "BINARY": "BYTES",
    "VARCHAR": "STRING", "VARBINARY": "BYTES", "DATE": "DATE", "DATETIME": "DATETIME", "TIMESTAMP": "DATETIME",
    "TIMESTAMPTZ": "TIMESTAMP", "TIME": "TIME", "DECIMAL": "NUMERIC", "JSON": "JSON",
}  # fmt: skip
"""Types as sqlglot calls them -> ours."""
CLUSTERED = (exp.ClusteredByProperty, exp.Cluster, exp.ClusterProperty)


def resource(statement: exp.Create) -> dict[str, Any]:
    """A table with the columns, the partitioning, the clustering and the OPTIONS of a statement.

    Raises:
        BigQueryError: 501, it says something else, too.
    """
    check(statement)
    if not isinstance(statement.this, exp.Schema):
        return options(statement)
    return options(statement) | {"schema": {"fields": [column(each) for each in statement.this.expressions]}}


def check(statement: exp.Create) -> None:
    """Refuse what makes a table in another way, or another sort of table.

    Raises:
        BigQueryError: 501.
    """
    copied = statement.args.get("clone")
    if copied is not None:
        raise errors.unimplemented("CREATE TABLE COPY and CLONE: use a copy job")
    properties = statement.args.get("properties")
    for each in properties.expressions if properties is not None else ():
        if type(each) is not exp.Property and not isinstance(each, (exp.PartitionedByProperty, *CLUSTERED)):
            raise errors.unimplemented(f"CREATE {statement.kind} with {each.sql('bigquery')}")
    for each in statement.this.expressions if isinstance(statement.this, exp.Schema) else ():
        if not isinstance(each, exp.ColumnDef):
            raise errors.unimplemented(f"CREATE {statement.kind} with {each.sql('bigquery')} among its columns")


def column(definition: exp.ColumnDef) -> dict[str, Any]:
    """A column of a statement, as `TableFieldSchema`.

    Raises:
        BigQueryError: 501, it says something that the emulator has no like of, as DEFAULT.
    """
    made = field(definition.name, definition.kind)
    for constraint in definition.args.get("constraints") or ():
        if isinstance(constraint.kind, exp.NotNullColumnConstraint):
            made["mode"] = "REQUIRED"
        elif isinstance(constraint.kind, exp.Properties):
            made |= described(constraint.kind, definition.name)
        else:
            raise errors.unimplemented(f"{constraint.sql('bigquery')} of the column {definition.name}")
    return made


def described(properties: exp.Properties, name: str) -> dict[str, Any]:
    """The OPTIONS of a column.

    Raises:
        BigQueryError: 501, the emulator has no such option.
    """
    strange = [each.name for each in properties.expressions if each.name.lower() != "description"]
    if strange:
        raise errors.unimplemented(f"the option {strange[0]} of the column {name}")
    return {each.name.lower(): each.args["value"].name for each in properties.expressions}


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
    if sort not in KINDS or kind.expressions:  # none with a length or a precision
        raise errors.unimplemented(f"the type {kind.sql('bigquery')} (column {name})")
    return {"name": name, "type": KINDS[sort]}


def options(statement: exp.Create) -> dict[str, Any]:
    """Partitioning, clustering and OPTIONS of a statement, as a table has them."""
    found: dict[str, Any] = {}
    properties = statement.args.get("properties")
    for each in properties.expressions if properties is not None else ():
        if isinstance(each, exp.PartitionedByProperty):
            found |= partitioning(each.this)
        elif isinstance(each, CLUSTERED):
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
