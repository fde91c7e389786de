"""Options that several commands take, written once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """Forms of output."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="Spec files, or folders of them. Left out: mlservice.yaml.", show_default=False),
]
Environment = Annotated[
    str | None, typer.Option("--environment", "-e", help="Environment of the specs.", show_default=False)
]
Project = Annotated[str | None, typer.Option("--project", help="Google Cloud project.", show_default=False)]
Local = Annotated[bool, typer.Option("--local", help="Use the embedded emulator instead of Google Cloud.")]
State = Annotated[
    str | None,
    typer.Option("--state", help="Bucket of the inventory. Left out: gs://PROJECT-mlservice.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
LockTimeout = Annotated[
    str, typer.Option("--lock-timeout", help="How long to wait for another run, such as 5m; 0s refuses at once.")
]

DEFAULT_FILE = Path("mlservice.yaml")


def spec_paths(paths: list[Path] | None) -> list[Path]:
    """Give the paths to read: those named, or the file beside us."""
    return paths or [DEFAULT_FILE]
