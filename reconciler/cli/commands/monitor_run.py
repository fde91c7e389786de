"""`mlservice monitor run`: compare now, and not when it is time."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.names import Name
from reconciler.cli.options import Form, Local, Project, Region, State, duration
from reconciler.cli.planning import Target, working
from reconciler.core import errors

if TYPE_CHECKING:
    from reconciler.engine.monitoring.running import Intended

app = typer.Typer(add_completion=False)


class Which(StrEnum):
    """What a schedule compares."""

    SKEW = "skew"
    DRIFT = "drift"


@app.command()
def run(
    name: Name,
    *,
    which: Annotated[
        list[Which] | None,
        typer.Option("--which", help="What to compare; may be repeated. Left out: all.", show_default=False),
    ] = None,
    wait: Annotated[
        str, typer.Option("--wait", help="How long to wait for the end; 0s: only start it.", callback=duration)
    ] = "30m",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be compared.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Show calm columns, too.")] = False,
    region: Region = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Start a monitoring job with what a schedule compares, wait for it, and show what it measured.

    Its window ends now. It starts no training and counts as no window: those are the schedule's. Exits with 1 when a
    job measured nothing, was refused, or has not ended in time; what the others measured is shown.
    """
    from reconciler.engine.monitoring.running import Running, intended  # noqa: PLC0415 - late, for start-up
    from schemas.units import duration_ms  # noqa: PLC0415 - late, for start-up

    words, within_s = [str(each) for each in which or ()], duration_ms(wait) / 1000
    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        if dry_run:
            return _would(intended(session, name, region, words), output)
        running = Running.start(session, name, region, words, _started)
        if within_s:
            running.wait(within_s, _tell)
        found, now = running.found(), session.clock.now()
    if output is Form.JSON:
        data(found.to_json())
    elif within_s:
        from reconciler.render.monitoring import render_monitored  # noqa: PLC0415 - late, for start-up

        out(render_monitored(found.to_json(), now=now, every=every))
    problems = running.problems(wait if within_s else "")
    if problems:
        raise problems[0] if len(problems) == 1 else errors.SeveralErrors(problems)
    return 0 if within_s == 0 or all(each.latest for each in found.comparisons) else 1


def _started(which: str, job: str) -> None:
    say(f"{which}: started job {job}", "dim")


def _tell(which: str, state: str, seconds: float) -> None:
    say(f"{which}: {state.removeprefix('JOB_STATE_').lower().replace('_', ' ')} after {seconds:.0f} s", "dim")


def _would(found: list[Intended], output: Form) -> int:
    if output is Form.JSON:
        data([each.to_json() for each in found])
        return 0
    for each in found:
        columns = " and ".join(f"{count} {sort}" for sort, count in each.columns.items())
        out(f"{each.which}: {columns}, from {each.least} values on\n  {each.requests}\n  against {each.baseline}")
        if each.by_logarithm:
            out(f"  by the logarithm: {', '.join(each.by_logarithm)}")
    return 0
