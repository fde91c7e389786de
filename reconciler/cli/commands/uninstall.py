"""`mlservice uninstall`: remove the job that reconciles. Services stay."""

from __future__ import annotations

import typer

from reconciler.cli.commands.apply import Form, How, confirm_and_apply
from reconciler.cli.options import Environment, Local, LockTimeout, Output, Project, State, Yes
from reconciler.cli.planning import Target, working

app = typer.Typer(add_completion=False)


@app.command()
def uninstall(
    *,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
    lock_timeout: LockTimeout = "0s",
    output: Form = Output.TEXT,
) -> int:
    """Remove the job that reconciles, its schedule, its accounts and their roles.

    Services, their inventories, bundles and the reports of passes stay.
    """
    from reconciler.engine.operators import Installed  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.planning import plan_destroy  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state, environment)) as session:
        key = Installed.find(session).key
        how = How(yes=yes, lock_timeout=lock_timeout, output=output, again=lambda: plan_destroy(session, [key]))
        return confirm_and_apply(session, plan_destroy(session, [key]), how)
