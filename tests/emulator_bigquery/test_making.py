"""Messages of Avro schemas as rows."""

import json

import pytest

from emulator.apis.bigquery.messages.making import RowError, decoded
from emulator.apis.pubsub.avro import Schema

PLACE = {"type": "record", "name": "Place", "fields": [{"name": "x", "type": "int"}]}


def field(kind):
    """A schema of one field."""
    return Schema(
        json.dumps({"type": "record", "name": "R", "namespace": "a.b", "fields": [{"name": "f", "type": kind}]})
    )


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("bytes", "\u00ff", "/w=="),
        ({"type": "fixed", "name": "F", "size": 1}, "\u00ff", "/w=="),
        ({"type": "map", "values": "int"}, {"k": 1}, [{"key": "k", "value": 1}]),
        ({"type": "array", "items": ["null", "int"]}, [None, {"int": 2}], [None, 2]),
        (["null", PLACE], {"a.b.Place": {"x": 1}}, {"x": 1}),
        ({"type": "array", "items": [PLACE, "string"]}, [{"a.b.Place": {"x": 1}}, {"string": "y"}], [{"x": 1}, "y"]),
        ({"type": "long", "logicalType": "timestamp-millis"}, 1500, "1.500"),
        ({"type": "int", "logicalType": "date"}, 1, "1970-01-02"),
        (["null", {"type": "bytes", "logicalType": "decimal", "scale": 2}], {"bytes": "\u0001"}, "0.01"),
        ({"type": "fixed", "name": "F", "size": 1, "logicalType": "decimal", "scale": 1}, "\u00ff", "-0.1"),
        ({"type": "string", "logicalType": "date"}, "x", "x"),
    ],
)
def test_a_value_is_written_without_what_only_avro_has(kind, value, wanted):
    """Unions lose their tags, whatever the names of their types; logical types are text."""
    assert decoded(json.dumps({"f": value}).encode(), field(kind)) == {"f": wanted}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("int", b'{"g": 1}'),
        ("int", b"[]"),
        ("int", b"{"),
        (["null", "int"], b'{"f": 1}'),
        ({"type": "int", "logicalType": "date"}, b'{"f": 2147483647}'),
        ({"type": "bytes", "logicalType": "decimal", "scale": None}, b'{"f": "a"}'),
        ({"type": "bytes", "logicalType": "decimal", "scale": "x"}, b'{"f": "a"}'),
    ],
)
def test_a_message_that_is_older_than_the_schema_is_no_row(kind, data):
    """It does not keep the others back."""
    with pytest.raises(RowError, match="no value of the topic's schema"):
        decoded(data, field(kind))
