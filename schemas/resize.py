"""Lines of `resources` and `scaling` are changed, added and taken away in a spec's file; everything else stays.

As in `schemas.edit`, what comes out is read again: where it is not the very same but for what was to change, nothing
is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.edit import BOM, Span, Values, applied, check, index_of, left_to_people, plain, written_at
from schemas.loader import LoadedService
from schemas.units import MEMORY_PATTERN
from schemas.yaml.tree import Entry, Mapping, Mark, Node, Scalar

_REGION = "region"
"""Every spec has it, and it has a line of its own: what has no section yet is put behind it."""
_BRACES = re.compile(r"\{[^{}\[\]\"'#&*\n]*\}")
"""A mapping in braces, on one line, with nothing in it that means something else."""


def resized(text: str, loaded: LoadedService, values: Values) -> str:
    """Change sizes and numbers of instances of one service.

    Args:
        text: The file as it is, line breaks included.
        loaded: The service, as it was loaded from that text.
        values: New value by path, a section of `spec` and a key: `resources.memory`. None takes a line away.

    Returns:
        The new text.

    Raises:
        NotEditable: Something is written in a way that is left to people.
    """
    body = text.removeprefix(BOM)
    sections = dict.fromkeys(path.partition(".")[0] for path in values)
    spans = [span for section in sections for span in _Section.of(body, loaded, section, values).spans()]
    changed = applied(body, spans)
    check(body, changed, loaded, values)
    return text[: len(text) - len(body)] + changed


@dataclass(frozen=True, slots=True)
class _Section:
    """One section, as it is written.

    Args:
        body: The text.
        loaded: The service.
        name: Of the section.
        values: Of it, by key.
        entries: What is written of it, by key.
    """

    body: str
    loaded: LoadedService
    name: str
    values: Values
    entries: dict[str, Entry]

    @classmethod
    def of(cls, body: str, loaded: LoadedService, name: str, values: Values) -> _Section:
        """Find a section in the text.

        Raises:
            NotEditable: It is no mapping.
        """
        node = loaded.document.node(("spec", name))
        if not (node is None or isinstance(node, Mapping)):
            raise left_to_people(loaded, name, "is no mapping")
        mine = {path.partition(".")[2]: value for path, value in values.items() if path.startswith(f"{name}.")}
        return cls(body, loaded, name, mine, node.entries if node else {})

    def spans(self) -> Iterator[Span]:
        """Say which pieces of the text become others.

        Raises:
            NotEditable: One is written in a way that is left to people.
        """
        new = [
            _entry(key, value) for key, value in self.values.items() if value is not None and key not in self.entries
        ]
        gone = [key for key, value in self.values.items() if value is None and key in self.entries]
        for key, value in self.values.items():
            if value is not None and key in self.entries:
                yield self._replaced(key, value)
        for key in gone:  # what is new takes the place of the first that goes
            yield self._gone(key, new)
            new = []
        if new:
            yield self._added(new)

    def _replaced(self, key: str, value: str | int) -> Span:
        found = written_at(self.body, self.loaded, f"{self.name}.{key}")
        if found is None:
            raise left_to_people(self.loaded, f"{self.name}.{key}", "is not written there")
        quote = self.body[found.start] if self.body[found.start] in "\"'" else ""
        return Span(found.start, found.end, f"{quote}{value}{quote}")

    def _gone(self, key: str, new: list[str]) -> Span:
        """Take an entry away, or put others in its place."""
        entry = self.entries[key]
        start, end = index_of(self.body, entry.mark), self._end(key, entry.node)
        indent = self._indent(entry.mark)
        if indent is None:
            return Span(start, end, ", ".join(new)) if new else self._out_of_braces(start, end)
        # What is said of a line behind it goes with it.
        line_end = self.body.find("\n", end) + 1 or len(self.body)
        return Span(start - len(indent), line_end, "".join(f"{indent}{entry}{self._break()}" for entry in new))

    def _out_of_braces(self, start: int, end: int) -> Span:
        """Take an entry with its comma."""
        if after := re.compile(r"\s*,\s*").match(self.body, end):
            return Span(start, after.end(), "")
        before = re.compile(r",\s*$").search(self.body[:start])
        return Span(before.start() if before else start, end, "")

    def _added(self, new: list[str]) -> Span:
        """Put entries behind one that is there; where there is none, a section behind the region."""
        for key, entry in self.entries.items():
            if self.values.get(key, "") is not None and isinstance(entry.node, Scalar):
                return self._behind(entry.mark, self._end(key, entry.node), new)
        if self.entries or self.loaded.document.node(("spec", self.name)) is not None:
            raise left_to_people(self.loaded, self.name, "has no line of plain text")
        spec = self.loaded.document.node(("spec",))
        region = spec.entries.get(_REGION) if isinstance(spec, Mapping) else None
        if region is None or not isinstance(region.node, Scalar):
            raise left_to_people(self.loaded, _REGION, "is not written there")
        end = self._end_of(_REGION, region.node)
        return self._behind(region.mark, end, [f"{self.name}: {{{', '.join(new)}}}"])

    def _behind(self, key: Mark, end: int, new: list[str]) -> Span:
        indent = self._indent(key)
        if indent is None:
            return Span(end, end, "".join(f", {entry}" for entry in new))
        line_end = self.body.find("\n", end)
        if line_end < 0:
            return Span(len(self.body), len(self.body), "".join(f"\n{indent}{entry}" for entry in new))
        return Span(line_end + 1, line_end + 1, "".join(f"{indent}{entry}{self._break()}" for entry in new))

    def _indent(self, key: Mark) -> str | None:
        """Give what stands before a key on its line; None where it is within braces, or behind another one."""
        line = index_of(self.body, Mark(key.line, 1))
        before = self.body[line : line + key.column - 1]
        return None if before.strip(" ") else before

    def _break(self) -> str:
        return "\r\n" if "\r\n" in self.body else "\n"

    def _end(self, key: str, node: Node) -> int:
        return self._end_of(f"{self.name}.{key}", node)

    def _end_of(self, path: str, node: Node) -> int:
        """Give where a value ends.

        Raises:
            NotEditable: It is neither plain text nor a mapping in braces on one line.
        """
        if isinstance(node, Scalar):
            found = written_at(self.body, self.loaded, path)
            if found is not None:
                return found.end
        elif isinstance(node, Mapping) and (braces := _BRACES.match(self.body, index_of(self.body, node.mark))):
            return braces.end()
        raise left_to_people(self.loaded, path, "is written in several lines, or not in plain words")


def _entry(key: str, value: str | int) -> str:
    means_itself = isinstance(value, int) or plain(value) or re.fullmatch(MEMORY_PATTERN, value)
    return f"{key}: {value if means_itself else repr(value)}"
