"""Processor time of this process and of all that came of it, as Linux counts it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def seconds() -> float:
    """Give the processor seconds of this process, of the children it waited for, and of those that run, and theirs.

    What a process cost that was nobody's child any more when it ended is not known to anybody.
    """
    return sum(_ticks(pid) for pid in _tree(os.getpid())) * TICK_S


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _ticks(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # Fields 14 to 17 of proc(5): utime, stime, cutime, cstime. The second one, a name, may hold blanks and brackets.
    return sum(map(int, stat.rpartition(")")[2].split()[11:15]))
