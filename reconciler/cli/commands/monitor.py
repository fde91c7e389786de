"""`mlservice monitor`: how far what a service is asked and answers is from its baseline, and how right it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.names import no_path, services_in
from reconciler.cli.options import Form, Local, Project, Region, State
from reconciler.cli.planning import Target, working

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.engine.monitoring.reading import Monitored

app = typer.Typer(add_completion=False)

_ON_A_PAGE = 30


@app.command()
def monitor(
    name: Annotated[
        str,
        typer.Argument(
            help="Service, as in metadata.name. One that is called run: -- run.",
            autocompletion=services_in,
            callback=no_path,
        ),
    ],
    *,
    every: Annotated[bool, typer.Option("--all", help="Show calm columns, too.")] = False,
    last: Annotated[
        int | None,
        typer.Option(
            "--last",
            min=1,
            max=200,
            help="How many windows; of the earlier ones a line each. Left out: 1, and 30 with --html.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="File to write as a page that needs nothing else.", show_default=False)
    ] = None,
    fail_on_breach: Annotated[
        bool,
        typer.Option(
            "--fail-on-breach", help="Exit with 1 when a comparison is a breach, or whether one is cannot be read."
        ),
    ] = False,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show what the monitors of a service measured last: skew, drift and prediction drift of the version that serves.

    And how right predictions were, where labels say so. Of each column distance, limit, values and missing share on
    both sides, and what that says: the verdict is the one that starts trainings. Exits with 0, whatever it says, but
    for --fail-on-breach.
    """
    from reconciler.engine.monitoring.reading import read_monitored  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        found = read_monitored(session, name, region, last=last or (_ON_A_PAGE if html else 1))
        now = session.clock.now()
    for line in found.unreadable:
        say(line, "red")
    if html:
        from reconciler.render.monitoring_page import render_page  # noqa: PLC0415 - late, for start-up

        html.write_text(render_page(found.to_json(), now=now), encoding="utf-8")
        say(f"wrote {html}", "dim")
    _show(found, output, now, every=every)
    return 1 if fail_on_breach and not found.fine else 0


def _show(found: Monitored, output: Form, now: datetime, *, every: bool) -> None:
    if output is Form.JSON:
        data(found.to_json())
        return
    from reconciler.render.monitoring import render_monitored  # noqa: PLC0415 - late, for start-up

    out(render_monitored(found.to_json(), now=now, every=every))
