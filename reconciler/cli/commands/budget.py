"""`mlservice budget`: what was spent of budgets, which of their steps hold, and how a person lifts one."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.context import find_account
from reconciler.cli.names import Name, NamesOrAll
from reconciler.cli.options import Form, Local, Project, Region, State, duration
from reconciler.cli.planning import Target, working
from reconciler.core.errors import UsageError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What was spent of budgets, which of their steps hold, and how to lift one.",
    rich_markup_mode=None,
)

STEPS = ("Notify", "FreezeRetraining", "ScaleToZero", "CapInstances", "StopJobs")
"""What a step may do, as `budget.actions` calls it."""
_TOO_LONG_MS = 366 * 24 * 3600 * 1000


def _lasting(text: str | None) -> str | None:
    return text and duration(text)


@app.command()
def status(
    names: NamesOrAll = None,
    *,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show which share of each budget is spent, by the bill and by our own estimate, and which steps hold.

    Of one that is named: each step, until when it holds, and why no other does. It is what the last pass of the job
    found; nothing is asked of Google Cloud's billing. Exits with 1 when something that was kept cannot be read.
    """
    from reconciler.engine.ladder.standing import read_standings  # noqa: PLC0415 - late, for start-up
    from reconciler.render.budget import render_budget, render_budgets  # noqa: PLC0415 - late, for start-up

    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        found = read_standings(session, names or [], region)
    for why in found.unreadable:
        say(f"cannot be read: {why}", "red")
    told = [each.to_json() for each in found.services]
    if output is Form.JSON:
        data(told)
    elif names:
        for each in told:
            out(render_budget(each))
    elif told:
        out(render_budgets(told))
    if not told and output is not Form.JSON and not found.unreadable:
        out("no budget with steps was looked at yet: budget.actions says what the job does, and its passes look")
    return 1 if found.unreadable else 0


@app.command()
def lift(
    name: Name,
    *,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            help="For how long, such as 3d; 31d at most. Left out: until the month ends.",
            metavar="DURATION",
            callback=_lasting,
            show_default=False,
        ),
    ] = None,
    step: Annotated[
        str,
        typer.Option(
            "--step",
            help="Only steps that do this, such as CapInstances. Left out: every step.",
            autocompletion=lambda: [*STEPS],
            show_default=False,
        ),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
) -> int:
    """Hold steps of a budget off for a while: what was taken of them ends, and is not taken again before.

    Who did it and until when is written down. Trainings may start at once; instances follow with the next pass of the
    job, or the next apply.
    """
    from reconciler.engine.ladder.standing import lift as lifting  # noqa: PLC0415 - late, for start-up
    from schemas.units import duration_ms  # noqa: PLC0415 - late, for start-up

    # What is longer is refused there, and may be more than a timedelta holds.
    lasts = timedelta(milliseconds=min(duration_ms(until), _TOO_LONG_MS)) if until else None
    if lasts is not None and not lasts:
        raise UsageError(
            f"'{until}' is no time to hold a step off for", hint="such as 3d; left out: until the month ends"
        )
    with working(Target(project, local, state)) as session:
        who = f"{find_account(local=local).value} ({session.holder})"
        told = lifting(session, name, region, do=step, lasts=lasts, by=who, dry=dry_run)
    for text in told:
        out(text)
    say(
        "nothing was written" if dry_run else f"by {who}; instances follow with the next pass, or: mlservice apply",
        "dim",
    )
    return 0
