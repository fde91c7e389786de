"""`mlservice import`: write the YAML of a Cloud Run service that exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
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
    name: Annotated[str | None, typer.Argument(help="The Cloud Run service.", show_default=False)] = None,
    *,
    region: Annotated[str, typer.Option("--region", help="Its region.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the YAML there, and take the service over; with --all a folder.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every service of the region that no spec describes: a file each.")
    ] = False,
    project: Project = None,
    local: Local = False,
    state: State = None,
    yes: Yes = False,
) -> int:
    """Write a spec for a service that exists, and with --output take it over.

    Taking over puts our mark (two labels) on the service and lists it in the inventory; nothing that runs changes.
    After that the plan of the spec is empty. Without --output the YAML is printed and nothing is written. A service
    that cannot be taken over leaves no file behind.
    """
    from reconciler.engine.importing import import_all, import_service  # noqa: PLC0415 - late, for start-up

    if (name is None) != every:
        raise errors.UsageError("say which service" if name is None else "--all names no service", hint="or --all")
    if output is not None and output.exists() and not (every and output.is_dir()):
        raise errors.UsageError(f"{output} exists already", hint="name another file")
    if output is not None and not yes and not someone_is_there():
        raise errors.UsageError("there is nobody to ask", hint="add --yes, or leave out --output to see the YAML")
    with working(Target(project, local, state)) as session:
        found = [*import_all(session, region)] if name is None else [(name, *import_service(session, name, region))]
        if not found:
            say(f"there is no service in {region} that no spec describes")
            return 0
        for each, _, notes in found:
            for note in notes:
                say(f"note: {f'{each}: ' if every else ''}{note}", "yellow")
        if output is None:
            _show([text for _, text, _ in found])
            return 0
        place = partial(_file_of, output, every=every)
        return _take_over(session, region, {each: (place(each), text) for each, text, _ in found}, yes=yes)


def _file_of(output: Path, name: str, *, every: bool) -> Path:
    return output / f"{name}.yaml" if every else output


def _show(texts: Sequence[str]) -> None:
    from reconciler.engine.importing import hidden  # noqa: PLC0415 - late, for start-up
    from schemas.redaction import redacted  # noqa: PLC0415 - late, for start-up

    text = "---\n".join(map(hidden, texts))
    if redacted(text) != text or text != "---\n".join(texts):
        say("note: what looks like a secret is hidden here; --output FILE writes it whole", "yellow")
    out(text)


def _take_over(session: Session, region: str, specs: Mapping[str, tuple[Path, str]], *, yes: bool) -> int:
    """Write the files and apply them; what was not taken over leaves none.

    Args:
        session: The run's means.
        region: Of the services.
        specs: File and YAML by service.
        yes: Nobody is asked.
    """
    there = [str(path) for path, _ in specs.values() if path.exists()]
    if there:
        raise errors.UsageError(f"{', '.join(there)} exists already", hint="name another folder")
    for path, text in specs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        say(f"wrote {path}", "dim")
    code = 1
    try:
        paths = [path for path, _ in specs.values()]
        fine = paths if len(paths) == 1 else [path for path in paths if _can_be(session, path)]
        code = (
            confirm_and_apply(session, plan_specs(session, load_specs(fine, Target())), How(yes=yes, taking_over=True))
            if fine
            else 1
        )
        code = code or int(len(fine) < len(paths))
    finally:
        if code:
            _clear(session, region, specs)
    return code


def _can_be(session: Session, path: Path) -> bool:
    """Tell whether a service can be taken over, and say why not: one that cannot stops no other."""
    from schemas import MLServiceError  # noqa: PLC0415 - late, for start-up

    try:
        plan_specs(session, load_specs([path], Target()))
    except MLServiceError as error:
        say(f"{path.stem} cannot be taken over: {error}", "red")
        if hint := getattr(error, "hint", ""):
            say(f"  {hint}", "dim")
        return False
    return True


def _clear(session: Session, region: str, specs: Mapping[str, tuple[Path, str]]) -> None:
    """Take away the files of services that are not ours after all: a second try would be told that they exist."""
    from reconciler.engine.importing import is_ours  # noqa: PLC0415 - late, for start-up

    for name, (path, _) in specs.items():
        if not is_ours(session, name, region):
            path.unlink(missing_ok=True)
            say(f"{name} was not taken over, so {path} is gone again; without --output the YAML is printed", "yellow")
