"""Work between requests: on the event loop, in short turns, with a share of its time and what of it is idle.

A thread beside the loop would take the interpreter's lock whenever the loop waits for a socket: giving it back and
forth costs a request as much again as the work itself.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from time import perf_counter, process_time, thread_time
from typing import TYPE_CHECKING

from runtime.frameworks import cpu_quota

if TYPE_CHECKING:
    from collections.abc import Callable

RESERVE = 0.2
"""Of a loop's time, that is left idle where it is: who asks next finds it waiting."""
SAVED_S = 0.02
"""Time that is saved up at most, and owed. Requests come between each two turns of it."""
LONG_S, RESTS = 0.5, 30
"""A loop that had nothing idle for so long is at its limit. Before, it may be a burst: what waits is done after it.
Idle time counts for so many times as much."""
PAUSE_S, GATHER_S = 0.002, 0.01


class _Delay:
    """How long a thread has waited for a CPU. The file is kept open: to open it takes as long as all else."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)

    def __call__(self) -> float:
        return int(os.pread(self._file, 64, 0).split()[1]) / 1e9


def waited_s() -> Callable[[], float]:
    """Give what tells for how many seconds the calling thread had work, and no CPU to do it.

    Where others are on the machine, that is no idle time. Elsewhere than on Linux, and in a sandbox that does not say,
    it is 0.

    Source:
        https://docs.kernel.org/scheduler/sched-stats.html: `/proc/<pid>/schedstat`, the second number, in nanoseconds.
    """
    try:
        found = _Delay(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        found()
    except (OSError, ValueError, IndexError, AttributeError):
        return float
    return found


class Allowance:
    """How much time may be taken: a share of what passes, and what of it is idle beyond a reserve.

    Args:
        cpus: That the process may use, of one perhaps a part. A loop that waits while its model keeps the only one busy
            has no time to give, and neither has one that the system holds back, since its quota is used up.
        share: Of the time that passes, at least.

    Attributes:
        left_s: Seconds that may be taken; below zero where more was.
        full_s: For how long nothing was idle beyond the reserve, about: one second at most.
    """

    def __init__(self, cpus: float, share: float) -> None:
        self._cpus, self._share = cpus, share
        self._seen = (0.0, 0.0, 0.0, 0.0)
        self.left_s = self.full_s = 0.0

    def look(self, now: float, busy: float, used: float, waited: float = 0.0) -> None:
        """Add what came since the last look.

        Args:
            now: Seconds by any clock.
            busy: Seconds of a CPU that the loop's thread has used.
            used: Seconds of CPUs that the process has used.
            waited: Seconds that the loop's thread could have used, and others had the CPU.
        """
        seen, self._seen = self._seen, (now, busy, used, waited)
        passed, more_busy, more_used, more_waited = (new - old for new, old in zip(self._seen, seen, strict=True))
        idle = max(min(passed - more_busy - more_waited, passed * self._cpus - more_used) - RESERVE * passed, 0.0)
        self.left_s = min(self.left_s + self._share * passed + idle, SAVED_S)
        self.full_s = min(max(self.full_s + passed - RESTS * idle, 0.0), 2 * LONG_S)

    def spend(self, seconds: float) -> None:
        """Take some of it. What is owed is no more than may be saved: work goes on soon after the dearest piece."""
        self.left_s = max(self.left_s - seconds, -SAVED_S)


class Turns:
    """Calls a function again and again until it has no more to do, with requests in between.

    All methods but `finish` are for the thread of the event loop.

    Args:
        turn: Does a piece of work that takes less than a millisecond, and tells whether more is left. Must not raise.
        share: Of a loop that is never idle.
        elsewhere: Tells how many seconds of a CPU the same work has taken so far in other threads: it is for the turns
            to pay for.
    """

    def __init__(self, turn: Callable[[], bool], share: float, elsewhere: Callable[[], float] = float) -> None:
        self._turn = turn
        self._allowance = Allowance(cpu_quota(), share)
        self._elsewhere = elsewhere
        self._paid_s = 0.0
        self._looked = 0.0
        self._waited: Callable[[], float] | None = None  # known to the loop's own thread
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next: asyncio.Handle | None = None
        self._gathers = False  # what is planned waits for more, and for no allowance
        self._hurried = False
        self._finished = threading.Event()

    @property
    def behind(self) -> bool:
        """Whether there is no turn now, and too little time for all since a while: what waits only grows old."""
        return self._allowance.left_s <= 0 and self._allowance.full_s >= LONG_S

    def plan(self, *, soon: bool = False) -> None:
        """Say that there is work: it is begun a little later, when more has come together.

        Args:
            soon: Enough has: it is begun as soon as the loop has done what it is at.
        """
        if self._next is not None and not (soon and self._gathers):
            return
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        if self._next is not None:
            self._next.cancel()
        self._gathers = not soon
        self._next = self._loop.call_soon(self._take) if soon else self._loop.call_later(GATHER_S, self._take)

    def finish(self, seconds: float) -> bool:
        """Have all that is left done without pauses, and wait for it; called in another thread than the loop's.

        Returns:
            Whether it was done, within `seconds`.
        """
        if self._loop is None:
            return True
        self._finished.clear()
        self._loop.call_soon_threadsafe(self._hurry)
        return self._finished.wait(seconds)

    def _hurry(self) -> None:
        if self._next is not None:
            self._next.cancel()
        self._hurried = True
        self._take()

    def _take(self) -> None:
        self._gathers = False
        began = perf_counter()
        if began - self._looked > PAUSE_S / 2:
            self._looked = began
            self._waited = self._waited or waited_s()
            self._allowance.look(began, thread_time(), process_time(), self._waited())
            paid, self._paid_s = self._paid_s, self._elsewhere()
            self._allowance.spend(self._paid_s - paid)
        more = True
        if self._may:
            more = self._turn()
            self._allowance.spend(perf_counter() - began)
        assert self._loop is not None  # noqa: S101 - for the type checker
        if more:
            self._next = (
                self._loop.call_soon(self._take) if self._may else self._loop.call_later(self._pause_s, self._take)
            )
            return
        self._next = None
        if self._hurried:
            self._hurried = False
            self._finished.set()

    @property
    def _pause_s(self) -> float:
        """To look whether it may is work, too: of a loop that is long full not so often."""
        return GATHER_S if self.behind else PAUSE_S

    @property
    def _may(self) -> bool:
        return self._hurried or self._allowance.left_s > 0
