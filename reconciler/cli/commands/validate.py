"""`mlservice validate`: check specs, offline."""

from __future__ import annotations

import json
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import data, out, show_problems
from reconciler.cli.options import Environment, Paths, spec_paths

if TYPE_CHECKING:
    from schemas import Specs

app = typer.Typer(add_completion=False)


class Form(StrEnum):
    """Forms of output."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


@app.command()
def validate(
    paths: Paths = None,
    *,
    environment: Environment = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the problems.")] = Form.TEXT,
) -> int:
    """Check specs without any call. Every problem is reported at once, with its place and what to do about it."""
    from schemas import SpecError, Specs, load  # noqa: PLC0415 - late, for start-up
    from schemas.report import as_json, as_sarif, summary_line  # noqa: PLC0415 - late, for start-up

    found, specs = 0, Specs(())
    try:
        specs = load([*spec_paths(paths)], environment=environment)
        problems, found = specs.warnings, len(specs.documents)
    except SpecError as error:
        problems = error.problems
    if output is Form.TEXT:
        show_problems(problems)
        out(f"{_counted(specs)} valid" if found else summary_line(problems))
    else:
        data(json.loads(as_json(problems) if output is Form.JSON else as_sarif(problems, version=version("mlservice"))))
    return 0 if found else 1


def _counted(specs: Specs) -> str:
    services, operators = len(specs.services), len(specs.operators)
    counts = ((services, "service"), (operators, "operator"))
    return " and ".join(f"{count} {word}{'s' if count != 1 else ''}" for count, word in counts if count)
