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
Shown = Callable[[Any, Any], Any]
"""A value and its schema -> what stands for it in plain JSON."""
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
    if isinstance(value, bool | int):
        return not isinstance(value, bool)  # also one that no float can be
    return isinstance(value, float) and math.isfinite(value)


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

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of a record's fields; none where it is no record."""
        listed = self._root.get("fields") if isinstance(self._root, dict) else None
        return tuple(str(each["name"]) for each in listed or ())

    def check(self, data: bytes) -> None:
        """Refuse data that is no value.

        Raises:
            AvroError: The text says where.
        """
        self.read(data, lambda value, _schema: value)

    def read(self, data: bytes, shown: Shown) -> Any:
        """A value as plain JSON: unions without their tags.

        Args:
            data: It, in Avro's JSON encoding.
            shown: What stands for a map, or for a value that has no others in it, of the schema that is given with it.

        Raises:
            AvroError: It is none. The text says where.
        """
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise AvroError(f"not JSON: {error}") from error
        return Walk(self, shown).value(value, self._root, "", "message", 0)

    def named(self, name: str, space: str) -> tuple[Any, str]:
        """A type that has a name, and the namespace of what is in it."""
        found: tuple[Any, str] = self._named[self._full(name, space)]
        return found

    def inside(self, schema: Mapping[str, Any], space: str) -> str:
        """The namespace of what is in a type that has a name."""
        return self._full(schema["name"], schema.get("namespace") or space).rpartition(".")[0]

    def tag(self, schema: Any, space: str) -> str:
        """How a union's JSON names the type of its value."""
        if isinstance(schema, list):
            return "a union"
        if isinstance(schema, dict):
            kind = schema.get("type")
            if kind in ("record", "error", "enum", "fixed"):
                return self._full(str(schema.get("name")), schema.get("namespace") or space)
            return str(kind) if isinstance(kind, str) else self.tag(kind, space)
        return str(schema) if schema in PRIMITIVES else self._full(str(schema), space)

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
        tags = [self.tag(each, space) for each in schemas]
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


class Walk:
    """A way through a value, along its schema.

    Args:
        schema: Whose value it is.
        shown: As `Schema.read` has it.
    """

    def __init__(self, schema: Schema, shown: Shown) -> None:
        self._schema = schema
        self._shown = shown

    def value(self, value: Any, schema: Any, space: str, where: str, depth: int) -> Any:
        """A value of any schema as plain JSON.

        Raises:
            AvroError: It is none.
        """
        require(depth <= MOST_DEEP, where, "it is too deep")
        if isinstance(schema, str) and schema not in PRIMITIVES:
            schema, space = self._schema.named(schema, space)
        if isinstance(schema, list):
            return self._union(value, schema, space, where, depth)
        kind = schema if isinstance(schema, str) else schema["type"]
        if kind in ("record", "error"):
            return self._record(value, schema, self._schema.inside(schema, space), where, depth)
        if kind in ("array", "map"):
            return self._many(value, schema, space, where, depth)
        if isinstance(kind, str) and (kind in PRIMITIVES or kind in ("enum", "fixed")):
            return self._single(value, kind, schema, where)
        return self.value(value, kind, space, where, depth + 1)

    def _single(self, value: Any, kind: str, schema: Any, where: str) -> Any:
        """A value that has no others in it."""
        if kind == "enum":
            require(value in schema["symbols"], where, f"one of {', '.join(schema['symbols'])} is needed")
        elif kind == "fixed":
            require(is_bytes(value) and len(value) == schema["size"], where, f"{schema['size']} bytes are needed")
        else:
            require(PRIMITIVES[kind](value), where, f"{kind} is needed")
        return self._shown(value, schema)

    def _many(self, value: Any, schema: dict[str, Any], space: str, where: str, depth: int) -> Any:
        """Items of an array, values of a map."""
        inner = schema["items" if schema["type"] == "array" else "values"]
        if schema["type"] == "array":
            require(isinstance(value, list), where, "an array is needed")
            return [self.value(each, inner, space, f"{where}[{at}]", depth + 1) for at, each in enumerate(value)]
        require(isinstance(value, dict), where, "an object is needed")
        made = {key: self.value(each, inner, space, f"{where}.{key}", depth + 1) for key, each in value.items()}
        return self._shown(made, schema)

    def _record(self, value: Any, schema: dict[str, Any], space: str, where: str, depth: int) -> Any:
        require(isinstance(value, dict), where, "an object is needed")
        fields = {each["name"]: each["type"] for each in schema["fields"]}
        strange = sorted(value.keys() - fields.keys())
        require(not strange, where, f"there is no field {', '.join(strange)}")
        made = {}
        for name, kind in fields.items():
            require(name in value, where, f"{name} is missing")
            made[name] = self.value(value[name], kind, space, f"{where}.{name}", depth + 1)
        return made

    def _union(self, value: Any, schemas: list[Any], space: str, where: str, depth: int) -> Any:
        """A union's value is null, or an object that names its type: `{"string": "a"}`."""
        tagged = {self._schema.tag(each, space): each for each in schemas}
        if value is None:
            require("null" in tagged, where, "null is none of the types")
            return None
        one = isinstance(value, dict) and len(value) == 1
        require(one and next(iter(value)) in tagged, where, f"an object with one of {', '.join(tagged)} is needed")
        tag, inner = next(iter(value.items()))
        return self.value(inner, tagged[tag], space, where, depth + 1)


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
