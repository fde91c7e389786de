"""`model.yaml`, which may lie in a model's folder: words of the spec's `model`, read as the spec is.

The same YAML 1.2, with places: `version: 1.10` is that text, `no` is not false, and a key that is no word of the
language is refused with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

import msgspec

from schemas.spelling import closest
from schemas.written import Written
from schemas.yaml import tree
from schemas.yaml.reader import read_documents

if TYPE_CHECKING:
    from schemas.yaml.tree import Entry, Mark, Node

Section = TypeVar("Section", bound=msgspec.Struct)

Words = Mapping[type, Collection[str]]
"""Of some sections, by their kinds."""

Checks = Mapping[type, Callable[[Any], Iterable[tuple[str, str, str]]]]
"""By the kind of a section: what is wrong with one, each with its key, a summary and a hint."""


class Unreadable(ValueError):
    """The file is not what it should be. The message has a line for each thing that is wrong, with its place."""


def read(content: bytes, kind: type[Section], *, name: str, more: Words, less: Words, checks: Checks) -> Section:
    """Read a file as a section.

    Args:
        content: Of the file.
        kind: What its keys are.
        name: Of the file, for messages.
        more: Words of the language that nobody here reads.
        less: What is no word of the language, though it is read here from elsewhere.
        checks: Of sections whose keys are right, each by itself.

    Raises:
        Unreadable: It is no YAML, or says something that a section of this kind cannot.
    """
    documents, flaws = read_documents(content)
    reading = _Reading(name, more, less, checks)
    for flaw in flaws:
        reading.note(flaw.mark, flaw.summary, flaw.hint)
    if len(documents) > 1:
        reading.note(None, f"it has {len(documents)} documents", "a model has one")
    found = reading.value(documents[0], kind, "") if documents and not reading.problems else None
    if reading.problems:
        raise Unreadable("\n".join(reading.problems))
    return kind() if found is None else found


@dataclass
class _Reading:
    """One pass over the tree of a file. It goes on behind what is wrong, so that all of it is told at once."""

    name: str
    more: Words
    less: Words
    checks: Checks
    problems: list[str] = field(default_factory=list)

    def note(self, mark: Mark | None, summary: str, hint: str = "") -> None:
        place = f"{self.name}:{mark.line}:{mark.column}" if mark else self.name
        self.problems.append(f"{place}: {summary}" + (f"; {hint}" if hint else ""))

    def value(self, node: Node, kind: Any, path: str) -> Any:
        """Give what a node says. None where that is nothing of its kind, which is noted."""
        kind = _of_something(kind)
        outer, inner = get_origin(kind), get_args(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._section(node, kind, path)
        if outer is dict:
            return {key: self.value(entry.node, inner[1], f"{path}{key}.") for key, entry in self._entries(node, path)}
        if outer is tuple:
            return self._list(node, inner[0], path)
        return self._scalar(node, kind, path)

    def _entries(self, node: Node, path: str) -> Iterator[tuple[str, Entry]]:
        """Give what a mapping says something of: a key with nothing behind it counts as not written."""
        if not isinstance(node, tree.Mapping):
            self.note(node.mark, f"{_shown(path)} is no mapping", "write keys below it")
            return
        for key, entry in node.entries.items():
            if not (isinstance(entry.node, tree.Scalar) and entry.node.value is None):
                yield key, entry

    def _section(self, node: Node, kind: Any, path: str) -> Any:
        fields = {each.encode_name: each for each in msgspec.structs.fields(kind)}
        known = [*fields.keys() - set(self.less.get(kind, ())), *self.more.get(kind, ())]
        before = len(self.problems)
        given: dict[str, Any] = {}
        marks: dict[str, Mark] = {}
        for key, entry in self._entries(node, path):
            if key not in known:
                meant = closest(key, known)
                self.note(entry.mark, f"{path}{key} is no key", f"did you mean {meant}?" if meant else "")
            elif key in fields:
                marks[key] = entry.node.mark
                given[fields[key].name] = self.value(entry.node, fields[key].type, f"{path}{key}.")
        for each in fields.values():
            if each.required and each.name not in given:
                self.note(node.mark, f"{path}{each.encode_name} is missing")
        if len(self.problems) > before:
            return None
        found = kind(**given)
        for key, summary, hint in self.checks.get(kind, lambda _: ())(found):
            self.note(marks[key], f"{path}{key} {summary}", hint)
        return found

    def _list(self, node: Node, kind: Any, path: str) -> Any:
        if not isinstance(node, tree.Sequence):
            self.note(node.mark, f"{_shown(path)} is no list")
            return None
        return tuple(self.value(item, kind, path) for item in node.items)

    def _scalar(self, node: Node, kind: Any, path: str) -> Any:
        if not isinstance(node, tree.Scalar):
            self.note(node.mark, f"{_shown(path)} is one value")
            return None
        value: Any = node.value
        if isinstance(value, Written):  # what stands there is text, where text is wanted
            value = value.text if kind is str else value.value
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self.note(node.mark, f"{_shown(path)}: {error}")
            return None


def _of_something(kind: Any) -> Any:
    """Give what is said where something is: of `X | None` that is X."""
    inner = [each for each in get_args(kind) if each is not NoneType]
    return inner[0] if len(inner) < len(get_args(kind)) else kind


def _shown(path: str) -> str:
    return path.rstrip(".") or "the file"
