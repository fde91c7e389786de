"""The real command, run as a user runs it: a process of its own, against the shared emulator.

The process is forked from one that has imported the command (`tests.warm`); `afresh` starts it from nothing.
"""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.operating import Operator
from tests.warm import Process, commands

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "reconciler.cli"]
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs `mlservice` in a folder.

    Attributes:
        folder: Working directory.
        env: Variables of its own; nothing else of this process's environment but what Python needs.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Done:
        """Run one command with nobody at the keyboard."""
        process = self.start(*arguments, env=env, stdin=subprocess.PIPE)
        try:
            out, err = process.communicate(stdin, timeout=PATIENCE_S)
        finally:
            process.kill()
        return Done(process.wait(), out, err)

    def afresh(self, *arguments: str, env: dict[str, str] | None = None) -> Done:
        """Run one command as a new interpreter, for claims about how it starts."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env={**self._env(), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, env: dict[str, str] | None = None, stdin: int = subprocess.DEVNULL) -> Process:
        """Start one command and go on."""
        streams = (stdin, subprocess.PIPE, subprocess.PIPE)
        return self._run(arguments, env, streams)

    def _run(self, arguments: tuple[str, ...], env: dict[str, str] | None, streams: tuple[int, int, int]) -> Process:
        environment = {**self._env(), **(env or {})}
        return commands().run("reconciler.cli", *arguments, folder=self.folder, env=environment, streams=streams)

    def on_terminal(self, *arguments: str, answer: str = "", env: dict[str, str] | None = None) -> Done:
        """Run one command on a terminal, and type the answer to its question."""
        ours, theirs = pty.openpty()
        environment = {"TERM": "xterm-256color", "COLUMNS": "200", **(env or {})}
        with self._run(arguments, environment, (theirs, theirs, theirs)) as process:
            os.close(theirs)
            shown = _conversation(ours, answer)
            try:
                code = process.wait(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError(f"it did not end: {shown}") from None
        os.close(ours)
        return Done(code, shown, "")

    def write(self, *specs: dict[str, Any], name: str = "mlservice.yaml") -> Path:
        """Put specs into a file of the folder."""
        path = self.folder / name
        path.write_text("---\n".join(yaml.safe_dump(s, sort_keys=False) for s in specs))
        return path

    def _env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "LC_ALL", "TMPDIR"}}
        return {**kept, "PYTHONPATH": str(ROOT), "HOME": str(self.folder), "NO_GCE_CHECK": "true", **self.env}


def _conversation(terminal: int, answer: str) -> str:
    """Read until the end; answer the first question."""
    shown = b""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], 1.0)
        if not ready:
            continue
        try:
            got = os.read(terminal, 65536)
        except OSError:  # the other side closed it
            break
        if not got:
            break
        shown += got
        if answer and b"]: " in shown:
            os.write(terminal, answer.encode() + b"\n")
            answer = ""
    return shown.decode()


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[Shell]:
    """A shell that has no emulator and starts none."""
    state = tmp_path / "no-emulator"
    yield Shell(tmp_path, {"MLSERVICE_EMULATOR_STATE": str(state)})
    assert not state.exists()  # whoever needs one takes `shell`: nobody would end what is started here


@pytest.fixture
def shell(operator: Operator, tmp_path: Path) -> Shell:
    """A shell beside the shared emulator, emptied. The `operator` fixture looks at the same cloud."""
    return Shell(tmp_path, {"MLSERVICE_EMULATOR_STATE": str(operator.emulator.state)})
