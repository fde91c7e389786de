"""What a request names: the resource that its permissions and its API are asked for."""

import itertools
from collections.abc import Sequence
from typing import Any

NAMED = ("resource", "name", "parent", "project")
"""Where a request names its resource, the first that it has; else a message's `name`; else the first text."""


def opened(request: Any) -> tuple[Any, Any]:
    """The message that says what a call is about, and the request to go on with: of a stream, the first is read."""
    if hasattr(request, "DESCRIPTOR"):
        return request, request
    first = next(request, None)
    return first, iter(()) if first is None else itertools.chain([first], request)


def default_field(descriptor: Any) -> list[str]:
    """The path of the field by which a request names its resource; nothing: it names none."""
    fields = descriptor.fields_by_name
    for name in NAMED:
        if name in fields and fields[name].message_type is None:
            return [name]
    for field in descriptor.fields:
        inside = field.message_type
        if inside is not None and not field.is_repeated and "name" in inside.fields_by_name:
            return [field.name, "name"]
    return next(([field.name] for field in descriptor.fields if field.cpp_type == field.CPPTYPE_STRING), [])


def value_at(request: Any, path: Sequence[str]) -> str:
    """The text at a path of fields; nothing where the request leaves it out."""
    found = request
    for name in path:
        found = getattr(found, name)
    return str(found) if path else ""
