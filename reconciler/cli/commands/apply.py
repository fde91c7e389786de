"""`mlservice apply`: make Google Cloud what the specs say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.commands.plan import show
from reconciler.cli.console import confirmed, data, say
from reconciler.cli.options import (
    Environment,
    Local,
    LockTimeout,
    Output,
    Paths,
    Project,
    Retry,
    State,
    Yes,
    spec_paths,
)
from reconciler.cli.planning import Target, load_specs, plan_specs, titles, working
from reconciler.cli.progress import Live
from reconciler.cli.remembering import Remembering
from reconciler.core import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.plan import Plan
    from reconciler.engine.apply import Report
    from reconciler.engine.planning import Planned
    from reconciler.engine.session import Session

app = typer.Typer(add_completion=False)

AllowDestroy = Annotated[
    bool,
    typer.Option("--allow-destroy", help="Consent to what a spec protects: deletes that lose data or stop serving."),
]
Form = Annotated[
    Output, typer.Option("--output", "-o", help="Form of plan and report; JSON is one document with both.")
]

_PLAN_BYTES = 200
_PLAN_MARK = b"mlservice/plan/"


@dataclass(frozen=True, slots=True)
class How:
    """How a plan is carried out.

    Args:
        yes: Do not ask.
        allow_destroy: What the spec protects may go.
        lock_timeout: Patience with another run, as a duration.
        output: Form of plan and report.
        again: Makes the plan anew after another run was at work.
        spec: Path of the first spec, for history to name its commit; None where there is none.
        beside: What the JSON document says beside plan and report.
        dry_run: Show, and change nothing.
        brief: A line for each new object, but for those that give access.
        taking_over: Only marks are written: what did not work before need not work afterwards.
    """

    yes: bool = False
    allow_destroy: bool = False
    lock_timeout: str = "0s"
    output: Output = Output.TEXT
    again: Callable[[], Planned] | None = None
    spec: Path | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    brief: bool = False
    taking_over: bool = False


@app.command()
def apply(
    paths: Paths = None,
    *,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
    retry: Retry = False,
    allow_destroy: AllowDestroy = False,
    lock_timeout: LockTimeout = "0s",
    output: Form = Output.TEXT,
) -> int:
    """Show the plan, ask, and carry it out.

    PATHS may also be a plan saved by `plan --out`: it is applied exactly, or not at all. Values that look secret are
    not in it: they come from the specs it was made from, or those named after it, and must be what they were.
    """
    target = Target(project, local, state, environment)
    named = spec_paths(paths)
    if is_saved_plan(named):
        return _apply_saved(named[0], named[1:], target, How(yes, allow_destroy, lock_timeout, output))
    specs = load_specs(named, target)
    with working(target, specs) as session:
        made = partial(plan_specs, session, specs, retry=retry, tries=True)
        how = How(yes, allow_destroy, lock_timeout, output, made, named[0])
        return confirm_and_apply(session, made(), how)


def is_saved_plan(paths: Sequence[Path]) -> bool:
    """Tell a saved plan from a spec, whatever its name: it says so in its first lines."""
    if not paths or not paths[0].is_file():
        return False
    with paths[0].open("rb") as stream:
        return _PLAN_MARK in stream.read(_PLAN_BYTES)


def _apply_saved(path: Path, specs: Sequence[Path], target: Target, how: How) -> int:
    from reconciler.core.plan import Plan  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.saved import check_saved  # noqa: PLC0415 - late, for start-up

    if target.environment:
        raise errors.UsageError("a saved plan is for one environment already", hint="leave out --environment")
    try:
        saved = Plan.from_json(json.loads(path.read_text()))
    except (ValueError, KeyError) as error:
        raise errors.UsageError(f"{path}: {error}", hint="make one with: mlservice plan --out plan.json") from error
    with working(target.within(saved.project)) as session:
        if session.connection.project != saved.project:
            why = f"{path} was made for project {saved.project}, not {session.connection.project}"
            raise errors.UsageError(why, hint="add --local or --project, or leave it out, as when it was made")

        def checked() -> Planned:
            return check_saved(session, saved, lambda: _anew(session, path, saved, specs))

        spec = next((path for path in map(Path, saved.specs) if path.exists()), None)
        return confirm_and_apply(session, checked(), replace(how, again=checked, spec=spec))


def _anew(session: Session, path: Path, saved: Plan, specs: Sequence[Path]) -> Plan:
    """Plan the specs of a saved plan as they are now, for the values that it hides.

    Raises:
        UsageError: They are not there.
    """
    named = [*specs] or [Path(text) for text in saved.specs]
    absent = [str(each) for each in named if not each.exists()]
    if absent or not named:
        why = f"{path} hides values that look secret, and its spec {', '.join(absent)} is not here to take them from"
        raise errors.UsageError(why, hint=f"name it: mlservice apply {path} mlservice.yaml")
    return plan_specs(session, load_specs(named, Target(environment=saved.environment or None))).plan


def confirm_and_apply(session: Session, planned: Planned, how: How) -> int:
    """Show the plan, ask where it is due, carry out, report.

    Raises:
        ConsentNeeded: Something guarded would be destroyed, and neither spec nor command line consents.
        UsageError: There is nobody to ask.
    """
    if how.output is not Output.JSON:
        show(planned.plan, session.kinds, how.output, brief=how.brief)
        return carried_out(session, planned, how)[0]
    # One document whatever happens; its reader on a terminal sees the plan before it is asked.
    report: Report | None = None
    try:
        if planned.plan.pending and not how.yes and not how.dry_run:
            say(_as_text(session, planned))
        code, report = carried_out(session, planned, how)
    finally:
        data(document_of(planned, report) | dict(how.beside))
    return code


def _as_text(session: Session, planned: Planned) -> Any:
    from reconciler.render.text import render_text  # noqa: PLC0415 - late, for start-up

    return render_text(planned.plan, titles=titles(session.kinds))


def document_of(planned: Planned, report: Report | None) -> dict[str, Any]:
    """Give plan and report as plain data."""
    from reconciler.render.data import as_data  # noqa: PLC0415 - late, for start-up

    return {"plan": as_data(planned.plan), "report": report and report.to_json()}


def carried_out(session: Session, planned: Planned, how: How) -> tuple[int, Report | None]:
    """Ask where it is due, carry out, and say how it went.

    Returns:
        The exit code, and the report; None where nothing was tried.

    Raises:
        ConsentNeeded: Something guarded would be destroyed, and neither spec nor command line consents.
        UsageError: There is nobody to ask.
        Locked: Another run is at work.
    """
    if how.dry_run:
        return 0, None
    _refuse_to_destroy(planned, how)
    _refuse_over_limit(planned)
    _refuse_unclean(planned)
    pending = len(planned.plan.pending)
    verb = "Destroy" if planned.plan.destroy else "Apply"
    things = f"{pending} change{'s' if pending != 1 else ''}"
    if pending and not how.yes and not confirmed(f"{verb} {things} in project {planned.plan.project}?"):
        say("nothing was changed", "yellow")
        return 1, None
    report = _apply(session, planned, how)
    if how.taking_over and not report.failed:
        _tell_taken(report)
        return 0, report
    tell(report)
    return report.exit_code, report


def _tell_taken(report: Report) -> None:
    for address, why in report.unwell.items():
        say(f"{address}: taken over; {why}", "yellow")
    tell(replace(report, unwell={}))


def _refuse_to_destroy(planned: Planned, how: How) -> None:
    if planned.plan.protected and not how.allow_destroy:
        what = ", ".join(str(change.address) for change in planned.plan.protected)
        hint = "set management.deletion: Delete in the spec and apply that, or add --allow-destroy"
        raise errors.ConsentNeeded(f"this would destroy {what}, which the spec protects", hint=hint)


def _refuse_over_limit(planned: Planned) -> None:
    over = planned.plan.over_limit
    if over:
        what = "; ".join(f"{name}: {cost.over}" for name, cost in over.items())
        fits = "".join(f"{name}: {cost.fits}; or " for name, cost in over.items() if cost.fits)
        raise errors.OverLimit(f"nothing was changed: {what}", hint=f"{fits}raise budget.planLimit, or leave it out")


def _refuse_unclean(planned: Planned) -> None:
    unclean = planned.plan.unclean
    if unclean:
        lines = [f"{name}: {why}" for name, each in unclean.items() for why in each.closed]
        waiting = all(each.only_waits for each in unclean.values())
        hint = (
            "apply again when the scan has ended"
            if waiting
            else "deploy an image that its scan and its attestors let through"
        )
        if planned.exact:  # what was saved says for ever what was found when it was made
            hint = "plan again when the scan has ended" if waiting else f"{hint}, and plan again"
        raise errors.NotClean("\n".join(["nothing was changed:", *(f"  {line}" for line in lines)]), hint=hint)


def _apply(session: Session, planned: Planned, how: How) -> Report:
    """Carry out under the lock, waiting for another run if told to, with live progress."""
    from reconciler.engine.waiting import apply_when_free  # noqa: PLC0415 - late, for start-up
    from reconciler.render.names import Names  # noqa: PLC0415 - late, for start-up

    names = Names(titles(session.kinds), planned.plan.project)
    remembering = Remembering.begin(session, how.spec if planned.plan.pending else None)
    with Live(len(planned.plan.pending), names) as live:
        report = apply_when_free(
            session, planned, again=how.again, timeout=how.lock_timeout, progress=live.tell, say=live.say
        )
    remembering.end(planned, report)
    return report


def tell(report: Report) -> None:
    """Say how it went."""
    for result in report.failed:
        say(f"{result.outcome}: {result.change.address}: {result.error}", "red")
        if result.error and result.error.hint:
            say(f"  hint: {result.error.hint}", "dim")
    for address, why in report.unwell.items():
        say(f"not working: {address}: {why}", "red")
        say("  hint: mend the cause, then: mlservice apply --retry", "dim")
    if report.results:
        done = len(report.results) - len(report.failed)
        say(f"{done} of {len(report.results)} changes done.", "green" if not report.failed else "red")
