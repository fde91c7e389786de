"""`mlservice page`: what passes left, as pages in a browser on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.console import out, say
from reconciler.cli.options import Environment, Local, Project, State
from reconciler.cli.paging import Copy, Files, documents
from reconciler.cli.planning import Target
from reconciler.core import errors
from reconciler.engine.signals import Stopped

app = typer.Typer(add_completion=False)
PORT = 8765
_CTRL_C = 130
"""That is how it ends: nothing went wrong."""


@app.command()
def page(
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0 for any that is free.")
    ] = PORT,
    file: Files = None,
    copy: Copy = None,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
) -> int:
    """Show the fleet in a browser: what needs you, and why nothing happened.

    It reads what passes of the job left in the state bucket, and changes nothing; where no job reports it looks by
    itself. Open pages follow what changes. It listens on 127.0.0.1 alone, until Ctrl-C.
    """
    from page.local import HOST, listening, serve  # noqa: PLC0415 - late, for start-up

    try:
        taken = listening(port)
    except OSError as error:
        hint = "--port names another, --port 0 any that is free"
        raise errors.UsageError(f"cannot listen on {HOST}:{port}: {error.strerror}", hint=hint) from error
    with taken, documents(Target(project, local, state, environment), file, copy, once=False) as (source, emulator):
        out(f"http://{HOST}:{taken.getsockname()[1]}/")
        say("Ctrl-C ends it", "dim")
        try:
            serve(source, taken, emulator=emulator)
        except Stopped as stop:
            if stop.exit_code != _CTRL_C:
                raise
    return 0
