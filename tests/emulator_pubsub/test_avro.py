"""Avro's schemas and values."""

import json

import pytest

from emulator.apis.pubsub.avro import AvroError, Schema

RECORD = {
    "type": "record",
    "name": "Score",
    "namespace": "acme",
    "fields": [
        {"name": "model", "type": "string"},
        {"name": "value", "type": "double"},
        {"name": "note", "type": ["null", "string", "Level"]} | {"type": ["null", "string"]},
    ],
}
LEVEL = {"type": "enum", "name": "Level", "symbols": ["LOW", "HIGH"]}
NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}

FITS = [
    ("null", None),
    ("boolean", True),
    ("int", -(2**31)),
    ("long", 2**63 - 1),
    ("float", 1),
    ("double", 1.5),
    ("double", 10**400),
    ("bytes", "\u00ff"),
    ("string", "é"),
    ({"type": "string"}, "a"),
    ({"type": {"type": "string"}}, "a"),
    ({"type": "int", "logicalType": "date"}, 3),
    (LEVEL, "LOW"),
    ({"type": "fixed", "name": "Md5", "size": 2}, "ab"),
    ({"type": "array", "items": "int"}, [1, 2]),
    ({"type": "map", "values": "int"}, {"a": 1}),
    (["null", "int"], None),
    (["null", "int"], {"int": 1}),
    (["null", LEVEL], {"Level": "LOW"}),
    (RECORD, {"model": "m", "value": 1, "note": None}),
    (RECORD, {"model": "m", "value": 1.0, "note": {"string": "x"}}),
    (NODE, {"next": {"Node": {"next": None}}}),
    ({"type": "array", "items": [RECORD, "null"]}, [{"acme.Score": {"model": "", "value": 0, "note": None}}, None]),
]


@pytest.mark.parametrize(("schema", "value"), FITS, ids=lambda each: json.dumps(each)[:40])
def test_values_that_fit(schema, value):
    """Each type."""
    Schema(json.dumps(schema)).check(json.dumps(value).encode())


WRONG = [
    ("null", 0),
    ("boolean", 1),
    ("int", 2**31),
    ("int", True),
    ("int", 1.0),
    ("long", 2**63),
    ("float", "1"),
    ("bytes", "\u0100"),
    ("string", 1),
    (LEVEL, "MIDDLE"),
    (LEVEL, []),
    ({"type": "fixed", "name": "Md5", "size": 2}, "abc"),
    ({"type": "array", "items": "int"}, {"a": 1}),
    ({"type": "array", "items": "int"}, [1, "2"]),
    ({"type": "map", "values": "int"}, [1]),
    (["null", "int"], 1),
    (["null", "int"], {"string": "a"}),
    (["int", "string"], None),
    (RECORD, {"model": "m", "value": 1}),
    (RECORD, {"model": "m", "value": 1, "note": None, "more": 1}),
    (RECORD, []),
    (NODE, {"next": {"next": None}}),
]


@pytest.mark.parametrize(("schema", "value"), WRONG, ids=lambda each: json.dumps(each)[:40])
def test_values_that_do_not_fit(schema, value):
    """The text says where."""
    with pytest.raises(AvroError, match="message"):
        Schema(json.dumps(schema)).check(json.dumps(value).encode())


NO_SCHEMAS = [
    "nothing",
    1,
    None,
    [],
    {},
    ["int", "int"],
    ["int", ["string"]],
    {"type": "nothing"},
    {"type": "array"},
    {"type": "map", "values": "nothing"},
    {"type": "enum", "name": "E"},
    {"type": "enum", "name": "E", "symbols": ["A", "A"]},
    {"type": "fixed", "name": "F"},
    {"type": "record", "name": "R"},
    {"type": "record", "fields": []},
    {"type": "record", "name": "1R", "fields": []},
    {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]},
    {"type": "record", "name": "R", "fields": [{"name": "a"}]},
    {"type": "array", "items": [LEVEL, {"type": "map", "values": LEVEL}]},
]


@pytest.mark.parametrize("schema", NO_SCHEMAS, ids=lambda each: json.dumps(each)[:40])
def test_what_is_no_schema(schema):
    """The text says where."""
    with pytest.raises(AvroError, match="schema"):
        Schema(json.dumps(schema))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '"'])
def test_what_is_no_json(text):
    """Neither as a schema nor as a value."""
    with pytest.raises(AvroError, match="not JSON"):
        Schema(text)
    with pytest.raises(AvroError, match="not JSON"):
        Schema('"int"').check(text.encode())


def test_a_value_that_is_too_deep_is_refused():
    """Before Python is."""
    deep = '{"next": {"Node": ' * 900 + '{"next": null}' + "}}" * 900

    with pytest.raises(AvroError, match=r"too deep|not JSON"):
        Schema(json.dumps(NODE)).check(deep.encode())


def test_a_name_with_its_namespace_counts_for_what_is_in_it():
    """A type that is defined in one field is known in the next."""
    fields = [
        {"name": "a", "type": LEVEL},
        {"name": "b", "type": "Level"},
        {"name": "c", "type": ["null", "acme.Level"]},
    ]
    schema = Schema(json.dumps({"type": "record", "name": "acme.Score", "fields": fields}))

    value = json.dumps({"a": "LOW", "b": "HIGH", "c": {"acme.Level": "LOW"}}).encode()
    assert schema.read(value, lambda each, _: each) == {"a": "LOW", "b": "HIGH", "c": "LOW"}
    assert schema.fields == ("a", "b", "c")
