"""`mlservice report`: the page of a moment, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.console import out, say
from reconciler.cli.options import Environment, Local, Project, State
from reconciler.cli.paging import Copy, Files, documents
from reconciler.cli.planning import Target
from reconciler.core import errors

app = typer.Typer(add_completion=False)


@app.command()
def report(
    *,
    html: Annotated[
        Path,
        typer.Option(
            "--html", help="Folder to write to: a new or an empty one, or one of an earlier report.", file_okay=False
        ),
    ],
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds something else, too.")] = False,
    file: Files = None,
    copy: Copy = None,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
) -> int:
    """Write the page as files: for CI, a bucket, an audit. They open from a disk, without JavaScript.

    One file for each view and each service, its data beside it as JSON, all links relative. Exits with 1 when a
    document cannot be read, which is said, or there is none: the others are written. What an earlier report wrote into
    the folder, of services that are gone, is removed; whatever else is there stays.
    """
    from page.clock import clock  # noqa: PLC0415 - late, for start-up
    from page.place import NotOurs  # noqa: PLC0415 - late, for start-up
    from page.report import write  # noqa: PLC0415 - late, for start-up
    from page.sources import SourceError  # noqa: PLC0415 - late, for start-up

    with documents(Target(project, local, state, environment), file, copy, once=True) as (source, emulator):
        try:
            written = write(source, html, clock=clock(emulator), local=bool(emulator), force=force)
        except SourceError as error:
            raise errors.Unavailable("read", "what the page shows, operators/ and history/", str(error)) from error
        except NotOurs as error:
            hint = "another folder, or --force; no link in it is followed either way"
            raise errors.UsageError(f"cannot write to {html}: {error}", hint=hint) from error
        except OSError as error:
            where = error.filename or html
            raise errors.UsageError(f"cannot write to {where}: {error.strerror}") from error
    for sentence in written.unreadable:
        say(sentence, "red")
    services = f"{written.services} service{'' if written.services == 1 else 's'}"
    removed = f"; removed {written.removed} of an earlier report" if written.removed else ""
    out(f"{written.start}: {services}, {written.files} files, {written.size / 1e6:.1f} MB{removed}")
    return 1 if written.unreadable else 0
