"""`mlservice install`: make the job that reconciles, or upgrade it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.commands.apply import AllowDestroy, Form, How, confirm_and_apply
from reconciler.cli.console import say
from reconciler.cli.options import Environment, Local, LockTimeout, Output, Paths, Project, State, Yes, spec_paths
from reconciler.cli.planning import Target, load_specs, model_server, plan_documents, working
from reconciler.core import errors, exits

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
    skip_doctor: Annotated[
        bool, typer.Option("--skip-doctor", help="Do not look first for what is in the way of these specs.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show every field of what is made.")] = False,
) -> int:
    """Make the job that the `Operator` among the specs describes, its schedule, its accounts and what they may do.

    Run again it upgrades: to this version, and to the roles that the services beside it need by now. Services are not
    touched; the job reads them from the bundle that `mlservice publish` writes.

    It shows a line for each object that it would make, and whole what gives access; all of them with `--verbose`.

    First it looks for what would be in the way of them, as `mlservice doctor` does: it exits with 3 where something is.
    """
    target = Target(project, local, state, environment)
    named = spec_paths(paths)
    specs = load_specs(named, target)
    if not specs.operators:
        hint = "write one beside the services: kind: Operator, with a name and a region"
        raise errors.UsageError("there is no Operator among these specs", hint=hint)
    with working(target, specs) as session:
        if not skip_doctor and _ill(session, specs):
            return exits.BLOCKED
        again = partial(plan_operator, session, specs)
        how = How(yes, allow_destroy, lock_timeout, output, again, named[0], brief=not verbose)
        code = confirm_and_apply(session, plan_operator(session, specs), how)
        if code == 0:
            _first_beat(session, specs)
        return code


def _first_beat(session: Session, specs: Specs) -> None:
    """Begin what an absence is the absence of: a job whose first pass never ends would not be missed else."""
    from reconciler.engine.heartbeat import begin  # noqa: PLC0415 - late, for start-up

    [loaded] = specs.operators
    spec = loaded.operator.spec
    if unheard := begin(session, loaded.operator.name, spec.region, spec.shards):
        say(f"warning: {unheard}", "yellow")


def _ill(session: Session, specs: Specs) -> bool:
    """Look for what is in the way; tell of it, and of nothing else, on stderr."""
    from reconciler.engine.doctor import examine  # noqa: PLC0415 - late, for start-up
    from reconciler.render.doctor import render_checkup  # noqa: PLC0415 - late, for start-up

    server = model_server(session)
    found = examine(session, specs.services, specs.warnings, runtime_image=server, operators=specs.operators)
    if found.exit_code:
        say(render_checkup(found))
        say("nothing was changed: mend that, or leave it out with --skip-doctor", "yellow")
    return bool(found.exit_code)


def plan_operator(session: Session, specs: Specs) -> Planned:
    """Plan the operator; the services say what it must be able to do, and nothing is done to them."""
    from reconciler.engine.ci import narrowing  # noqa: PLC0415 - late, for start-up

    [operator] = specs.operators
    own = narrowing(session, operator.operator.name)
    return plan_documents(own, [operator], beside=specs.services).only(operator)
