"""`mlservice plan`: show what apply would change."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.options import Environment, Local, Output, Paths, Project, Retry, State, spec_paths
from reconciler.cli.planning import Target, load_specs, plan_specs, titles, working
from reconciler.cli.private_file import write_private
from reconciler.cli.reporting import reporting
from reconciler.core.exits import BLOCKED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.kind import Kinds
    from reconciler.core.plan import Plan

app = typer.Typer(add_completion=False)
CHANGES_PENDING = 2


@app.command()
def plan(
    paths: Paths = None,
    *,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    retry: Retry = False,
    save: Annotated[
        Path | None,
        typer.Option("--out", help="Save the plan there, for `apply` to do exactly that.", show_default=False),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write there what `comment` needs, also when no plan can be made.",
            show_default=False,
        ),
    ] = None,
    sarif: Annotated[
        Path | None,
        typer.Option("--sarif", help="Write problems of the specs there, at their lines.", show_default=False),
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="Form of the output.")] = Output.TEXT,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there is something to do.")
    ] = False,
) -> int:
    """Show what apply would change, and what that costs. Writes nothing.

    Exits with 3 where a service that would change may cost more than its `budget.planLimit`, or would run an image that
    its `registry.scan` or `registry.signed` does not let through, or whose scan has not ended.
    """
    target = Target(project, local, state, environment)
    with reporting(report, target, sarif) as told:
        specs = load_specs(spec_paths(paths), target)
        with working(target, specs) as session:
            made = plan_specs(session, specs, retry=retry).plan
            told(made, specs)
            show(made, session.kinds, output)
            if save:
                save_plan(made, save, spec_paths(paths), environment or "")
                if not made.blocked:  # else none of it is ever applied
                    say(f"saved; apply it with: mlservice apply {save}{' --local' if local else ''}", "dim")
    if made.blocked:
        return BLOCKED
    return CHANGES_PENDING if detailed_exitcode and not made.empty else 0


def save_plan(made: Plan, path: Path, specs: Sequence[Path], environment: str) -> None:
    """Save a plan for `apply`, readable by its owner alone, with digests in place of what looks secret."""
    from reconciler.core.sealing import Sealer  # noqa: PLC0415 - late, for start-up

    named = replace(made, specs=tuple(map(str, specs)), environment=environment)
    sealed = Sealer(secrets.token_hex(16)).plan(named)
    write_private(path, json.dumps(sealed.to_json(), indent=1) + "\n")
    if sealed.salt:
        say(
            f"note: {path} holds no value that looks secret; apply takes those from the spec, as it must be then", "dim"
        )


def show(made: Plan, kinds: Kinds, output: Output, *, brief: bool = False) -> None:
    """Print a plan in the form asked for; as text briefly, where a line for each new object does."""
    if output is Output.JSON:
        from reconciler.render.data import as_data  # noqa: PLC0415 - late, for start-up

        data(as_data(made))
    elif output is Output.MARKDOWN:
        from reconciler.render.markdown import render_markdown  # noqa: PLC0415 - late, for start-up

        out(render_markdown(made, titles=titles(kinds)))
    else:
        from reconciler.render.text import render_text  # noqa: PLC0415 - late, for start-up

        out(render_text(made, titles=titles(kinds), brief=brief))
