"""`mlservice status`: show services as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.options import Form, Local, Project, State
from reconciler.cli.planning import Target, working

if TYPE_CHECKING:
    from reconciler.engine.session import Session
    from reconciler.engine.status import Statuses

app = typer.Typer(add_completion=False)


@app.command()
def status(
    names: Annotated[list[str] | None, typer.Argument(help="Services. Left out: all.", show_default=False)] = None,
    *,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show address, conditions, traffic, revisions and trainings of services; exits with 1 when one needs a person.

    That is one that does not work, one that everyone may call though its spec keeps it private, and one whose trainings
    failed so often in a row that none starts any more.
    """
    from reconciler.engine.status import read_status  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state)) as session:
        found = read_status(session, names or [])
        _show(session, found, output)
    return 0 if found.well else 1


def _show(session: Session, found: Statuses, output: Form) -> None:
    for why in found.unreadable:
        say(why.message, "red")
        say(f"  hint: {why.hint}", "dim")
    if output is Form.JSON:
        rows: list[Any] = [service.to_json() for service in found.services]
        data(rows)
        return
    from reconciler.render.status import render_status  # noqa: PLC0415 - late, for start-up

    now = session.clock.now()
    for service in found.services:
        out(render_status(service.to_json(), now=now))
    if not found.services and not found.unreadable:
        out("no services: nothing was applied in this project")
