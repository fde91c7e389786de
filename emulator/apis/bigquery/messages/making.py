"""A message as a row of BigQuery.

Source: cloud.google.com/pubsub/docs/bigquery: "Use the table schema", "Use the topic schema", "Write metadata",
"Drop unknown fields"; Avro's logical types as that page maps them.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from emulator.apis.bigquery import cells
from emulator.apis.bigquery.schema import Field
from emulator.apis.pubsub.avro import AvroError, Schema
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
        avro: The topic's schema, where that is used.
    """

    subscription: str
    sheet: Sheet
    fields: tuple[Field, ...]
    avro: Schema | None = None

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
        value = parsed(message.data) if self.avro is None else decoded(message.data, self.avro)
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


def decoded(data: bytes, schema: Schema) -> Any:
    """The value of a schema that a message holds: it may be older than the schema.

    Raises:
        RowError: It holds none, or one that no column takes.
    """
    try:
        return schema.read(data, shown)
    except (AvroError, ValueError, TypeError, ArithmeticError) as error:
        raise RowError(f"the message is no value of the topic's schema: {error}") from None


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


def shown(value: Any, schema: Any) -> Any:
    """A value of Avro as a row has it: logical types as text, a map as a repeated record of keys and values."""
    if isinstance(value, dict):
        return [{"key": key, "value": each} for key, each in value.items()]
    kind, sort = (schema, None) if isinstance(schema, str) else (schema["type"], schema.get("logicalType"))
    if sort in SCALES and kind == "long":
        return str(Decimal(value).scaleb(-SCALES[str(sort)]))
    if sort == "date" and kind == "int":
        return (EPOCH + timedelta(days=value)).isoformat()
    if sort == "decimal" and kind in ("bytes", "fixed"):
        number = int.from_bytes(value.encode("latin-1"), "big", signed=True)
        return str(Decimal(number).scaleb(-int(schema.get("scale", 0))))
    return base64.b64encode(value.encode("latin-1")).decode() if kind in ("bytes", "fixed") else value
