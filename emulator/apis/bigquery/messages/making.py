"""A message as a row of BigQuery.

Source: cloud.google.com/pubsub/docs/bigquery: "Use the table schema", "Use the topic schema", "Write metadata",
"Drop unknown fields"; Avro's logical types as that page maps them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from emulator.apis.bigquery import cells
from emulator.apis.bigquery.schema import Field
from emulator.apis.pubsub.broker import Sheet

METADATA = {
    "subscription_name": ("STRING",),
    "message_id": ("STRING",),
    "publish_time": ("TIMESTAMP",),
    "attributes": ("JSON", "STRING"),
}
"""The columns of a message's own fields -> the types that they may have."""
DATA = ("STRING", "BYTES", "JSON")
EPOCH = date(1970, 1, 1)
SCALES = {"timestamp-micros": 6, "timestamp-millis": 3}


class RowError(ValueError):
    """A message is no row. The text says why."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes rows of messages for one table.

    Attributes:
        subscription: Its name.
        sheet: What it says of the table.
        fields: The columns of the table.
        avro: The definition of the topic's schema, where that is used.
    """

    subscription: str
    sheet: Sheet
    fields: tuple[Field, ...]
    avro: Any = None

    def row(self, message: Any) -> dict[str, Any]:
        """A message as `bigquery.rows.append` takes it.

        Raises:
            RowError: It does not fit.
        """
        value = self._content(message)
        if self.sheet.metadata:
            value |= self._metadata(message)
        try:
            return cells.row(self.fields, value, unknown=self.sheet.drops)
        except cells.CellError as error:
            raise RowError(f"{error.where}: {error.message}") from None

    def _content(self, message: Any) -> dict[str, Any]:
        if not self.sheet.by_topic and not self.sheet.by_table:
            field = next((each for each in self.fields if each.name.lower() == "data"), None)
            kind = field.kind if field is not None else "STRING"
            return {"data": data_of(message.data, kind)}
        found = parsed(message.data)
        value = plain(found, self.avro) if self.avro is not None else found
        if not isinstance(value, dict):
            raise RowError("the message is no JSON object")
        return value

    def _metadata(self, message: Any) -> dict[str, Any]:
        return {
            "subscription_name": self.subscription,
            "message_id": message.message_id,
            "publish_time": message.publish_time.ToJsonString(),
            "attributes": json.dumps(dict(message.attributes), sort_keys=True),
        }


def parsed(data: bytes) -> Any:
    """The JSON that a message holds.

    Raises:
        RowError: It holds none.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RowError(f"the message is no JSON: {error}") from None


def data_of(data: bytes, kind: str) -> str:
    """A message's data for the column `data`.

    Raises:
        RowError: It is no text.
    """
    if kind == "BYTES":
        return base64.b64encode(data).decode()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise RowError(f"the message is no text: {error}") from None


def plain(value: Any, schema: Any, named: Mapping[str, Any] | None = None) -> Any:
    """A value of Avro's JSON encoding as plain JSON: unions without their tags, logical types as text."""
    known = dict(named or {})
    if isinstance(schema, str):
        return plain(value, known[schema], known) if schema in known else of_primitive(value, schema)
    if isinstance(schema, list):
        return of_union(value, schema, known)
    kind = schema.get("type")
    if "name" in schema:
        known[schema["name"]] = schema
    if not isinstance(kind, str):
        return plain(value, kind, known)
    maker = COMPLEX.get(kind)
    return logical(value, schema) if maker is None else maker(value, schema, known)


def of_record(value: Any, schema: Any, known: dict[str, Any]) -> Any:
    """A value of a record."""
    return {each["name"]: plain(value[each["name"]], each["type"], known) for each in schema["fields"]}


def of_array(value: Any, schema: Any, known: dict[str, Any]) -> Any:
    """A value of an array."""
    return [plain(each, schema["items"], known) for each in value]


def of_map(value: Any, schema: Any, known: dict[str, Any]) -> Any:
    """A value of a map, which is a repeated record of keys and values."""
    return [{"key": key, "value": plain(each, schema["values"], known)} for key, each in value.items()]


def of_primitive(value: Any, kind: str) -> Any:
    """A value of a plain type; bytes are text of one character each."""
    return base64.b64encode(value.encode("latin-1")).decode() if kind == "bytes" else value


def of_union(value: Any, schemas: list[Any], known: Mapping[str, Any]) -> Any:
    """A value of a union, which names its type."""
    if value is None:
        return None
    tag, inner = next(iter(value.items()))
    chosen = next(
        (each for each in schemas if tag in (each, isinstance(each, dict) and (each.get("name") or each.get("type")))),
        tag,
    )
    return plain(inner, chosen, known)


def logical(value: Any, schema: Mapping[str, Any]) -> Any:
    """A value of a logical type."""
    sort = schema.get("logicalType")
    if sort in SCALES:
        return str(Decimal(value).scaleb(-SCALES[str(sort)]))
    if sort == "date":
        return (EPOCH + timedelta(days=value)).isoformat()
    if sort == "decimal":
        number = int.from_bytes(value.encode("latin-1"), "big", signed=True)
        return str(Decimal(number).scaleb(-int(schema.get("scale", 0))))
    return of_primitive(value, str(schema["type"]))


COMPLEX: Mapping[str, Callable[[Any, Any, dict[str, Any]], Any]] = {
    "record": of_record,
    "array": of_array,
    "map": of_map,
    "enum": lambda value, _schema, _known: value,
    "fixed": lambda value, _schema, _known: of_primitive(value, "bytes"),
}
