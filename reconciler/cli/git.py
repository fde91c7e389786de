"""git, as a command: the one place where it is run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

PATIENCE_S = 120
"""A push to a slow server takes its time."""
_LESS_PATIENCE_S = 20
"""What only reads here takes a moment."""


def git(folder: Path, *words: str, stdin: str = "", env: Mapping[str, str] | None = None, instead: str = "") -> str:
    """Run git and give what it says, without the space around it. It never asks for a password.

    Args:
        folder: Where.
        words: Its arguments.
        stdin: What it reads.
        env: Variables of its own.
        instead: What to do where git is not installed.

    Raises:
        UsageError: It is not installed, refuses, or takes longer than `PATIENCE_S`.
    """
    from reconciler.core.errors import UsageError  # noqa: PLC0415 - late, for start-up: `--version` asks git as well

    try:
        return _said(folder, words, stdin=stdin, env=env, within_s=PATIENCE_S)
    except OSError as error:
        raise UsageError("git is not installed, or cannot be run", hint=instead) from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git {words[0]} took longer than {PATIENCE_S} s") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip() or f"exit code {error.returncode}"
        raise UsageError(f"git {words[0]}: {said}") from error


def told(folder: Path, *words: str) -> str:
    """Give what git says; nothing where it is not installed, refuses, or the folder is in no repository."""
    try:
        return _said(folder, words, within_s=_LESS_PATIENCE_S)
    except (OSError, subprocess.SubprocessError):
        return ""


SAFELY = tuple(
    word
    for setting in ("safe.bareRepository=explicit", "core.fsmonitor=false", "log.showSignature=false")
    for word in ("-c", setting)
)
"""A folder of specs can be made to look like a repository whose own settings name programs: none of them is run."""


def _said(
    folder: Path, words: tuple[str, ...], *, within_s: float, stdin: str = "", env: Mapping[str, str] | None = None
) -> str:
    command = ["git", "-C", str(folder), *SAFELY, *words]
    surroundings = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(env or {})}
    done = subprocess.run(  # noqa: S603 - git's words and names that were checked, no shell
        command, input=stdin.encode(), capture_output=True, check=True, timeout=within_s, env=surroundings
    )
    return done.stdout.decode(errors="replace").strip()
