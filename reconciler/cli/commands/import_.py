"""`mlservice import`: write the YAML of a Cloud Run service that exists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.commands.apply import How, confirm_and_apply
from reconciler.cli.console import out, say, someone_is_there
from reconciler.cli.options import Local, Project, State, Yes
from reconciler.cli.planning import Target, load_specs, plan_specs, working
from reconciler.core import errors

if TYPE_CHECKING:
    from reconciler.engine.session import Session

app = typer.Typer(add_completion=False)


@app.command(name="import")
def import_(
    name: Annotated[str, typer.Argument(help="The Cloud Run service.")],
    *,
    region: Annotated[str, typer.Option("--region", help="Its region.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the YAML there, and take the service over.", show_default=False),
    ] = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
) -> int:
    """Write a spec for a service that exists, and with --output take it over.

    Taking over puts our mark (two labels) on the service and lists it in the inventory; nothing that runs changes.
    After that the plan of the spec is empty. Without --output the YAML is printed and nothing is written.
    """
    from reconciler.engine.importing import import_service  # noqa: PLC0415 - late, for start-up
    from schemas.redaction import redacted  # noqa: PLC0415 - late, for start-up

    if output is not None and output.exists():
        raise errors.UsageError(f"{output} exists already", hint="name another file")
    if output is not None and not yes and not someone_is_there():
        raise errors.UsageError("there is nobody to ask", hint="add --yes, or leave out --output to see the YAML")
    with working(Target(project, local, state)) as session:
        text, notes = import_service(session, name, region)
        for note in notes:
            say(f"note: {note}", "yellow")
        if output is None:
            if redacted(text) != text:
                say("note: what looks like a secret is hidden here; --output FILE writes it whole", "yellow")
            out(text)
            return 0
        output.write_text(text)
        say(f"wrote {output}", "dim")
        return _take_over(session, output, yes=yes)


def _take_over(session: Session, path: Path, *, yes: bool) -> int:
    specs = load_specs([path], Target())
    return confirm_and_apply(session, plan_specs(session, specs), How(yes=yes))
