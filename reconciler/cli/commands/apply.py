"""`mlservice apply`: make Google Cloud what the specs say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.commands.plan import show
from reconciler.cli.console import out, say
from reconciler.cli.options import Environment, Local, LockTimeout, Output, Paths, Project, State, Yes, spec_paths
from reconciler.cli.planning import Target, load_specs, plan_specs, working
from reconciler.cli.progress import Live
from reconciler.core import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.engine.apply import Report
    from reconciler.engine.planning import Planned
    from reconciler.engine.session import Session
    from schemas import Specs

app = typer.Typer()

AllowDestroy = Annotated[
    bool, typer.Option("--allow-destroy", help="Consent to deletes and replacements that lose data or stop serving.")
]


@app.command()
def apply(
    paths: Paths = None,
    *,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
    allow_destroy: AllowDestroy = False,
    lock_timeout: LockTimeout = "0s",
    output: Annotated[Output, typer.Option("--output", "-o", help="Form of the plan and the report.")] = Output.TEXT,
) -> int:
    """Show the plan, ask, and carry it out.

    PATHS may also be a plan saved by `plan --out`: it is applied exactly, or not at all.
    """
    target = Target(project, local, state, environment)
    named = spec_paths(paths)
    if is_saved_plan(named):
        return _apply_saved(named[0], target, yes=yes, allow_destroy=allow_destroy, output=output)
    specs = load_specs(named, target)
    with working(target, specs) as session:
        planned = plan_specs(session, specs)
        show(planned.plan, session.kinds, output)
        return confirm_and_apply(
            session,
            planned,
            yes=yes,
            allow_destroy=allow_destroy or _allowed(specs),
            lock_timeout=lock_timeout,
            again=lambda: plan_specs(session, specs),
            output=output,
        )


def is_saved_plan(paths: Sequence[Path]) -> bool:
    """Tell a saved plan from a spec: it is one JSON file."""
    return len(paths) == 1 and paths[0].suffix == ".json" and paths[0].is_file()


def _apply_saved(path: Path, target: Target, *, yes: bool, allow_destroy: bool, output: Output) -> int:
    from reconciler.core.plan import Plan  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.saved import check_saved  # noqa: PLC0415

    try:
        saved = Plan.from_json(json.loads(path.read_text()))
    except (ValueError, KeyError) as error:
        raise errors.UsageError(f"{path}: {error}", hint="make one with: mlservice plan --out plan.json") from error
    with working(Target(target.project or saved.project, target.local, target.state)) as session:
        if session.connection.project != saved.project:
            why = f"{path} was made for project {saved.project}, not {session.connection.project}"
            raise errors.UsageError(why, hint="add --local, or leave it out, as when it was made")
        planned = check_saved(session, saved)
        show(saved, session.kinds, output)
        return confirm_and_apply(session, planned, yes=yes, allow_destroy=allow_destroy, output=output)


def _allowed(specs: Specs) -> bool:
    """Tell whether every spec consents to deletes: `management.deletion: Delete`."""
    return all(s.service.spec.management.deletion == "Delete" for s in specs.services)


def confirm_and_apply(
    session: Session,
    planned: Planned,
    *,
    yes: bool,
    allow_destroy: bool,
    lock_timeout: str = "0s",
    again: Callable[[], Planned] | None = None,
    output: Output = Output.TEXT,
) -> int:
    """Ask where it is due, carry out, report.

    Raises:
        ConsentNeeded: Something guarded would be destroyed, and neither spec nor command line consents.
    """
    from reconciler.engine.planning import destroyed  # noqa: PLC0415 - late, for start-up

    guarded = destroyed(planned.plan)
    if guarded and not allow_destroy:
        what = ", ".join(str(change.address) for change in guarded)
        hint = "set management.deletion: Delete in the spec, or add --allow-destroy"
        raise errors.ConsentNeeded(f"this would destroy {what}, which the spec protects", hint=hint)
    if planned.plan.pending and not yes and not _asked(planned):
        say("nothing was changed", "yellow")
        return 1
    return carry_out(session, planned, lock_timeout=lock_timeout, again=again, output=output)


def _asked(planned: Planned) -> bool:
    if not sys.stdin.isatty():
        raise errors.UsageError("there is nobody to ask", hint="add --yes")
    verb = "Destroy" if planned.plan.destroy else "Apply"
    return bool(typer.confirm(f"{verb} {len(planned.plan.pending)} changes in project {planned.plan.project}?"))


def carry_out(
    session: Session,
    planned: Planned,
    *,
    lock_timeout: str = "0s",
    again: Callable[[], Planned] | None = None,
    output: Output = Output.TEXT,
) -> int:
    """Carry out under the lock, waiting for another run if told to, with live progress."""
    from reconciler.engine.waiting import apply_when_free  # noqa: PLC0415 - late, for start-up

    with Live(sum(1 for _ in planned.plan.pending)) as live:
        report = apply_when_free(session, planned, again=again, timeout=lock_timeout, progress=live.tell, say=live.say)
    return tell(report, output)


def tell(report: Report, output: Output = Output.TEXT) -> int:
    """Say how it went and give the exit code."""
    for result in report.failed:
        say(f"{result.outcome}: {result.change.address}: {result.error}", "red")
        if result.error and result.error.hint:
            say(f"  hint: {result.error.hint}", "dim")
    for address, why in report.unwell.items():
        say(f"not working: {address}: {why}", "red")
    if output is Output.JSON:
        out(json.dumps(report.to_json(), indent=1))
    elif report.results:
        done = len(report.results) - len(report.failed)
        say(f"{done} of {len(report.results)} changes done.", "green" if not report.failed else "red")
    return report.exit_code
