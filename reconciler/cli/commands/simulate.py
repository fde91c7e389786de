"""`mlservice simulate`: what would be decided of a rollout, pass by pass, without any call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.console import data, out
from reconciler.cli.options import Form

app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    file: Annotated[Path, typer.Argument(help="Scenario: a rollout, and what happens minute by minute.")],
    *,
    every_pass: Annotated[
        bool, typer.Option("--every-pass", help="Show each pass, not only those that decide something new.")
    ] = False,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Play a rollout through and say what is decided at each pass, and why. Nothing is called, and nothing changes.

    A scenario says how a version goes out, with the words of `rollout`, and what both versions do: requests a minute,
    shares of errors and slow answers. It is judged by the functions that decide of rollouts.
    """
    from reconciler.core.rollout.rehearsal import rehearse  # noqa: PLC0415 - late, for start-up
    from reconciler.render.rehearsal import render_rehearsal  # noqa: PLC0415 - late, for start-up
    from schemas.scenario import read_scenario  # noqa: PLC0415 - late, for start-up

    passes = [each.to_json() for each in rehearse(read_scenario(file))]
    if output is Form.JSON:
        data(passes)
    else:
        out(render_rehearsal(passes, every_pass=every_pass))
    return 0
