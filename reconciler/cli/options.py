"""Options that several commands take, written once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """Forms of a plan."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def duration(text: str) -> str:
    """Refuse what is no duration where it was written."""
    from schemas.units import duration_ms  # noqa: PLC0415 - late, for start-up

    try:
        duration_ms(text)
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is no duration: write 30s, 5m or 1h") from error
    return text


class Form(StrEnum):
    """Forms of what is not a plan."""

    TEXT = "text"
    JSON = "json"


Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="Spec files, or folders of them. Left out: mlservice.yaml.", show_default=False),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--environment",
        "-e",
        help="Environment of the specs, such as prod: its patch and its project.",
        show_default=False,
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project",
        help="Google Cloud project. Left out: the environment's in the spec, GOOGLE_CLOUD_PROJECT, gcloud's or ADC's.",
        show_default=False,
    ),
]
Region = Annotated[
    str | None,
    typer.Option("--region", help="Region of the service, where several have one of that name.", show_default=False),
]
RegisteredModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Id of its model in Vertex AI Model Registry, as in model.name. Left out: the service's name, else the "
        "model that its trainings registered.",
        show_default=False,
    ),
]
Local = Annotated[bool, typer.Option("--local", help="Use the embedded emulator instead of Google Cloud.")]
State = Annotated[
    str | None,
    typer.Option("--state", help="Bucket of the inventory. Left out: gs://PROJECT-mlservice.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
LockTimeout = Annotated[
    str,
    typer.Option(
        "--lock-timeout",
        help="How long to wait for another run to end, such as 5m; 0s: refuse at once.",
        metavar="DURATION",
        callback=duration,
    ),
]

Retry = Annotated[
    bool, typer.Option("--retry", help="Try a revision that failed once more, after its cause was mended.")
]

DEFAULT_FILE = Path("mlservice.yaml")


def spec_paths(paths: list[Path] | None) -> list[Path]:
    """Give the paths to read: those named, or the file beside us."""
    return paths or [DEFAULT_FILE]
