"""Text to documents: PyYAML's events become our own tree, within bounds.

PyYAML's own constructors are not used: they speak YAML 1.1, drop places, let the last duplicate key win and
expand aliases without limit.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from schemas.showing import shown
from schemas.yaml.scalars import resolve
from schemas.yaml.tree import Entry, Mapping, Mark, Node, Scalar, Sequence

MAX_BYTES = 1024 * 1024  # of a file
MAX_DEPTH = 50  # mappings and lists within each other
MAX_NODES = 50_000  # of a document, aliases expanded

# libyaml is fifteen times as fast; PyYAML is built without it on some systems.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNCARRIED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
"""What an escape can put into a text that Google's APIs, terminals or environments cannot carry: NUL ends a variable,
halves of surrogate pairs are no UTF-8, and the others steer whoever prints them."""
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # those PyYAML counts
_TEXT_TAGS = ("tag:yaml.org,2002:str", "!")
_CORE_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with the text itself."""

    mark: Mark | None
    summary: str
    hint: str = ""
    rule: str = "yaml-syntax"


class Unreadable(Exception):
    """The rest of the file cannot be read."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.summary)
        self.flaw = flaw


def read_documents(content: bytes) -> tuple[list[Node], list[Flaw]]:
    """The documents of a file that are not empty, and what is wrong with the text.

    Never raises: a file that cannot be read to its end gives the documents before the flaw.
    """
    documents: list[Node] = []
    flaws: list[Flaw] = []
    try:
        composer = _Composer(_events(_decoded(content)), flaws)
        documents.extend(node for node in composer.documents() if not _is_empty(node))
    except Unreadable as error:
        flaws.append(error.flaw)
    return documents, flaws


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        summary = f"the file is larger than {MAX_BYTES // 1024} KiB"
        raise Unreadable(Flaw(None, summary, "no spec is; is it another file?", "file-size"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise Unreadable(Flaw(_mark_at(before, len(before)), *_NOT_TEXT)) from None
    if found := _CONTROL.search(text):
        raise Unreadable(Flaw(_mark_at(text, found.start()), *_NOT_TEXT))
    return text


_NOT_TEXT = ("the file is not UTF-8 text", "save it as UTF-8; is it a binary file?", "file-encoding")


def _mark_at(text: str, index: int) -> Mark:
    lines = _LINE_BREAK.split(text[:index])
    return Mark(len(lines), len(lines[-1]) + 1)


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise Unreadable(_syntax_flaw(text, error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(Flaw(None, f"the file is not YAML: {error}")) from None


def _syntax_flaw(text: str, error: yaml.MarkedYAMLError) -> Flaw:
    lines = _LINE_BREAK.split(text)
    mark = _from_yaml(error.problem_mark or error.context_mark, lines)
    line = lines[mark.line - 1] if mark else ""
    problem, context = str(error.problem), str(error.context or "")
    if mark and ("\t" in line[: len(line) - len(line.lstrip())] or "\\t" in problem):
        return Flaw(
            Mark(mark.line, line.find("\t") + 1), "a tab where YAML wants spaces", "indent with spaces", "yaml-tab"
        )
    if "flow mapping" in context or "flow sequence" in context or "quoted scalar" in context:
        what = "quote" if "quoted" in context else "bracket"
        return Flaw(
            _from_yaml(error.context_mark, lines),
            f"this {what} is not closed, or what follows is wrong",
            f"YAML says: {problem}",
        )
    if "mapping values are not allowed" in problem:
        return Flaw(mark, "a colon that makes no sense here", "put a value that contains `: ` in quotes")
    said = f"not YAML: {problem}" + (f" ({context})" if context else "")
    return Flaw(mark, said, "check the indentation of this line and the one before it")


def _from_yaml(mark: Any, lines: list[str]) -> Mark | None:
    """A parser's mark; libyaml puts the end of a file without a last line break on a line of its own."""
    if mark is None:
        return None
    past = mark.line >= len(lines)
    return Mark(len(lines), len(lines[-1]) + 1) if past else Mark(mark.line + 1, mark.column + 1)


@dataclass
class _Composer:
    """One pass over the events of a file."""

    events: Iterator[Any]
    flaws: list[Flaw]
    anchors: dict[str, Node | None] = field(default_factory=dict)
    nodes: int = 0

    def documents(self) -> Iterator[Node]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors, self.nodes = {}, 0
                yield self._node(next(self.events), 0)

    def _node(self, event: Any, depth: int) -> Node:
        mark = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, mark)
        self._count(1, mark)
        self._refuse_custom_tag(event, mark)
        self._refuse_uncarried(event, mark)
        if event.anchor:
            self.anchors[event.anchor] = None  # None until complete: an alias within it would never end
        node = self._value(event, mark, depth)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _value(self, event: Any, mark: Mark, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(mark, _scalar_value(event))
        if depth >= MAX_DEPTH:
            raise Unreadable(Flaw(mark, f"more than {MAX_DEPTH} levels deep", "", "yaml-depth"))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(mark, depth)
        return self._mapping(mark, depth)

    def _sequence(self, mark: Mark, depth: int) -> Sequence:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Sequence(mark, tuple(items), 1 + sum(item.size for item in items))

    def _mapping(self, mark: Mark, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        size = 1
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key_mark = _mark(event)
            key = self._key(event, depth)
            node = self._node(next(self.events), depth + 1)
            size += 1 + node.size
            if _is_merge_key(event):
                self._merge_key(key_mark)
            elif key in entries:
                self._duplicate(key, key_mark, entries[key].mark)
            else:
                entries[key] = Entry(key_mark, node)
        return Mapping(mark, entries, size)

    def _key(self, event: Any, depth: int) -> str:
        mark = _mark(event)
        node = self._node(event, depth + 1)
        if not isinstance(node, Scalar):
            raise Unreadable(Flaw(mark, "a key must be text", "", "yaml-key"))
        return event.value if isinstance(event, yaml.ScalarEvent) else str(node.value)

    def _merge_key(self, mark: Mark) -> None:
        hint = "YAML 1.2 has no merge keys: write the keys out, or use `environments`"
        self.flaws.append(Flaw(mark, "`<<` is a merge key", hint, "yaml-merge-key"))

    def _duplicate(self, key: str, mark: Mark, first: Mark) -> None:
        hint = f"it stands at line {first.line}, column {first.column} already"
        self.flaws.append(Flaw(mark, f"the key {shown(key)} stands here twice", hint, "duplicate-key"))

    def _alias(self, event: Any, mark: Mark) -> Node:
        if event.anchor not in self.anchors:
            raise Unreadable(Flaw(mark, f"no anchor &{event.anchor} before this alias", "", "yaml-alias"))
        node = self.anchors[event.anchor]
        if node is None:
            raise Unreadable(Flaw(mark, f"the alias *{event.anchor} contains itself", "", "yaml-alias"))
        self._count(node.size, mark)
        return node

    def _count(self, nodes: int, mark: Mark) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            hint = "aliases count as what they stand for"
            raise Unreadable(Flaw(mark, f"more than {MAX_NODES} values in one document", hint, "yaml-size"))

    def _refuse_custom_tag(self, event: Any, mark: Mark) -> None:
        tag = event.tag
        if tag is None or tag in _TEXT_TAGS:
            return
        shown = f"!!{tag.removeprefix(_CORE_TAG)}" if tag.startswith(_CORE_TAG) else tag
        self.flaws.append(Flaw(mark, f"the tag {shown} is not allowed", "write a plain value", "yaml-tag"))

    def _refuse_uncarried(self, event: Any, mark: Mark) -> None:
        found = _UNCARRIED.search(event.value) if isinstance(event, yaml.ScalarEvent) else None
        if found:  # the rest is not shown: it may be a secret
            summary = f"the text has the control character U+{ord(found[0]):04X}"
            hint = "write text; line breaks and tabs are the only control characters it may have"
            self.flaws.append(Flaw(mark, summary, hint, "control-character"))


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _is_merge_key(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and bool(event.implicit[0])


def _scalar_value(event: Any) -> Any:
    plain = event.implicit[0] and event.tag is None
    return resolve(event.value) if plain else event.value
