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


class Undertaker:
    """The emulator's end of the pipe."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def watch(self, group: int) -> None:
        """From now on, kill process group `group` should this process die."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Process group `group` has ended: its number may be used by somebody else."""
        self._tell(f"-{group}\n")

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


def main() -> None:
    """Follow the pipe until it closes, then kill what is listed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        kill_group(group)


if __name__ == "__main__":
    main()
