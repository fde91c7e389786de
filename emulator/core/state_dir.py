"""The state folder: one daemon at a time, and `emulator.json`, which says where it is."""

import fcntl
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any


class StateInUseError(Exception):
    """Another daemon holds this state folder."""


def lock(path: Path) -> IO[str]:
    """Take the folder; the lock lives as long as the returned file, also through kill -9.

    Raises:
        StateInUseError: A live daemon has it; the text says which.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(path)
    file = (path / "lock").open("a+")
    for wait_s in [*[0.05] * 10, None]:  # whoever only looks whether the lock is held holds it for a moment
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if wait_s is None:
                file.close()
                holder = read_ready(path)
                where = f"pid {holder.get('pid')}, {holder.get('http')}" if holder else "it is still starting"
                raise StateInUseError(f"another emulator uses {path} ({where})") from error
            time.sleep(wait_s)
        else:
            break
    forget_ready(path)  # of one that was killed: its pid and ports may be anybody's by now
    return file


def make_private(path: Path) -> None:
    """Keep everybody else out of the folder and of what is in it, now and from now on.

    It holds keys, secrets and tokens. A folder of an older version, or one that was made by hand, is mended.

    Raises:
        OSError: It is another user's, who could have put a state of his own there.
    """
    os.umask(0o077)
    if path.stat().st_uid != os.geteuid():
        raise OSError(f"{path} belongs to somebody else")
    path.chmod(0o700)
    for name in path.iterdir():
        if not name.is_symlink():
            name.chmod(name.stat().st_mode & 0o700)


def read_ready(path: Path) -> dict[str, Any] | None:
    """What the daemon wrote when it was ready, or None."""
    try:
        found = json.loads((path / "emulator.json").read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_ready(path: Path, *, http: str, grpc: str, token: str) -> None:
    """Say that the daemon is ready; `token` is what it proves itself by."""
    where = {"pid": os.getpid(), "http": http, "grpc": grpc, "started": datetime.now(UTC).isoformat()}
    write(path / "emulator.json", json.dumps(where | {"token": token}))


def write(path: Path, text: str) -> None:
    """Write a file of mode 600 that is never seen half written."""
    partial = path.with_name(path.name + ".partial")
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)


def is_there(path: Path, held: IO[str]) -> bool:
    """Whether the folder is still the one whose lock is held: somebody may have removed it, or made it anew."""
    try:
        return os.path.samestat((path / "lock").stat(), os.fstat(held.fileno()))
    except OSError:
        return False


def forget_ready(path: Path) -> None:
    """Remove `emulator.json`: nobody is to look for a daemon that has gone."""
    (path / "emulator.json").unlink(missing_ok=True)
