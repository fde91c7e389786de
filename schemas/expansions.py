"""What the user did not write and gets all the same: defaults and shorthands, for `plan` to show."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.place import Document, path_text
from schemas.service import MLService

_Parts = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Expansion:
    """`path` below `spec` has `value`, written as in YAML, though the file does not say so."""

    path: str
    value: Any


def expansions_of(document: Document, service: MLService) -> tuple[Expansion, ...]:
    """Every value that was filled in, in the order of the language."""
    data = service.spec.model_dump(mode="json", by_alias=True)
    return tuple(
        Expansion(path_text(("spec", *path)), value)
        for path, value in _leaves(data, ())
        if document.node(("spec", *path)) is None
    )


def _leaves(value: Any, path: _Parts) -> Iterator[tuple[_Parts, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    elif value not in (None, [], {}):
        yield path, value
