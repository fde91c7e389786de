"""`mlservice triggers`: what fires a service's trainings."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.names import Name
from reconciler.cli.options import Form, Local, Project, Region, State
from reconciler.cli.planning import Target, working

app = typer.Typer(add_completion=False)


@app.command()
def triggers(
    name: Name,
    *,
    last: Annotated[
        int, typer.Option("--last", min=1, max=1000, help="How many decisions are looked through for the last event.")
    ] = 100,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show each trigger of a service: what it listens to, its last event and decision, when it is due next.

    Times are in the time zone of this machine; JSON has them as they were written. Exits with 1 when something that was
    kept cannot be read.
    """
    from reconciler.engine.triggers import read_triggers  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        found = read_triggers(session, name, region, last=last)
    for line in found.unreadable:
        say(line, "red")
    if output is Form.JSON:
        data(found.to_json())
    else:
        from reconciler.render.triggers import render_triggers  # noqa: PLC0415 - late, for start-up

        out(render_triggers(found.to_json()))
    return 1 if found.unreadable else 0
