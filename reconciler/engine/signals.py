"""Signals that end a command: they reach the main thread where it waits, never where other threads wait for it.

What Python raises for a signal comes between any two steps of the main thread, also between taking a lock and the
block that lets it go. A worker that needs that lock then waits for ever, and the command with it. So what shares
locks with workers holds signals back, and lets them through where it waits.
"""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

_LOOK_S = 0.2


class Stopped(BaseException):
    """Somebody asked this process to end: Ctrl-C, a CI job that was cancelled, a terminal that was closed.

    No KeyboardInterrupt, because the command line library would make an exit with 130 of it.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


@dataclass(slots=True)
class _Main:
    """How the main thread, to which alone Python gives signals, stands to them.

    Args:
        holds: Whether they are held back.
        waiting: The signal that is.
    """

    holds: bool = False
    waiting: int = 0

    def arrived(self, number: int, frame: FrameType | None) -> None:
        """Raise, now or when they are let through again."""
        del frame
        self.waiting = number
        if not self.holds:
            self.deliver()

    def deliver(self) -> None:
        """Raise what waits."""
        number, self.waiting = self.waiting, 0
        if number:
            raise Stopped(number)


_MAIN = _Main()


def end_commands() -> None:
    """Let SIGINT, SIGTERM and SIGHUP raise `Stopped` in the main thread; `nohup` and shells have some ignored."""
    for name, usual in (
        ("SIGINT", signal.default_int_handler),
        ("SIGTERM", signal.SIG_DFL),
        ("SIGHUP", signal.SIG_DFL),
    ):
        number = getattr(signal, name, None)  # there is no SIGHUP on Windows
        if number is not None and signal.getsignal(number) is usual:
            signal.signal(number, _MAIN.arrived)


@dataclass(slots=True)
class _Block:
    """Hold signals back for a block, or let them through; in other threads than the main one it does nothing."""

    holds: bool
    before: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        if _in_main():
            self.before, _MAIN.holds = _MAIN.holds, self.holds
            self._let_through()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if _in_main():
            _MAIN.holds = self.before
            self._let_through()

    def _let_through(self) -> None:
        """Raise what came while they were held back.

        Raises:
            Stopped: A signal.
        """
        if _MAIN.waiting and not _MAIN.holds:
            _MAIN.holds = self.before  # a block that raises as it is entered is never left
            _MAIN.deliver()


def held() -> _Block:
    """Hold signals back for a block; one that comes is raised as `Stopped` where the block ends."""
    return _Block(holds=True)


def let_through() -> _Block:
    """Let signals end a block that waits and has no lock in its hands, within one that holds them back."""
    return _Block(holds=False)


def take(queue: SimpleQueue[T], timeout_s: float | None = None) -> T:
    """Wait for something in a queue, and look for signals all the while.

    Python looks for them between two steps. One that comes after that and before the wait, or that the system gives to
    another thread, ends no wait: it would be heard when there is something in the queue, a minute later perhaps.
    Threads other than the main one hear none, and just wait.

    Raises:
        Empty: Nothing came in time.
        Stopped: A signal, where they are let through.
    """
    if not _in_main():
        return queue.get(timeout=timeout_s)
    until = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left = _LOOK_S if until is None else min(_LOOK_S, max(0.0, until - time.monotonic()))
        try:
            return queue.get(timeout=left)
        except Empty:
            if until is not None and time.monotonic() >= until:
                raise


def _in_main() -> bool:
    return threading.get_ident() == threading.main_thread().ident
