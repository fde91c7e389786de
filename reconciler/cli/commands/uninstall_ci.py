"""`mlservice uninstall ci`: take away what lets a CI in. The job and its services stay."""

from __future__ import annotations

import typer

from reconciler.cli.commands.apply import Form, How, confirm_and_apply
from reconciler.cli.console import say
from reconciler.cli.options import Environment, Local, LockTimeout, Output, Project, State, Yes
from reconciler.cli.planning import Target, working

app = typer.Typer(add_completion=False)


@app.command()
def uninstall_ci(
    *,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
    lock_timeout: LockTimeout = "0s",
    output: Form = Output.TEXT,
) -> int:
    """Remove the pool, its providers, and the accounts of planner and applier with their roles.

    Nobody gets a token by them from then on; one that was given lasts an hour at most. Take `ci` out of the operator's
    document as well: the next install would make it all again.
    """
    from reconciler.engine.ci import plan_shutting_out  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state, environment)) as session:
        how = How(yes=yes, lock_timeout=lock_timeout, output=output, again=lambda: plan_shutting_out(session))
        code = confirm_and_apply(session, plan_shutting_out(session), how)
    if not code:
        say("take `ci` out of the operator's document, or the next install lets it in again", "yellow")
    return code
