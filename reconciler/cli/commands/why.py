"""`mlservice why`: why a service is as it is: the last pass of the job, and the last decisions about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.names import Name
from reconciler.cli.options import Form, Local, Project, Region, State
from reconciler.cli.planning import Target, working

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.engine.reasons import Reasons

app = typer.Typer(add_completion=False)


@app.command()
def why(
    name: Name,
    *,
    last: Annotated[
        int, typer.Option("--last", min=1, max=1000, help="How many decisions about its rollout, and about retraining.")
    ] = 10,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show why a service was changed, or left alone, by the last pass of the job; and why it was retrained, or not.

    Of the pass: what it found, how old that is, what to do. Of its rollout: what passes decided, the newest first, also
    that nothing moves. Of retraining: the last decisions, the numbers behind them, and what was trained. Exits with 1
    when something that was kept cannot be read.
    """
    from reconciler.engine.reasons import read_reasons  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        found = read_reasons(session, name, region, last=last)
        now = session.clock.now()
    for line in found.unreadable:
        say(line, "red")
    if output is Form.JSON:
        data(found.to_json())
    else:
        _show(found, now)
    return 1 if found.unreadable else 0


def _show(found: Reasons, now: datetime) -> None:
    from reconciler.render.decided import render_decided  # noqa: PLC0415 - late, for start-up
    from reconciler.render.retraining import render_retraining  # noqa: PLC0415 - late, for start-up
    from reconciler.render.standing import render_standing  # noqa: PLC0415 - late, for start-up

    standing, job = found.standing.to_json(), found.oversight.problems
    out(render_standing(found.retraining.service, found.retraining.region, standing, job, now=now))
    if found.decided.trail:
        out("")
        out(render_decided(found.decided.trail))
    if found.retrained:
        out("")
        out(render_retraining(found.retraining.to_json(), now=now))
