"""Start the embedded emulator as a process of its own, and find it again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from reconciler.cli.console import say
from reconciler.cli.git import git
from reconciler.core import errors
from reconciler.gcp.emulator import STATE_DIR, Emulator, is_ours, state_dir

START_WITHIN_S = 30.0
LOG_FILE = "emulator.log"


def ensure_running(state: Path | None = None, *, quiet: bool = False) -> Emulator:
    """Give the running emulator, started on demand.

    Raises:
        UsageError: The state is not ours to run.
        Unavailable: It does not come up; the end of its log is in the message.
    """
    folder = state or state_dir()
    _refuse_strangers(folder)
    found = Emulator.running(folder)
    if found:
        return found
    started = time.monotonic()
    process = start(folder)
    while time.monotonic() - started < START_WITHIN_S:
        found = Emulator.running(folder)
        if found:
            if not quiet:
                say(f"emulator started in {time.monotonic() - started:.1f} s ({found.http}, state in {folder})", "dim")
            return found
        if process.poll() is not None and not Emulator.running(folder):
            break
        time.sleep(0.02)
    raise errors.Unavailable("start", "the emulator", _tail(folder / LOG_FILE), hint=f"see {folder / LOG_FILE}")


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, so that closing the terminal does not end it.

    Raises:
        UsageError: The folder's state came with somebody's files. It names programs, which the emulator would run.
    """
    _refuse_strangers(folder)
    _refuse_tracked(folder)
    for above in reversed(folder.parents):  # as nobody else may change it, whatever is masked here
        above.mkdir(mode=0o755, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    # Only its owner reads it: the emulator's log may quote what services were given.
    with open(folder / LOG_FILE, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
        # -P: the working directory is the user's, or a branch's; a folder `emulator` there is not ours to run.
        command = [sys.executable, "-P", "-m", "emulator", "serve", "--state", str(folder)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own module


def _refuse_strangers(folder: Path) -> None:
    """Refuse a state behind a link, which a branch may bring along, and one here that others made, or may change.

    One that is named was chosen: in a container it may well be somebody else's.
    """
    links = [each for each in (folder, *folder.parents) if not each.is_absolute() and each.is_symlink()]
    if links:
        hint = "remove it, or name the folder it leads to: MLSERVICE_EMULATOR_STATE"
        raise errors.UsageError(f"the emulator's state may not be behind a link, and {links[0]} is one", hint=hint)
    for each in (folder.parent, folder) if folder == STATE_DIR else ():
        if each.exists() and not is_ours(each):
            hint = (
                "remove it, or take it over with chown and chmod o-w, or name another place: MLSERVICE_EMULATOR_STATE"
            )
            raise errors.UsageError(f"the emulator's state is in {each}, which others may write to", hint=hint)


def _refuse_tracked(folder: Path) -> None:
    """Refuse a state of files that git tracks: a branch brought them along."""
    # Where git cannot be asked it is not known, and that is no leave: `git` raises.
    cloned = any((each / ".git").exists() for each in folder.absolute().parents)
    if (
        cloned
        and folder.is_dir()
        and git(folder, "ls-files", "--", ".", instead="name another place: MLSERVICE_EMULATOR_STATE")
    ):
        hint = f"git rm -r --cached {folder} and remove it: a state names programs that the emulator runs"
        raise errors.UsageError(f"the emulator's state in {folder} is tracked by git", hint=hint)


def _tail(path: Path, lines: int = 5) -> str:
    try:
        return " / ".join(path.read_text(errors="replace").splitlines()[-lines:]) or "it wrote no log"
    except OSError as error:
        return str(error)
