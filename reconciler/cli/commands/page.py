"""`mlservice page`: what passes left, as pages in a browser on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.console import out, say
from reconciler.cli.options import Local, Project, State
from reconciler.cli.paging import Documents, documents
from reconciler.cli.planning import Target
from reconciler.core import errors

app = typer.Typer(add_completion=False)
PORT = 8765


@app.command()
def page(
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0 for any that is free.")
    ] = PORT,
    documents_in: Documents = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
) -> int:
    """Show the fleet in a browser: what needs you, and why nothing happened.

    It reads what passes of the job left in the state bucket, asks for nothing else and changes nothing. Open pages
    follow what changes. It listens on 127.0.0.1 alone, until Ctrl-C.
    """
    from page.local import HOST, listening, serve  # noqa: PLC0415 - late, for start-up

    try:
        taken = listening(port)
    except OSError as error:
        hint = "--port names another, --port 0 any that is free"
        raise errors.UsageError(f"cannot listen on {HOST}:{port}: {error.strerror}", hint=hint) from error
    with taken, documents(Target(project, local, state), documents_in) as (source, emulator):
        out(f"http://{HOST}:{taken.getsockname()[1]}/")
        say("Ctrl-C ends it", "dim")
        try:
            serve(source, taken, emulator=emulator)
        except KeyboardInterrupt:  # that is how it ends
            return 0
    return 0
