"""`mlservice doctor`: what is in the way of these specs, who must act, and with which commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import confirmed, data, out, say
from reconciler.cli.options import Environment, Local, Output, Paths, Project, State, Yes, spec_paths
from reconciler.cli.planning import Target, load_specs, model_server, working

if TYPE_CHECKING:
    from reconciler.core.checkup import Checkup
    from reconciler.engine.session import Session

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    paths: Paths = None,
    *,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="Form of the output.")] = Output.TEXT,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            help="Look as this service account, such as the scheduled job's: you need to be allowed to act as it.",
            show_default=False,
        ),
    ] = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Look only for what `plan` needs.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Show what is well, too.")] = False,
    send_test: Annotated[
        bool, typer.Option("--send-test", help="Ask receivers of webhooks whether they answer.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Enable the APIs that are off, after asking. Nothing else is ever written.")
    ] = False,
    yes: Yes = False,
) -> int:
    """Look for what is in the way of these specs before anything is applied. Writes nothing.

    Only what these specs need is looked at. What may not be looked at is `unknown`, which is no failure. Exits with 3
    when something is in the way, or when nothing at all could be looked at.
    """
    from reconciler.engine.doctor import examine  # noqa: PLC0415 - late, for start-up

    target = Target(project, local, state, environment)
    specs = load_specs(spec_paths(paths), target)
    with working(target, specs) as session:
        found = examine(
            session.acting_as(account) if account else session,
            specs.services,
            specs.warnings,
            runtime_image=model_server(session),
            writing=not plan_only,
            send_test=send_test,
            operators=specs.operators,
        )
        _show(found, output, every=every)
        if fix:
            _mend(session, found, yes=yes)
    return found.exit_code


def _show(found: Checkup, output: Output, *, every: bool) -> None:
    from reconciler.render.doctor import render_checkup, render_checkup_markdown  # noqa: PLC0415 - late, for start-up

    if output is Output.JSON:
        data(found.to_json())
    elif output is Output.MARKDOWN:
        out(render_checkup_markdown(found))
    else:
        out(render_checkup(found, every=every))


def _mend(session: Session, found: Checkup, *, yes: bool) -> None:
    """Enable the APIs that are off."""
    from reconciler.engine.doctor.project import enable  # noqa: PLC0415 - late, for start-up

    hosts = sorted({host for check in found.checks for host in check.apis})
    if not hosts:
        say("no API is off: there is nothing to enable")
        return
    if not yes and not confirmed(f"Enable {', '.join(hosts)} in project {found.project}?"):
        raise typer.Abort
    enable(session, hosts)
    say(f"enabled {', '.join(hosts)}; look again with: mlservice doctor")
