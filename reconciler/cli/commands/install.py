"""`mlservice install`: make the job that reconciles, or upgrade it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from reconciler.cli.commands.apply import AllowDestroy, Form, How, confirm_and_apply
from reconciler.cli.options import Environment, Local, LockTimeout, Output, Paths, Project, State, Yes, spec_paths
from reconciler.cli.planning import Target, load_specs, plan_documents, working
from reconciler.core import errors

if TYPE_CHECKING:
    from reconciler.core.planned import Planned
    from reconciler.engine.session import Session
    from schemas import Specs

app = typer.Typer(add_completion=False)


@app.command()
def install(
    paths: Paths = None,
    *,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
    allow_destroy: AllowDestroy = False,
    lock_timeout: LockTimeout = "0s",
    output: Form = Output.TEXT,
) -> int:
    """Make the job that the `Operator` among the specs describes, its schedule, its accounts and what they may do.

    Run again it upgrades: to this version, and to the roles that the services beside it need by now. Services are not
    touched; the job reads them from the bundle that `mlservice publish` writes.
    """
    target = Target(project, local, state, environment)
    named = spec_paths(paths)
    specs = load_specs(named, target)
    if not specs.operators:
        hint = "write one beside the services: kind: Operator, with a name and a region"
        raise errors.UsageError("there is no Operator among these specs", hint=hint)
    with working(target, specs) as session:
        how = How(yes, allow_destroy, lock_timeout, output, lambda: plan_operator(session, specs), named[0])
        return confirm_and_apply(session, plan_operator(session, specs), how)


def plan_operator(session: Session, specs: Specs) -> Planned:
    """Plan the operator; the services say what it must be able to do, and nothing is done to them."""
    from reconciler.engine.ci import narrowing  # noqa: PLC0415 - late, for start-up

    [operator] = specs.operators
    return plan_documents(narrowing(session), specs.documents).only(operator)
