"""What Google's own documentation says of a field: its proto-plus classes carry it in their docstrings."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

_FIELD = re.compile(r"^ {4}(\w+) \(")


def remarks(message: Any) -> dict[str, str]:
    """Give the documentation of each field of a message class, by its name on the wire."""
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(message.__doc__ or "").partition("Attributes:")[2].splitlines():
        starts = _FIELD.match(line)
        if starts:
            # Python's own words have an underscore added, such as `format_`.
            name = starts[1].rstrip("_")
        elif name:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def along(message: Any, path: str) -> Iterator[str]:
    """Give the documentation of every field on a path, from the outermost in."""
    for name in path.split("."):
        if message is None or not hasattr(message, "meta") or message.pb().DESCRIPTOR.GetOptions().map_entry:
            return  # a map's key, or a message that is not Google Cloud's own
        yield remarks(message).get(name, "")
        fields = message.meta.fields
        message = fields[name].message if name in fields else fields[f"{name}_"].message


def output_only(message: Any) -> set[str]:
    """Give the names of the outermost fields that only Google writes, etags among them."""
    if message is None:
        return {"etag", "version"}
    return {name for name, text in remarks(message).items() if "Output only" in text} | {"etag"}
