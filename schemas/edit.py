"""A few values of a spec's file are changed where they stand: comments, order and everything else stay as they are.

What comes out is read again and compared with what was wanted; where that is not the very same, nothing is edited.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from schemas.draft import Draft
from schemas.loader import LoadedService, load
from schemas.place import parse_path
from schemas.problems import MLServiceError, SpecError
from schemas.service import MLService
from schemas.written import Written
from schemas.yaml.reader import read_documents
from schemas.yaml.tree import Mapping as MappingNode
from schemas.yaml.tree import Mark, Scalar

BOM = "\ufeff"
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@-]*(:[A-Za-z0-9._/@-]+)*/?")
"""What means itself in YAML without quotes, anywhere."""
_NO_TEXT = re.compile(r"(?i)[0-9].*|true|false|null|yes|no|on|off")
"""What YAML, or a reader of it, takes for something else than text."""


Values = Mapping[str, str | int | None]
"""What is written, by path below `spec`; None for what is not any more."""


class NotEditable(MLServiceError):
    """A value is written in a way that is not changed by a program.

    Args:
        message: What, and where.
        hint: What a person can do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text, and what comes in its place."""

    start: int
    end: int
    new: str


def edited(text: str, loaded: LoadedService, values: Mapping[str, str], *, beside: str) -> str:
    """Change values of one service.

    Args:
        text: The file as it is, line breaks included.
        loaded: The service, as it was loaded from that text.
        values: New value by path below `spec`. One that is not written yet goes beside `beside`.
        beside: One of the paths, which is written, in a mapping.

    Returns:
        The new text.

    Raises:
        NotEditable: Something is written in a way that is left to people: over several lines, by an anchor, or half of
            it in an environment.
    """
    model = loaded.service.spec.model
    moves = model is not None and values.get("model.uri", model.uri) != model.uri
    if model and model.sha256 is not None and moves and "model.sha256" not in values:
        raise left_to_people(
            loaded, "model.sha256", "is the digest of the model before, and the new one's is not known"
        )
    body = text.removeprefix(BOM)
    changed = applied(body, _spans(body, loaded, values, beside))
    check(body, changed, loaded, values)
    return text[: len(text) - len(body)] + changed


def applied(body: str, spans: Iterable[Span]) -> str:
    """Put what is new in place of pieces of a text that do not overlap."""
    for span in sorted(spans, key=lambda span: span.start, reverse=True):
        body = body[: span.start] + span.new + body[span.end :]
    return body


def _spans(body: str, loaded: LoadedService, values: Mapping[str, str], beside: str) -> Iterator[Span]:
    known = {path: written_at(body, loaded, path) for path in values}
    anchor = known[beside]
    if anchor is None:
        raise left_to_people(loaded, beside, "is not written there")
    patched = {loaded.where(path).path.startswith("environments.") for path, span in known.items() if span}
    if len(patched) > 1:
        raise left_to_people(
            loaded, beside, f"is written apart from {', '.join(path for path in values if path != beside)}"
        )
    for path, span in known.items():
        if span is not None:
            yield Span(span.start, span.end, _quoted_like(body[span.start], values[path]))
    for path in (path for path, span in known.items() if span is None):
        at = loaded.document.where(beside, at_key=True)
        yield _inserted(body, Mark(at.line, at.column), anchor.end, _entry(path, values[path]))


def written_at(body: str, loaded: LoadedService, path: str) -> Span | None:
    """Find a value's own text; None where the file has none.

    Raises:
        NotEditable: It is there in another form than its plain or quoted text.
    """
    node = loaded.document.node(parse_path(path))
    if node is None:
        return None
    if not isinstance(node, Scalar) or node.value is None:
        raise left_to_people(loaded, path, "is no plain text")
    value = node.value.text if isinstance(node.value, Written) else node.value
    start = index_of(body, node.mark)
    for quote in ("", '"', "'"):
        if value and body.startswith(f"{quote}{value}{quote}", start):
            return Span(start, start + len(value) + 2 * len(quote), "")
    raise left_to_people(loaded, path, "is written in several lines, with an anchor or with escapes")


def index_of(body: str, mark: Mark) -> int:
    """Give where a line and column is in the text; lines end where YAML's reader ends them."""
    starts = [0, *(found.end() for found in _LINE_BREAK.finditer(body))]
    return starts[mark.line - 1] + mark.column - 1


def _quoted_like(first: str, value: str) -> str:
    if first in "\"'" and first not in value and "\\" not in value:
        return f"{first}{value}{first}"
    return value if _PLAIN.fullmatch(value) else _quoted(value)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def plain(value: str) -> bool:
    """Tell whether text means itself in YAML without quotes."""
    return bool(_PLAIN.fullmatch(value)) and not _NO_TEXT.fullmatch(value)


def _entry(path: str, value: str) -> str:
    """Write a key and its value, so that the value is read as text."""
    return f"{path.rpartition('.')[2]}: {value if plain(value) else _quoted(value)}"


def _inserted(body: str, key: Mark, end: int, entry: str) -> Span:
    """Put an entry after another one: on a line of its own, or within the same braces.

    Args:
        body: The text.
        key: Where the other one's key stands.
        end: Where its value ends.
        entry: What is put there.
    """
    line = index_of(body, Mark(key.line, 1))
    indent = body[line : line + key.column - 1]
    if indent.strip(" "):
        return Span(end, end, f", {entry}")
    found = _LINE_BREAK.search(body, end)
    if found is None:
        return Span(len(body), len(body), f"\n{indent}{entry}")
    return Span(found.end(), found.end(), f"{indent}{entry}{found[0]}")


def check(before: str, after: str, loaded: LoadedService, values: Values) -> None:
    """Read the new text: every service is as it was, but for the values that were to change.

    Raises:
        NotEditable: It is not.
    """
    old, new = _services(before, loaded), _services(after, loaded)
    wanted = [dict(data) for data in old]
    number = next((i for i, data in enumerate(old) if data == loaded.service.to_data()), None)
    if number is not None:
        wanted[number] = _with(wanted[number], values)
    if number is None or new != wanted:
        raise left_to_people(loaded, next(iter(values)), "cannot be changed without changing something else")
    changed = [name for name in _others(before, loaded) if not _same(before, after, loaded, name)]
    if changed:
        why = (
            f"is of the environment{'s' * (len(changed) > 1)} {', '.join(changed)} as well, which would change with it"
        )
        raise left_to_people(loaded, next(iter(values)), why)


def _others(text: str, loaded: LoadedService) -> list[str]:
    """Name the environments that are not meant. Where none was chosen the base is meant, with whatever builds on it."""
    if loaded.environment is None:
        return []
    drafts = [Draft(loaded.file, root) for root in read_documents(text.encode())[0] if isinstance(root, MappingNode)]
    return sorted({name for draft in drafts for name in draft.environments} - {loaded.environment})


def _same(before: str, after: str, loaded: LoadedService, environment: str) -> bool:
    there = replace(loaded, environment=environment)
    return _services(before, there) == _services(after, there)


def _services(text: str, loaded: LoadedService) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="mlservice-edit-") as folder:
        file = Path(folder) / "mlservice.yaml"
        file.write_bytes(text.encode())
        try:
            return [each.service.to_data() for each in load(file, environment=loaded.environment).services]
        except SpecError:
            return []


def _with(data: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Give a service's data with other values; None for one that is not written any more."""
    spec = {**data["spec"]}
    for path, value in values.items():
        section, _, key = path.partition(".")
        there = {name: each for name, each in spec.get(section, {}).items() if name != key}
        spec[section] = there if value is None else {**there, key: value}
    try:
        return MLService.model_validate({**data, "spec": spec}, by_alias=True, by_name=False).to_data()
    except ValueError:  # what cannot be written is not what comes out either
        return {}


def left_to_people(loaded: LoadedService, path: str, why: str) -> NotEditable:
    """Say that something is not edited, where it stands, and why."""
    return NotEditable(f"{loaded.where(path)} {why}: it is not edited", "change it by hand")
