"""Schemas of tables: what one may say, and what may become of it.

Source: bigquery v2 `TableFieldSchema`; cloud.google.com/bigquery/docs/managing-table-schemas. Texts of refusals that
issues of googleapis/python-bigquery and hashicorp/terraform-provider-google quote are Google's; the others are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.names import check_column

SYNONYMS = {
    "INT64": "INTEGER",
    "FLOAT64": "FLOAT",
    "BOOL": "BOOLEAN",
    "STRUCT": "RECORD",
    "DECIMAL": "NUMERIC",
    "INT": "INTEGER",
    "BIGINT": "INTEGER",
    "SMALLINT": "INTEGER",
}
KNOWN = frozenset(
    "INTEGER FLOAT BOOLEAN RECORD NUMERIC STRING BYTES DATE DATETIME TIME TIMESTAMP JSON".split()  # noqa: SIM905 - one line
)
UNSERVED = frozenset({"BIGNUMERIC", "BIGDECIMAL", "GEOGRAPHY", "INTERVAL", "RANGE"})
MODES = ("NULLABLE", "REQUIRED", "REPEATED")
MOST_FIELDS, MOST_DEEP = 10_000, 15


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a field of one.

    Attributes:
        name: As written.
        kind: `INTEGER`, `FLOAT`, ...: the older names, which answers carry.
        mode: `NULLABLE`, `REQUIRED` or `REPEATED`.
        fields: Of a `RECORD`.
    """

    name: str
    kind: str
    mode: str = "NULLABLE"
    fields: tuple[Field, ...] = ()

    @property
    def resource(self) -> dict[str, Any]:
        """As a `TableFieldSchema`."""
        below = {"fields": [each.resource for each in self.fields]} if self.fields else {}
        return {"name": self.name, "type": self.kind, "mode": self.mode} | below


def kind_of(raw: dict[str, Any]) -> str:
    """The type that a field's resource names, by its older name.

    Raises:
        BigQueryError: There is no such type, or the emulator has none.
    """
    text = str(raw.get("type") or "").upper()
    kind = SYNONYMS.get(text, text)
    if not text:
        raise errors.required("Schema field.type")
    if kind in UNSERVED:
        raise errors.unimplemented(f"the type {text} (column {raw.get('name')})")
    if kind not in KNOWN:
        raise errors.invalid(f"Invalid value for type: {raw.get('type')} is not a valid value")
    return kind


def read(schema: Any) -> tuple[Field, ...]:
    """The columns of a `TableSchema`; none where there is none.

    Raises:
        BigQueryError: It is none.
    """
    return fields_of(schema.get("fields") if isinstance(schema, dict) else None, 1)


def fields_of(raw: Any, depth: int) -> tuple[Field, ...]:
    """The fields of a list of `TableFieldSchema`.

    Raises:
        BigQueryError: One is none, or a name comes twice.
    """
    items = raw if isinstance(raw, list) else []
    if len(items) > MOST_FIELDS or depth > MOST_DEEP:
        raise errors.invalid(f"Too many total leaf fields: {len(items)}, or nested deeper than {MOST_DEEP} levels")
    found = tuple(field_of(item, depth) for item in items)
    seen: set[str] = set()
    for each in found:
        if each.name.lower() in seen:
            raise errors.invalid(f"Field {each.name} already exists in schema")
        seen.add(each.name.lower())
    return found


def field_of(raw: Any, depth: int) -> Field:
    """One field of its resource.

    Raises:
        BigQueryError: It is none.
    """
    item = raw if isinstance(raw, dict) else {}
    name, kind = check_column(item.get("name")), kind_of(item)
    mode = str(item.get("mode") or "NULLABLE").upper()
    if mode not in MODES:
        raise errors.invalid(f"Invalid value for mode: {item.get('mode')} is not a valid value")
    below = fields_of(item.get("fields"), depth + 1)
    if (kind == "RECORD") != bool(below):
        raise errors.invalid(
            f"Field {name} is type RECORD but has no schema" if not below else f"Field {name} is no RECORD"
        )
    return Field(name, kind, mode, below)


def tidy(raw: dict[str, Any]) -> dict[str, Any]:
    """A schema as it is kept: without the empty `policyTags` that clients send (recordings bigquery_table)."""
    kept = {key: value for key, value in raw.items() if value is not None and not (key == "policyTags" and not value)}
    if "type" in kept:
        kept["type"] = kind_of(kept)
    if isinstance(kept.get("fields"), list):
        kept["fields"] = [tidy(each) for each in kept["fields"] if isinstance(each, dict)]
    return kept


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the kept rows: a column that is added, or one that need not have a value any more."""

    path: tuple[str, ...]
    added: Field | None = None


def steps(old: tuple[Field, ...], new: tuple[Field, ...], table: str, above: tuple[Field, ...] = ()) -> list[Step]:
    """What turns the columns of a table into others, in the only ways that BigQuery allows.

    Raises:
        BigQueryError: A column is dropped or retyped, or a new one must have a value.
    """
    found: list[Step] = []
    wanted = {each.name.lower(): each for each in new}
    path = tuple(each.name for each in above)
    for each in old:
        now = wanted.pop(each.name.lower(), None)
        if now is None:
            where = ".".join((*path, each.name))
            raise mismatch(table, f"Field {where} is missing in new schema")
        found += changed(each, now, table, above)
    for each in wanted.values():
        if each.mode == "REQUIRED":
            words = f"Provided Schema does not match Table {table}. Cannot add required fields to an existing schema."
            raise errors.invalid(f"{words} (field: {each.name})")
        found.append(Step(shown(above, each), each))
    return found


def changed(old: Field, new: Field, table: str, above: tuple[Field, ...]) -> list[Step]:
    """The changes of one column and of what is in it."""
    where = ".".join((*(each.name for each in above), old.name))
    if old.kind != new.kind:
        raise mismatch(table, f"Field {where} has changed type from {old.kind} to {new.kind}")
    relaxed = (old.mode, new.mode) == ("REQUIRED", "NULLABLE")
    if old.mode != new.mode and not relaxed:
        raise mismatch(table, f"Field {where} has changed mode from {old.mode} to {new.mode}")
    first = [Step(shown(above, old))] if relaxed and not above else []
    return first + (steps(old.fields, new.fields, table, (*above, old)) if old.fields else [])


def shown(above: tuple[Field, ...], field: Field) -> tuple[str, ...]:
    """The path of a field as DuckDB writes it: what is in a list is below `element`."""
    path: list[str] = []
    for each in above:
        path += [each.name, "element"] if each.mode == "REPEATED" else [each.name]
    return (*path, field.name)


def mismatch(table: str, why: str) -> errors.BigQueryError:
    """Source: answers quoted in issues of googleapis/python-bigquery."""
    return errors.invalid(f"Provided Schema does not match Table {table}. {why}")


def united(old: tuple[Field, ...], new: tuple[Field, ...], *, add: bool, relax: bool, table: str) -> tuple[Field, ...]:
    """The columns after a job that may add or relax some (`schemaUpdateOptions`).

    Raises:
        BigQueryError: It would need more than it may.
    """
    given = {each.name.lower(): each for each in new}
    found = []
    for each in old:
        now = given.pop(each.name.lower(), None)
        loose = each.mode == "REQUIRED" and (now is None or now.mode == "NULLABLE")
        found.append(Field(each.name, each.kind, "NULLABLE", each.fields) if relax and loose else each)
        if now is not None and now.kind != each.kind:
            raise mismatch(table, f"Field {each.name} has changed type from {each.kind} to {now.kind}")
    if given and not add:
        raise mismatch(table, f"Cannot add fields (field: {next(iter(given.values())).name})")
    loosened = (
        Field(each.name, each.kind, each.mode.replace("REQUIRED", "NULLABLE"), each.fields) for each in given.values()
    )
    return (*found, *loosened)
