"""`mlservice image cleanup`: what cleanup policies take from a repository, and what is kept, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.console import data, out
from reconciler.cli.options import Form, Local, Project, State
from reconciler.cli.planning import Target, working


def cleanup(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REPOSITORY...]",
            help="Repositories, as in registry.repository. Left out: every one that specs of the project made.",
            show_default=False,
        ),
    ] = None,
    *,
    region: Annotated[
        str | None,
        typer.Option(
            "--region", help="Region of the repositories. Left out: where specs made them.", show_default=False
        ),
    ] = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show what cleanup policies will delete from a repository, when and how much; what stays, and why.

    Nothing is deleted or written: Google deletes, about once a day, by the policies that `apply` writes. Sizes are at
    most what is saved, for images share layers. Exits with 1 where an image would go that is needed, or may be.
    """
    from reconciler.engine.forecasting import read_forecasts  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        found = read_forecasts(session, names or [], region)
    told = [each.to_json() for each in found]
    if output is Form.JSON:
        data({"repositories": told})
    else:
        from reconciler.render.cleanup import render_forecasts  # noqa: PLC0415 - late, for start-up

        out(render_forecasts(told))
    return 1 if any(each.endangered or each.unknown for each in found) else 0
