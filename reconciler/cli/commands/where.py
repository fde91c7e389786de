"""`mlservice where`: what runs an image, a model, or what a commit made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.options import Form, Local, Project, State
from reconciler.cli.planning import Target, working
from reconciler.core.errors import UsageError

if TYPE_CHECKING:
    from reconciler.engine.session import Session
    from reconciler.engine.whereabouts import Where

app = typer.Typer(add_completion=False)
_COMMITS = 20


def _commits(incomplete: str) -> list[str]:
    """Complete the last commits of this folder, offline."""
    from reconciler.cli.git import told  # noqa: PLC0415 - late, for start-up

    found = told(Path(), "log", f"-{_COMMITS}", "--format=%h").split()
    return [each for each in found if each.startswith(incomplete)]


@app.command()
def where(
    what: Annotated[
        str,
        typer.Argument(
            metavar="DIGEST|IMAGE|MODEL|COMMIT",
            help="A digest or its beginning, an image with or without its tag, gs:// of a model, MODEL@VERSION or "
            "MODEL@ALIAS, a version, a commit or its beginning, the run of a history entry.",
            autocompletion=_commits,
            show_default=False,
        ),
    ],
    *,
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region",
            help="Look there as well; else in every region that something was applied in.",
            show_default=False,
        ),
    ] = None,
    built: Annotated[
        bool, typer.Option("--built", help="Tell who built each image, and where its contents are listed.")
    ] = False,
    project: Project = None,
    local: Local = False,
    state: State = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show which services, jobs and functions run it, and which revisions one could go back to.

    Of each revision: its share of requests, its tags, when it was made, by which commit and run. It is looked for in
    the whole project, whoever deployed it. An index of images is found by the digests in it, and these by the index's.
    Who built an image takes roles/containeranalysis.occurrences.viewer where it lies. Nothing is changed. Exits with 1
    where nothing is found, or something could not be looked at.
    """
    from reconciler.engine.whereabouts import read_where  # noqa: PLC0415 - late, for start-up

    if not what.removeprefix("gs://").strip("/@: "):
        raise UsageError(f"'{what}' names nothing", hint="such as gs://bucket/folder, an image, a digest or a commit")
    with working(Target(project, local, state), quiet=output is Form.JSON) as session:
        found = read_where(session, what, region or [])
        origins = _origins(session, found) if built else []
    for why in found.unknown:
        say(f"not known whether there is more: {why}", "red")
    for repository in found.unread:
        say(f"not looked into, as it may not be listed: {repository}", "dim")
    if output is Form.JSON:
        data(found.to_json() | ({"origins": origins} if built else {}))
    else:
        from reconciler.render.where import render_where  # noqa: PLC0415 - late, for start-up

        out(render_where(found.to_json()))
        for line in origins:
            out(line)
    return 0 if found.found and not found.unknown else 1


def _origins(session: Session, found: Where) -> list[str]:
    """Say who built the images that were found."""
    from reconciler.core.signing.origins import told  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.origins import read_origins  # noqa: PLC0415 - late, for start-up

    images = dict.fromkeys(image for each in found.found for image in each.spot.images)
    return list(told(images, read_origins(session, images)))
