"""`mlservice operator`: the job that reconciles, as people look at it and steer it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import confirmed, data, out, say
from reconciler.cli.options import Form, Local, Project, State, Yes
from reconciler.cli.planning import Target, working

if TYPE_CHECKING:
    from reconciler.engine.operators import Installed

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The job that reconciles: what it did, start it, pause it.",
    rich_markup_mode=None,
)

_PASS_WITHIN_S = 3600.0


@contextmanager
def _installed(target: Target) -> Iterator[Installed]:
    from reconciler.engine.operators import Installed  # noqa: PLC0415 - late, for start-up

    with working(target) as session:
        yield Installed.find(session)


@app.command()
def status(
    *,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show the job, its schedule and its latest pass; exits with 1 when something needs a person."""
    from reconciler.render.operator import status_lines  # noqa: PLC0415 - late, for start-up

    with _installed(Target(project, local, state)) as operator:
        found, now = operator.status(), operator.session.clock.now()
    if output is Form.JSON:
        data(found)
    else:
        out("\n".join(status_lines(found, now)))
    ill = any(report["exitCode"] for report in found["passes"])
    return 1 if ill or found["missing"] or found["problems"] or found["needsYou"] else 0


@app.command()
def logs(
    *,
    project: Project = None,
    local: Local = False,
    state: State = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many, from the end.")] = 100,
) -> None:
    """Print what the latest pass did, line by line. Everything that it wrote is in Cloud Logging."""
    from reconciler.engine.operators import RUN_ONE  # noqa: PLC0415 - late, for start-up
    from reconciler.render.operator import log_lines  # noqa: PLC0415 - late, for start-up
    from reconciler.render.values import one_line  # noqa: PLC0415 - late, for start-up

    with _installed(Target(project, local, state)) as operator:
        latest = operator.reports.read()
    found = [line for report in latest.reports for line in log_lines(report.to_json())]
    found += [f"ERROR {one_line(why)}; {RUN_ONE}" for why in latest.unreadable]
    out("\n".join(found[-lines:]) or "no pass has reported yet")


@app.command()
def run(
    *,
    project: Project = None,
    local: Local = False,
    state: State = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the pass has ended.")] = True,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Let this pass take specs that are older than those applied last.")
    ] = False,
) -> int:
    """Start a pass now."""
    from reconciler.render.operator import pass_lines  # noqa: PLC0415 - late, for start-up
    from reconciler.render.values import one_line  # noqa: PLC0415 - late, for start-up

    with _installed(Target(project, local, state)) as operator:
        execution = operator.run(*(["--allow-older"] if allow_older else []))
        say(f"started {execution}", "dim")
        if not wait:
            return 0
        well = operator.wait(execution, timeout_s=_PASS_WITHIN_S)
        reports = operator.reported(execution)
    for report in reports:
        for line in (*pass_lines(report), *(f"problem: {one_line(problem)}" for problem in report["problems"])):
            out(line.strip())
    if not reports:
        say(f"{execution} ended and reported nothing: what it wrote is in Cloud Logging", "red")
    return 0 if well else 1


@app.command()
def proceed(*, project: Project = None, local: Local = False, state: State = None, yes: Yes = False) -> int:
    """Let a new version do what it holds: changes that the version before would not make with the same specs.

    Shows them and asks. It is for that version and those specs alone; the next pass goes on.
    """
    from reconciler.render.values import one_line  # noqa: PLC0415 - late, for start-up

    with _installed(Target(project, local, state)) as operator:
        found = operator.held()
        for each in found:
            for address, why in sorted(each["held"].items()):
                out(f"{one_line(address)}: {one_line(why)}")
        if found and not yes and not confirmed("Let this version do that?"):
            say("nothing was changed", "yellow")
            return 1
        build, count = operator.proceed(found, operator.session.holder)
    changes = f"{count} change{'s' if count != 1 else ''}"
    out(f"{build} goes on with {changes} at the next pass; start one with: mlservice operator run")
    return 0


@app.command()
def pause(*, project: Project = None, local: Local = False, state: State = None) -> None:
    """Let no pass start by itself, which nobody is then told of.

    `install` resumes it, unless the document says `paused: true`.
    """
    with _installed(Target(project, local, state)) as operator:
        paused = operator.pause()
    out(f"{'paused' if paused else 'it is paused already'}; resume it with: mlservice operator resume")


@app.command()
def resume(*, project: Project = None, local: Local = False, state: State = None) -> None:
    """Let passes start by themselves again."""
    with _installed(Target(project, local, state)) as operator:
        resumed = operator.resume()
    out("resumed" if resumed else "it is not paused")
