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
from reconciler.gcp.emulator import STATE_DIR, Emulator, is_held, is_ours, state_dir
from reconciler.gcp.watch import LOOK

START_WITHIN_S = 30.0
HANGS_AFTER_S = 5.0
"""One that takes a connection and says nothing for so long is not starting."""
LOG_FILE = "emulator.log"
ROOM_BYTES = 256 << 10
"""What a state takes before anything is in it."""
STATE_FILES = ("state.sqlite", "state.sqlite-wal", "state.sqlite-shm")
UNREADABLE = ".unreadable"
_SAID = "error: "


def ensure_running(state: Path | None = None, *, quiet: bool = False) -> Emulator:
    """Give the running emulator, started on demand.

    Another command may start it meanwhile: then that one is waited for.

    Raises:
        UsageError: The state is not ours to run.
        Unavailable: It does not come up, the end of its log is in the message, or has no room; or it is there and does
            not answer.
    """
    folder = state or state_dir()
    _refuse_strangers(folder)
    began, process = time.monotonic(), None
    while time.monotonic() - began < START_WITHIN_S:
        asked = time.monotonic()
        found = Emulator.running(folder)
        if found:
            if process and not quiet:
                say(f"emulator started in {time.monotonic() - began:.1f} s ({found.http}, state in {folder})", "dim")
            return found
        if process is None or process.poll() is not None:
            if is_held(folder):
                if time.monotonic() - asked >= HANGS_AFTER_S:
                    raise does_not_answer(folder)
            elif process is None:
                process = start(folder)
            else:
                break
        time.sleep(0.05)
    if is_held(folder):
        raise does_not_answer(folder)
    if _is_full(folder):
        why = f"the disk that holds {folder} is full"
        raise errors.Unavailable(
            "start", "the emulator", why, hint="make room there, or name another place: MLSERVICE_EMULATOR_STATE"
        )
    hint = f"see {folder / LOG_FILE}; mlservice emulator reset starts from nothing"
    raise errors.Unavailable("start", "the emulator", _tail(folder / LOG_FILE), hint=hint)


def _is_full(folder: Path) -> bool:
    """Tell whether a state has no room: an emulator that ended for that could not even write its log."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize < ROOM_BYTES


def does_not_answer(folder: Path) -> errors.Unavailable:
    """Give the error of an emulator that has a state folder and says nothing."""
    why = f"one holds {folder} and does not answer: it is starting, hangs, or is of another version"
    hint = f"see {folder / LOG_FILE}; where it hangs: {LOOK}"
    return errors.Unavailable("reach", "the emulator", why, hint=hint)


def ensure_startable(folder: Path) -> Emulator:
    """Give the running emulator, or start one, without its state where no emulator starts with it.

    What lies there is kept beside, under a name of its own, and is back where it was if that is not why.

    Raises:
        Unavailable: It does not come up without that either.
    """
    try:
        return ensure_running(folder, quiet=True)
    except errors.Unavailable:
        aside = [folder / name for name in STATE_FILES if (folder / name).exists()]
        if is_held(folder) or not aside:
            raise
    for path in aside:
        path.replace(f"{path}{UNREADABLE}")
    try:
        found = ensure_running(folder, quiet=True)
    except errors.Unavailable:
        for path in aside:
            Path(f"{path}{UNREADABLE}").replace(path)
        raise
    say(f"what could not be read is kept in {aside[0]}{UNREADABLE}", "dim")
    return found


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
        last = path.read_text(errors="replace").splitlines()[-lines:]
        if last and last[-1].startswith(_SAID):  # in its own words, which say it all
            return last[-1].removeprefix(_SAID)
        return " / ".join(last) or "it wrote no log"
    except OSError as error:
        return str(error)
