"""`mlservice models`: the versions of a service's model, and where each serves."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.names import Name
from reconciler.cli.options import Form, Local, Project, Region, RegisteredModel, State
from reconciler.cli.planning import Target, working

app = typer.Typer(add_completion=False)


@app.command()
def models(
    name: Name,
    *,
    model: RegisteredModel = None,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show the versions of a service's model: aliases, measure and verdict, which training made it, where it serves.

    Exits with 1 when something that was kept cannot be read.
    """
    from reconciler.engine.models import read_models  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.retraining import region_of  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        found = read_models(session, region_of(session, name, region), name, model)
    for line in found.unreadable:
        say(line, "red")
    if output is Form.JSON:
        data(found.to_json())
    else:
        from reconciler.render.models import render_models  # noqa: PLC0415 - late, for start-up

        out(render_models(found.to_json()))
    return 1 if found.unreadable else 0
