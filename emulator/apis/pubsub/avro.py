"""Avro: whether a text is a schema, and whether a JSON document is a value of it, in Avro's JSON encoding.

Source: Apache Avro 1.11.1 specification, "Schema Declaration" and "JSON Encoding". Logical types and aliases are not
looked at: they do not change how a value is written.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
INT, LONG = 1 << 31, 1 << 63
MOST_DEEP = 200
"""Levels of a value; deeper ones are refused before Python is."""


class AvroError(ValueError):
    """No schema, or no value of one; the text says where."""


def is_int(value: Any, bound: int) -> bool:
    """Whether a value is a whole number within a bound."""
    return isinstance(value, int) and not isinstance(value, bool) and -bound <= value < bound


def is_real(value: Any) -> bool:
    """Whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_bytes(value: Any) -> bool:
    """Whether a value is text that stands for bytes, one character each."""
    return isinstance(value, str) and all(ord(character) < 256 for character in value)  # noqa: PLR2004 - a byte


PRIMITIVES: Mapping[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "int": lambda value: is_int(value, INT),
    "long": lambda value: is_int(value, LONG),
    "float": is_real,
    "double": is_real,
    "bytes": is_bytes,
    "string": lambda value: isinstance(value, str),
}


class Schema:
    """A schema, read and found to be one.

    Args:
        text: JSON.

    Raises:
        AvroError: It is none.
    """

    def __init__(self, text: str) -> None:
        self._named: dict[str, Any] = {}
        try:
            self._root = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise AvroError(f"not JSON: {error}") from error
        self._define(self._root, "", "schema")

    def check(self, data: bytes) -> None:
        """Refuse data that is no value.

        Raises:
            AvroError: The text says where.
        """
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise AvroError(f"not JSON: {error}") from error
        self._check(value, self._root, "", "message", 0)

    def _define(self, schema: Any, space: str, where: str) -> None:
        """Look at a schema and all in it, and note the types that have names."""
        if isinstance(schema, str):
            if schema not in PRIMITIVES and self._full(schema, space) not in self._named:
                raise AvroError(f"{where}: unknown type {schema!r}")
        elif isinstance(schema, list):
            self._define_union(schema, space, where)
        elif isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
            self._define(schema["type"], space, where)
        elif isinstance(schema, dict):
            self._define_complex(schema, space, where)
        else:
            raise AvroError(f"{where}: a type must stand here")

    def _define_union(self, schemas: list[Any], space: str, where: str) -> None:
        for each in schemas:
            self._define(each, space, where)
        tags = [self._tag(each, space) for each in schemas]
        if not schemas or len(set(tags)) < len(tags) or any(isinstance(each, list) for each in schemas):
            raise AvroError(f"{where}: a union has different types, and none is a union")

    def _define_complex(self, schema: dict[str, Any], space: str, where: str) -> None:
        kind = schema.get("type")
        if kind in ("record", "error", "enum", "fixed"):
            space = self._note(schema, space, where)
            self._define_named(schema, space, where)
        elif kind == "array":
            self._define(schema.get("items"), space, f"{where}.items")
        elif kind == "map":
            self._define(schema.get("values"), space, f"{where}.values")
        else:
            self._define(kind, space, where)

    def _define_named(self, schema: dict[str, Any], space: str, where: str) -> None:
        if schema["type"] == "fixed":
            if not is_int(schema.get("size"), LONG) or schema["size"] < 0:
                raise AvroError(f"{where}: fixed needs a size")
        elif schema["type"] == "enum":
            check_names(schema.get("symbols"), f"{where}.symbols")
        else:
            fields = schema.get("fields")
            if not isinstance(fields, list) or not all(isinstance(each, dict) for each in fields):
                raise AvroError(f"{where}: a record needs fields")
            check_names([each.get("name") for each in fields], f"{where}.fields")
            for each in fields:
                self._define(each.get("type"), space, f"{where}.{each['name']}")

    def _note(self, schema: dict[str, Any], space: str, where: str) -> str:
        """Note a type under its full name; returns the namespace of what is in it."""
        name, own = schema.get("name"), schema.get("namespace") or space
        if not isinstance(name, str) or not NAME.fullmatch(name) or not isinstance(own, str):
            raise AvroError(f"{where}: {name!r} is no name")
        full = self._full(name, own)
        if full in self._named or full in PRIMITIVES:
            raise AvroError(f"{where}: {full} is defined twice")
        self._named[full] = (schema, full.rpartition(".")[0])
        return full.rpartition(".")[0]

    def _full(self, name: str, space: str) -> str:
        return name if "." in name or not space else f"{space}.{name}"

    def _tag(self, schema: Any, space: str) -> str:
        """How a union's JSON names the type of its value."""
        if isinstance(schema, list):
            return "a union"
        if isinstance(schema, dict):
            kind = schema.get("type")
            if kind in ("record", "error", "enum", "fixed"):
                return self._full(str(schema.get("name")), schema.get("namespace") or space)
            return str(kind) if isinstance(kind, str) else self._tag(kind, space)
        return str(schema) if schema in PRIMITIVES else self._full(str(schema), space)

    def _check(self, value: Any, schema: Any, space: str, where: str, depth: int) -> None:
        require(depth <= MOST_DEEP, where, "it is too deep")
        if isinstance(schema, str) and schema not in PRIMITIVES:
            schema, space = self._named[self._full(schema, space)]
        if isinstance(schema, list):
            self._check_union(value, schema, space, where, depth)
            return
        kind = schema if isinstance(schema, str) else schema["type"]
        if isinstance(kind, str) and kind in PRIMITIVES:
            require(PRIMITIVES[kind](value), where, f"{kind} is needed")
        elif kind in ("record", "error"):
            self._check_record(value, schema, schema.get("namespace") or space, where, depth)
        elif kind in ("array", "map"):
            self._check_many(value, schema, space, where, depth)
        elif kind == "enum":
            require(value in schema["symbols"], where, f"one of {', '.join(schema['symbols'])} is needed")
        elif kind == "fixed":
            require(is_bytes(value) and len(value) == schema["size"], where, f"{schema['size']} bytes are needed")
        else:
            self._check(value, kind, space, where, depth + 1)

    def _check_many(self, value: Any, schema: dict[str, Any], space: str, where: str, depth: int) -> None:
        """Items of an array, values of a map."""
        if schema["type"] == "array":
            require(isinstance(value, list), where, "an array is needed")
            parts = [(f"{where}[{index}]", each) for index, each in enumerate(value)]
        else:
            require(isinstance(value, dict), where, "an object is needed")
            parts = [(f"{where}.{key}", each) for key, each in value.items()]
        inner = schema["items" if schema["type"] == "array" else "values"]
        for place, each in parts:
            self._check(each, inner, space, place, depth + 1)

    def _check_record(self, value: Any, schema: dict[str, Any], space: str, where: str, depth: int) -> None:
        require(isinstance(value, dict), where, "an object is needed")
        fields = {each["name"]: each["type"] for each in schema["fields"]}
        strange = sorted(value.keys() - fields.keys())
        require(not strange, where, f"there is no field {', '.join(strange)}")
        for name, kind in fields.items():
            require(name in value, where, f"{name} is missing")
            self._check(value[name], kind, space, f"{where}.{name}", depth + 1)

    def _check_union(self, value: Any, schemas: list[Any], space: str, where: str, depth: int) -> None:
        """A union's value is null, or an object that names its type: `{"string": "a"}`."""
        tagged = {self._tag(each, space): each for each in schemas}
        if value is None:
            require("null" in tagged, where, "null is none of the types")
            return
        one = isinstance(value, dict) and len(value) == 1
        require(one and next(iter(value)) in tagged, where, f"an object with one of {', '.join(tagged)} is needed")
        tag, inner = next(iter(value.items()))
        self._check(inner, tagged[tag], space, where, depth + 1)


def check_names(names: Any, where: str) -> None:
    """Fields and symbols have names, each once."""
    if not isinstance(names, list) or not all(isinstance(each, str) and NAME.fullmatch(each) for each in names):
        raise AvroError(f"{where}: each needs a name")
    if len(set(names)) < len(names):
        raise AvroError(f"{where}: a name comes twice")


def require(holds: Any, where: str, why: str) -> None:
    """Refuse what does not hold."""
    if not holds:
        raise AvroError(f"{where}: {why}")
