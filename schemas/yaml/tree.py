"""The tree a document becomes."""

from dataclasses import dataclass
from typing import Any

from schemas.written import Written


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Line and column, from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, null, or an unquoted number or boolean."""

    mark: Mark
    value: str | Written | None
    size = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list. `size` counts the nodes below, aliases expanded."""

    mark: Mark
    items: tuple["Node", ...]
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value. `patched`: it stands in an environment's lines."""

    mark: Mark
    node: "Node"
    patched: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys are text; their order is the file's."""

    mark: Mark
    entries: dict[str, Entry]
    size: int


Node = Scalar | Sequence | Mapping


def to_data(node: Node) -> Any:
    """Dictionaries, lists and scalars; unquoted numbers and booleans stay `Written`."""
    if isinstance(node, Mapping):
        return {key: to_data(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [to_data(item) for item in node.items]
    return node.value


def get(node: Node | None, key: str) -> Node | None:
    """The value at `key` if `node` is a mapping that has it."""
    entry = node.entries.get(key) if isinstance(node, Mapping) else None
    return entry.node if entry else None
