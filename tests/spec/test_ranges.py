"""Every whole number of the language has two ends: beyond them it is refused where it stands, never later."""

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

import annotated_types
import pytest
from pydantic import BaseModel

from schemas import SpecError, load
from schemas.operator import Operator
from schemas.service import MLService
from schemas.values import INT32_MOST, INT64_MOST, Whole

WIDER = {
    "MLService.spec.retraining.guards.minNewRows.atLeast": "numRows of BigQuery v2, an int64 written as text",
    "Operator.spec.ci.github.repositoryId": "text in a condition of Workload Identity Federation",
    "Operator.spec.ci.github.ownerId": "text in a condition of Workload Identity Federation",
}
"""Whole numbers that become no int32."""
FAR = (INT32_MOST + 1, 10**40)
FOUND = "FOUND"


def whole_numbers(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and field of each; `[]` stands for an item of a list, `{}` for a key of the user's."""
    for field in model.model_fields.values():
        for below, kind in steps(field.annotation):
            here = (*path, str(field.alias), *below)
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from whole_numbers(kind, here)
            elif kind is int and field.metadata and Whole.__metadata__[0] in (*field.metadata, *inner(field)):
                yield here, field


def inner(field: Any) -> Iterator[Any]:
    """What `Annotated` says inside of `| None`."""
    for each in get_args(field.annotation):
        yield from getattr(each, "__metadata__", ())


def steps(kind: Any, below: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The types that a value may have, and how far below."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is dict:
        yield from steps(inside[1], (*below, "{}"))
    elif origin is tuple:
        yield from steps(inside[0], (*below, "[]"))
    elif origin in (Union, types.UnionType):
        for each in inside:
            yield from steps(each, below)
    elif hasattr(kind, "__metadata__"):
        yield from steps(inside[0], below)
    else:
        yield below, kind


ALL = [found for root in (MLService, Operator) for found in whole_numbers(root, (root.__name__,))]
ids = [".".join(path) for path, _ in ALL]


def ends(field: Any) -> tuple[int | None, int | None]:
    """The least and the greatest value."""
    found = {type(each): each for each in field.metadata}
    least, most = found.get(annotated_types.Ge), found.get(annotated_types.Le)
    return getattr(least, "ge", None), getattr(most, "le", None)


def document(path: tuple[str, ...], value: int) -> str:
    """Give a document with one number in it, on a line of its own; what else it needs is missing."""
    lines = ["apiVersion: mlservice/v1", f"kind: {path[0]}", "metadata: {name: a}"]
    indent, dash = 0, ""
    for step in path[1:]:
        if step == "[]":
            dash = "- "
            continue
        lines.append(f"{' ' * indent}{dash}{'a' if step == '{}' else step}:")
        indent, dash = indent + 2 + len(dash), ""
    lines[-1] += f" {value}" if not dash else f" [{value}]"
    return "\n".join(lines) + "\n"


def said_of(tmp_path, path, value):
    """Rule and place of what is said about the number's own line."""
    file = tmp_path / "mlservice.yaml"
    text = document(path, value)
    file.write_text(text)
    try:
        problems = load(file).warnings
    except SpecError as error:
        problems = error.problems
    line = text.count("\n")
    return [problem.rule for problem in problems if problem.where.line == line]


def test_there_are_numbers_to_try():
    """The walk finds them in sections, lists, maps and behind `| None`."""
    assert {"MLService.spec.scaling.maxInstances", "MLService.spec.rollout.steps.[].traffic"} <= {*ids}, ids
    assert {*WIDER} <= {*ids}


@pytest.mark.parametrize(("path", "field"), ALL, ids=ids)
def test_a_whole_number_has_the_range_of_the_field_that_it_becomes(path, field):
    """Google's messages carry an int32 or an int64; a number beyond it would end an apply half-way."""
    least, most = ends(field)

    assert least is not None
    assert most is not None
    assert -INT32_MOST <= least <= most <= (INT64_MOST if ".".join(path) in WIDER else INT32_MOST)


@pytest.mark.parametrize(("path", "field"), ALL, ids=ids)
def test_beyond_its_ends_a_number_is_refused_with_its_line(tmp_path, path, field):
    """At them it is a number like any other."""
    least, most = ends(field)

    assert [
        said_of(tmp_path, path, end) for end in (least, most) if "out-of-range" in said_of(tmp_path, path, end)
    ] == []
    for beyond in {least - 1, most + 1, *(far for far in FAR if not least <= far <= most)}:
        assert "out-of-range" in said_of(tmp_path, path, beyond), beyond


@pytest.mark.parametrize(
    "escape", ["\\0", "\\a", "\\b", "\\e[31m", "\\x7f", "\\x9b", "\\x80"], ids=lambda text: text.strip("\\")
)
@pytest.mark.parametrize("line", ['env: {{A: "x{}"}}', 'env: {{"A{}": x}}', 'args: ["{}"]', 'owner: "{}"'])
def test_a_control_character_is_refused_with_its_line(said, line, escape):
    """NUL ends a variable, the others steer whoever prints them: each wherever text may stand."""
    told = said(f"apiVersion: mlservice/v1\nmetadata: {{name: a}}\nspec:\n  {line.format(escape)}\n")

    assert any(each.startswith("4:") and "control character U+00" in each for each in told), told


def test_tabs_line_breaks_and_letters_of_any_script_are_text(loaded):
    """Scripts in arguments have lines, and names have letters."""
    service = loaded(
        "apiVersion: mlservice/v1\nmetadata: {name: a}\nspec:\n  region: europe-west1\n  image: gcr.io/a/b:1\n"
        '  env: {A: "one\\n\\ttwo\\r\\n", B: "שלום 🦊 \\u202e"}\n'
    )

    assert service.service.spec.env == {"A": "one\n\ttwo\r\n", "B": "שלום 🦊 \u202e"}
