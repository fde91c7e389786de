"""A small process that outlives the emulator by a moment, to end the containers it left behind.

It reads `+GROUP` and `-GROUP` lines from its standard input. When that closes, however the emulator went (`kill -9`
included), it kills every process group that is still listed. It imports the standard library only, so that it
starts in a few milliseconds; it works on every Unix, and reaches grandchildren, which a parent-death signal does not.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading


class Undertaker:
    """The emulator's end of the pipe."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        self._watched: dict[int, str] = {}
        self._lock = threading.Lock()

    def watch(self, group: int) -> None:
        """From now on, kill process group `group` should this process die."""
        with self._lock:
            self._watched[group] = started(group)
            self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Process group `group` has ended: its number may be used by somebody else."""
        with self._lock:
            self._watched.pop(group, None)
            self._tell(f"-{group}\n")

    def bury(self) -> None:
        """Kill now what is still watched, and watch it no more: its numbers may be somebody else's soon."""
        with self._lock:
            bury(self._watched)
            for group in self._watched:
                self._tell(f"-{group}\n")
            self._watched.clear()

    def close(self) -> None:
        """End the undertaker; what it still watches is killed."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.wait(timeout=5)

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # it is gone only when we are going too
            if self._process.stdin is not None:
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


def kill_group(group: int) -> None:
    """Kill every process of a group; a group that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def started(pid: int) -> str:
    """Tell when a process started, in the system's own count; nothing where there is none or the system does not say.

    Source: proc_pid_stat(5), field 22; the second field may hold spaces and brackets.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - pathlib is slow to import
            return stat.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""


def bury(groups: dict[int, str]) -> None:
    """Kill process groups, but none whose first process is another one than was listed.

    With the emulator gone nobody holds the number of a container that has ended: a stranger may have it by now. Where
    the first process is gone and others of its group are left, the number is still theirs.
    """
    for group, start in groups.items():
        if started(group) in ("", start):
            kill_group(group)


def main() -> None:
    """Follow the pipe until it closes, then kill what is listed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    groups: dict[int, str] = {}
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups[group] = started(group)
        else:
            groups.pop(group, None)
    bury(groups)


if __name__ == "__main__":
    main()
