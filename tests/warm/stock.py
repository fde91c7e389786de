"""Programs that are ready to run."""

import atexit
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.warm.process import Process

ROOT = Path(__file__).resolve().parents[2]


class Stock:
    """Programs that are ready to run. Close it; what still runs is ended.

    Args:
        prepared: The module that imports what the programs import.
        env: The whole environment in which it is imported.
        python: The interpreter, with its options.
    """

    def __init__(self, prepared: str, env: Mapping[str, str], python: Sequence[str] = (sys.executable,)) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [*python, "-m", "tests.warm.server", str(theirs.fileno()), prepared]
        self._server = subprocess.Popen(
            command, cwd=ROOT, env=dict(env), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()

    def run(
        self,
        module: str,
        *arguments: str,
        folder: Path,
        env: Mapping[str, str],
        streams: tuple[int, int, int] = (subprocess.PIPE,) * 3,
    ) -> Process:
        """Run `python -m module arguments…`."""
        return Process(self._socket, module=module, arguments=arguments, folder=folder, env=env, streams=streams)

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._server.wait(timeout=20)


@cache
def commands() -> Stock:
    """Give the command line, ready to run; one for a whole test process."""
    made = Stock("tests.warm.cli", {**_kept(), "PYTHONPATH": str(ROOT)})
    atexit.register(made.close)
    return made


@cache
def emulators() -> Stock:
    """Give the emulator, ready to run; one for a whole test process."""
    made = Stock("tests.warm.emulator", {**_kept(), "PYTHONPATH": str(ROOT)})
    atexit.register(made.close)
    return made


@cache
def model_servers() -> Stock:
    """Give the model server, ready to run; one for a whole test process."""
    made = Stock("tests.warm.model_server", {**_kept(), "PYTHONPATH": str(ROOT)})
    atexit.register(made.close)
    return made


@cache
def gcloud() -> tuple[Stock, dict[str, str]] | None:
    """Give gcloud, ready to run, and the variables that its start script sets; None where it brings no Python."""
    root = Path(shutil.which("gcloud") or "/").resolve().parents[1]
    python = root / "platform" / "bundledpythonunix" / "bin" / "python3"
    if not python.exists():
        return None
    told = {"CLOUDSDK_ROOT_DIR": str(root), "CLOUDSDK_PYTHON": str(python), "CLOUDSDK_PYTHON_ARGS": "-S"}
    told |= {"CLOUDSDK_ENCODING": "UTF-8", "PYTHONIOENCODING": "UTF-8"}
    made = Stock("tests.warm.gcloud", {**_kept(), **told}, (str(python), "-S"))
    atexit.register(made.close)
    return made, told


def _kept() -> dict[str, str]:
    """Of this process's environment, what a program needs to run."""
    return {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL", "TMPDIR"}}
