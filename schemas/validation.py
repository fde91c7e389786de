"""A document against the models: pydantic's errors become problems with a place, plain words and a hint."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from schemas.fields import field_at, keys_of, sections_with, type_at
from schemas.operator import Operator
from schemas.place import Document, Path
from schemas.problems import Problem, SourceRef
from schemas.refusal import shown
from schemas.section import yaml_value
from schemas.service import MLService
from schemas.spelling import closest
from schemas.yaml.tree import Scalar, to_data

D = TypeVar("D", bound=MLService | Operator)

_LIMITS = {
    "greater_than_equal": ("ge", "below"),
    "less_than_equal": ("le", "above"),
    "greater_than": ("gt", "not above"),
    "less_than": ("lt", "not below"),
}


def parse(data: Any, model: type[D]) -> D:
    """What a document's data describe; only YAML's names count.

    Args:
        data: Of the whole document.
        model: What it describes.

    Raises:
        ValidationError: pydantic's, with all errors.
    """
    found: Any = model.model_validate(data, by_alias=True, by_name=False)
    return found  # type: ignore[no-any-return]  # it is of the class that was asked


def shape_problems(
    document: Document, error: ValidationError, root: Any = MLService, below: Path = ()
) -> Iterator[Problem]:
    """One problem per error of pydantic's, for data of the model `root` that stands at `below`."""
    for detail in error.errors(include_url=False):
        if detail["type"] != "default_factory_not_called":  # follows from another problem of the same section
            yield _Reader(document, root, below).problem(detail)


def parse_rest(document: Document, error: ValidationError, model: type[D]) -> tuple[D | None, frozenset[str]]:
    """The document without what failed, so that checks of the rest can run, and the sections that failed.

    Unknown keys are left out; a section with a wrong value is left out as a whole.
    """
    data, failed = to_data(document.root), set[str]()
    for detail in error.errors(include_url=False, include_input=False):
        path = detail["loc"]
        if detail["type"] == "extra_forbidden":
            _remove(data, path)
        else:
            failed.add(str(path[1] if len(path) > 1 and path[0] == "spec" else path[0]))
    spec = data.get("spec")
    if "spec" in failed or not isinstance(spec, dict):
        return None, frozenset(failed)
    kept = {key: value for key, value in spec.items() if key not in failed}
    metadata = {"name": "unnamed"} if "metadata" in failed else data.get("metadata")
    try:
        rest = {"kind": model.__name__, "metadata": metadata, "spec": {"region": "unknown", **kept}}
        return parse(rest, model), frozenset(failed)
    except ValidationError:
        return None, frozenset(failed)


def _remove(data: Any, path: Path) -> None:
    for part in path[:-1]:
        data = data[part]
    data.pop(path[-1], None)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns errors about data of the model `root`, which stands at `below`, into problems."""

    document: Document
    root: Any
    below: Path

    def problem(self, detail: ErrorDetails) -> Problem:
        path: Path = detail["loc"]
        kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
        if kind == "refused":
            return Problem(self.where(path), context["summary"], context["hint"], rule=context["rule"])
        if kind == "extra_forbidden":
            return self.unknown_key(path)
        if kind == "missing":
            return self.missing(path)
        if kind in {"enum", "literal_error"}:
            return _not_a_choice(self.where(path), value, context["expected"])
        if kind in _LIMITS:
            return self.beyond(path, value, *_LIMITS[kind], context)
        return _other(self.where(path), detail)

    def where(self, path: Path, *, at_key: bool = False) -> SourceRef:
        return self.document.where((*self.below, *path), at_key=at_key)

    def unknown_key(self, path: Path) -> Problem:
        key, known = str(path[-1]), keys_of(type_at(path[:-1], self.root))
        if len(path) == 1 and self.root in (MLService, Operator):
            known = (*known, "environments")  # taken out before the models see the document
        if meant := closest(key, known):
            hint = f"did you mean `{meant}`?"
        elif self.root is not Operator and (homes := list(sections_with(key))):
            hint = f"`{key}` belongs under `{homes[0]}`"
        else:
            hint = f"known keys: {', '.join(known)}"
        return Problem(self.where(path, at_key=True), f"unknown key {shown(key)}", hint, rule="unknown-key")

    def missing(self, path: Path) -> Problem:
        found = field_at(path, self.root)
        examples = (found[1].examples if found else None) or []
        hint = (found[1].description or "") if found else ""
        if examples and isinstance(examples[0], str):
            hint = f"for example `{path[-1]}: {examples[0]}`"
        return Problem(self.where(path, at_key=True), "is missing", hint, rule="missing-key")

    def beyond(self, path: Path, value: Any, key: str, word: str, context: Any) -> Problem:
        """Shows the value as written: by now it is a number in the unit of its attribute."""
        limit = _limit_text(field_at(path, self.root), context[key])
        node = self.document.node((*self.below, *path))
        value = node.value if isinstance(node, Scalar) else value
        return Problem(self.where(path), f"{shown(value)} is {word} {limit}", rule="out-of-range")


def _not_a_choice(where: SourceRef, value: Any, expected: str) -> Problem:
    choices = re.findall(r"'([^']*)'", expected)
    meant = closest(value, choices) if isinstance(value, str) else None
    listed = ", ".join(choices)
    hint = f"did you mean `{meant}`? Choices: {listed}" if meant and len(choices) > 1 else f"choices: {listed}"
    summary = f"{shown(value)} is not one of the choices" if len(choices) > 1 else f"{shown(value)} is not {choices[0]}"
    return Problem(where, summary, hint, rule="not-a-choice")


def _limit_text(found: tuple[str, FieldInfo] | None, limit: Any) -> str:
    return str(yaml_value(found[0], limit)) if found else str(limit)


_EXPECTED = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
}


def _other(where: SourceRef, detail: ErrorDetails) -> Problem:
    kind, value = detail["type"], detail["input"]
    if expected := _EXPECTED.get(kind):
        hint = "begin each item with `- `" if expected == "a list" else "write `key: value` lines below it"
        return Problem(where, f"{shown(value)} is not {expected}", hint, rule="wrong-type")
    if kind == "too_short":
        return Problem(where, "the list is empty", "leave the key out, or list at least one", rule="too-short")
    if kind == "finite_number":
        return Problem(where, f"{shown(value)} is no number that can be counted with", rule="finite-number")
    if kind == "too_long":
        summary = f"these are too many: {detail['ctx']['max_length']} at most"
        return Problem(where, summary, rule="too-long")
    return Problem(where, detail["msg"], rule=kind.replace("_", "-"))
