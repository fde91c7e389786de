"""Where in a document a spec path stands."""

import re
from collections.abc import Iterator
from collections.abc import Sequence as SequenceABC
from dataclasses import dataclass
from itertools import takewhile

from schemas.problems import SourceRef
from schemas.yaml.tree import Entry, Mapping, Mark, Node, Sequence

Path = tuple[str | int, ...]
_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_TOP = ("apiVersion", "kind", "metadata", "spec", "environments")


def parse_path(text: str) -> Path:
    """Parts of `rollout.steps[1].traffic`; a path that begins with no top-level key is one below `spec`."""
    parts: Path = tuple(name or int(index) for name, index in _PART.findall(text))
    return parts if parts and parts[0] in _TOP else ("spec", *parts)


def path_text(parts: SequenceABC[str | int]) -> str:
    """The path as people read it: without the leading `spec`, unless it is all there is."""
    shown = parts[1:] if len(parts) > 1 and parts[0] == "spec" else parts
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in shown).removeprefix(".")
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file, an environment's patch applied or not."""

    file: str
    root: Mapping
    environment: str | None = None

    def where(self, path: str | Path, *, at_key: bool = False) -> SourceRef:
        """The place of a value, or of its key; of the nearest thing above it where it was not written."""
        parts = parse_path(path) if isinstance(path, str) else path
        node: Node = self.root
        mark, patched, complete = self.root.mark, False, True
        for step in _steps(node, parts):
            if step is None:
                complete = False
                break
            node, patched = step.node, patched or step.patched
            mark = step.mark
        scalar = not isinstance(node, (Mapping, Sequence))  # a shorthand, where the path goes on below it
        written = scalar and (complete or getattr(node, "value", None) is not None)
        place = node.mark if written and not at_key else mark
        return self._ref(place, parts, patched=patched)

    def _ref(self, mark: Mark, parts: Path, *, patched: bool) -> SourceRef:
        text = path_text(("environments", self.environment or "", *parts) if patched else parts)
        return SourceRef(self.file, mark.line, mark.column, text)

    def node(self, path: str | Path) -> Node | None:
        """What was written at a path; None if nothing was."""
        node: Node = self.root
        for step in _steps(node, parse_path(path) if isinstance(path, str) else path):
            if step is None:
                return None
            node = step.node
        return node


def _steps(node: Node, parts: Path) -> Iterator[Entry | None]:
    """Go down a path; None where it ends before its end. A key with dots in it is several parts of a path in words."""
    while parts:
        words = sum(1 for _ in takewhile(lambda part: isinstance(part, str), parts))
        keys = [(1, parts[0]), *((count, ".".join(map(str, parts[:count]))) for count in range(2, words + 1))]
        count, step = next(((count, found) for count, key in keys if (found := _step(node, key))), (1, None))
        yield step
        if step is None:
            return
        node, parts = step.node, parts[count:]


def _step(node: Node, part: str | int) -> Entry | None:
    if isinstance(node, Mapping):
        return node.entries.get(str(part))
    if isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
        return Entry(node.items[part].mark, node.items[part])
    return None
