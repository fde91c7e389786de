"""`mlservice serve`: serve a model folder on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from reconciler.core import errors

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="Folder with the model.")],
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = 8080,
    extension: Annotated[
        str, typer.Option("--app", help="module:function that adds routes and middleware to the FastAPI application.")
    ] = "",
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run what the folder holds: pickles, torch programs, Python classes.")
    ] = False,
) -> None:
    """Serve a model folder with the bundled server, as the container does."""
    if not folder.is_dir():
        raise errors.UsageError(f"'{folder}' is no folder", hint="name the folder that holds the model")
    # -P: a folder `runtime` in the working directory is not the server.
    command = [sys.executable, "-P", "-m", "runtime", str(folder), "--host", host, "--port", str(port)]
    command += ["--app", extension] if extension else []
    command += ["--allow-code"] if allow_code else []
    # The server takes this process's place, so that signals and the exit code are its own.
    os.execv(sys.executable, command)  # noqa: S606 - our own module
