"""`mlservice schema`: print the JSON Schema of mlservice.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.console import raw, say

app = typer.Typer(add_completion=False)


@app.command()
def schema(
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it there.", show_default=False)] = None,
) -> None:
    """Print the JSON Schema, for editors: `# yaml-language-server: $schema=...` as a file's first line."""
    from schemas.json_schema import json_schema_text  # noqa: PLC0415 - late, for start-up

    text = json_schema_text()
    if output is None:
        raw(text)
    else:
        output.write_text(text)
        say(f"wrote {output}", "dim")
