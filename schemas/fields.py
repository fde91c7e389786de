"""The models as a tree of names: which keys a path may have, and what stands there."""

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.service import MLService, Spec


def type_at(parts: Sequence[str | int], root: Any = MLService) -> Any | None:
    """The type of the value at a path of YAML names; None where the language has no such path."""
    here = _bare(root)
    for part in parts:
        here = _bare(_below(here, part))
        if here is None:
            return None
    return here


def field_at(parts: Sequence[str | int], root: Any = MLService) -> tuple[str, FieldInfo] | None:
    """Attribute name and field at a path that ends in a key of a section."""
    parent = type_at(parts[:-1], root) if parts else None
    if parent is None or not _is_section(parent):
        return None
    found = ((name, field) for name, field in parent.model_fields.items() if field.alias == parts[-1])
    return next(found, None)


def keys_of(kind: Any) -> tuple[str, ...]:
    """YAML names of a section's keys."""
    return tuple(str(field.alias) for field in kind.model_fields.values()) if _is_section(kind) else ()


def sections_with(key: str) -> Iterator[str]:
    """Paths below `spec` where `key` is allowed: for a key that stands in the wrong place."""
    for section, field in Spec.model_fields.items():
        kind = _bare(field.annotation)
        if key in keys_of(kind):
            yield str(Spec.model_fields[section].alias)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _bare(kind: Any) -> Any:
    """Without `Annotated` and `| None`."""
    while get_origin(kind) in (Annotated, Union, types.UnionType):
        kind = next(arg for arg in get_args(kind) if arg is not type(None))
    return kind


def _below(kind: Any, part: str | int) -> Any:
    if _is_section(kind):
        return next((field.annotation for field in kind.model_fields.values() if field.alias == part), None)
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    return get_args(kind)[0] if get_origin(kind) is tuple and isinstance(part, int) else None
