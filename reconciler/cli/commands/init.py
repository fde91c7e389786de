"""`mlservice init`: write a commented mlservice.yaml."""

from __future__ import annotations

import re
import sys
import tempfile
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.console import out, say
from reconciler.core import errors

app = typer.Typer(add_completion=False)

DEFAULT_REGION = "europe-west1"


class Template(StrEnum):
    """What a file to start from is for."""

    TABULAR = "tabular"
    VLLM = "vllm"
    OLLAMA = "ollama"
    CUSTOM = "custom"


MODELS = {
    Template.TABULAR: ("Model folder (./model or gs://...)", "./model"),
    Template.VLLM: ("Folder of the weights (gs://...)", "gs://my-models/writer/"),
    Template.OLLAMA: ("Folder of the weights (gs://...)", "gs://my-models/ollama/"),
    Template.CUSTOM: ("", "gs://my-models/scorer/"),
}
"""What is asked for as a model, and what is written where nobody says; the last is in a comment and not asked for."""


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write mlservice.yaml.")] = Path(),
    *,
    name: Annotated[str | None, typer.Option("--name", help="Name of the service.", show_default=False)] = None,
    region: Annotated[str | None, typer.Option("--region", help="Google Cloud region.", show_default=False)] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Model folder: ./model or gs://...; of weights: gs://...", show_default=False),
    ] = None,
    template: Annotated[
        Template, typer.Option("--template", help="The bundled server, a language model, or a container of yours.")
    ] = Template.TABULAR,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a commented file to start from. On a terminal it asks; in a pipe it takes the defaults."""
    path = folder / "mlservice.yaml"
    if path.exists() and not force:
        raise errors.UsageError(f"{path} exists already", hint="add --force to overwrite it")
    suggested = _service_name(folder)
    text = (
        files("schemas")
        .joinpath("starters", f"{template}.yaml")
        .read_text(encoding="utf-8")
        .replace("@NAME@", name or _asked("Name of the service", suggested))
        .replace("@REGION@", region or _asked("Region", DEFAULT_REGION))
        .replace("@MODEL@", model or _asked(*MODELS[template]))
    )
    _check(text)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    out(str(path))
    say(f"next: mlservice validate {path} && mlservice plan {path} --local", "dim")


def _check(text: str) -> None:
    """Refuse answers that make no valid file, before it is written."""
    from schemas import SpecError, load  # noqa: PLC0415 - late, for start-up

    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside) / "mlservice.yaml"
        path.write_text(text)
        try:
            load([path])
        except SpecError as error:
            first = error.problems[0]
            lines = text.splitlines()[first.where.line - 1 : first.where.line]
            raise errors.UsageError(f"{' '.join(lines).strip()}: {first.summary}", hint=first.hint) from error


def _asked(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, err=True)) if question and sys.stdin.isatty() else default


def _service_name(folder: Path) -> str:
    name = re.sub(r"[^a-z0-9-]+", "-", folder.resolve().name.lower()).strip("-")
    return name[:49].rstrip("-") if re.match(r"[a-z]", name) else "my-service"
