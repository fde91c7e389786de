"""`mlservice why`: the last decisions about retraining, with what they were made of."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.options import Form, Local, Project, Region, State
from reconciler.cli.planning import Target, working

app = typer.Typer(add_completion=False)


@app.command()
def why(
    name: Annotated[str, typer.Argument(help="Service, as in metadata.name.")],
    *,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="How many decisions.")] = 10,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show why a service was retrained, or why not: the last decisions, the numbers behind them, and what was trained.

    Exits with 1 when something that was kept cannot be read.
    """
    from reconciler.engine.retraining import read_retraining, region_of  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        found = read_retraining(session, region_of(session, name, region), name, last=last)
        now = session.clock.now()
    for line in found.unreadable:
        say(line, "red")
    if output is Form.JSON:
        data(found.to_json())
    else:
        from reconciler.render.retraining import render_retraining  # noqa: PLC0415 - late, for start-up

        out(render_retraining(found.to_json(), now=now))
    return 1 if found.unreadable else 0
