"""What a process takes of the machine, and all that it started: CPU time and memory, as Linux counts them.

Source:
    `man 5 proc`: `/proc/PID/stat` (utime, stime, and those of children that ended), `/proc/PID/statm` (resident pages),
    `/proc/PID/task/TID/children`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROC = Path("/proc")
MOST = 1000
"""Processes that are looked at: one that starts others without end must not hold the emulator."""
_UTIME = 11  # of what stands behind the name, which may have spaces in it
_TIMES = 4


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken until now.

    Attributes:
        cpu_s: Of CPUs, since the beginning.
        memory_bytes: Of memory, now.
    """

    cpu_s: float
    memory_bytes: int


def taken(pids: Iterable[int]) -> Taken | None:
    """Add up what processes and their descendants take; None where that cannot be told, as on macOS.

    Args:
        pids: Of the first process of each container.
    """
    found = [one for pid in pids for each in _with_children(pid) if (one := _of(each)) is not None]
    if not found:
        return None
    return Taken(sum(each.cpu_s for each in found), sum(each.memory_bytes for each in found))


def _with_children(pid: int) -> Iterator[int]:
    left, seen = [pid], 0
    while left and seen < MOST:
        pid = left.pop()
        seen += 1
        yield pid
        left += _children(pid)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in (PROC / str(pid) / "task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except (OSError, ValueError):  # it has ended, or this is another system
        return found
    return found


def _of(pid: int) -> Taken | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    ticks = sum(map(int, stat[_UTIME : _UTIME + _TIMES]))
    return Taken(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"))
