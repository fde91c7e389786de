"""A program of its own for `test_signals`: a signal comes at every moment of calls that run in a pool."""

import dis
import faulthandler
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from types import CodeType, FrameType
from typing import Any

from reconciler.engine import signals
from reconciler.engine.pool import Pool

WATCHED = ("concurrent/futures/", "threading.py", "engine/pool.py", "engine/signals.py")
PATIENCE_S = 30.0
"""A story takes 5 ms; one that a worker holds up for ever ends the program, with every thread's place."""


@cache
def moments(code: CodeType) -> set[int]:
    """Give the steps before which Python may run a signal's handler: entries, loops, and what follows a call."""
    found, before = set(), ""
    for step in dis.get_instructions(code):
        if step.opname in ("RESUME", "JUMP_BACKWARD") or before.startswith("CALL"):
            found.add(step.offset)
        if step.opname != "CACHE":
            before = step.opname
    return found


class Clockwork:
    """Counts the main thread's moments, and sends a signal at one of them.

    Args:
        at: Which one; -1 for none.
    """

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def enter(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        """Watch a frame, if it is of what shares locks with workers."""
        del event, argument
        if not any(name in frame.f_code.co_filename for name in WATCHED):
            return None
        frame.f_trace_opcodes = True
        return self.step

    def step(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        """Count, and send."""
        del argument
        if event == "opcode" and frame.f_lasti in moments(frame.f_code):
            self.count += 1
            if self.count == self.at:
                signal.raise_signal(signal.SIGTERM)
        return self.step


def story() -> None:
    """Do as `apply` and `plan` do: calls that are waited for as they end, and calls whose answers are."""
    with Pool(2) as pool:
        with signals.held():
            ended: SimpleQueue[None] = SimpleQueue()
            running = {pool.submit(abs, number, told=ended) for number in range(3)}
            while running:
                if not any(task.done for task in running):
                    with signals.let_through(), suppress(Empty):
                        ended.get(timeout=5)
                running -= {task for task in running if task.done}
        pool.gather([lambda: 1] * 3)


def told(at: int) -> tuple[str, int]:
    """Run the story with a signal at a moment. Give how it ended, and how many moments it had."""
    clockwork = Clockwork(at)
    sys._getframe().f_trace_opcodes = True  # Python 3.12 looks at it as tracing begins
    sys.settrace(clockwork.enter)
    try:
        story()
    except signals.Stopped:
        return "stopped", clockwork.count
    finally:
        sys.settrace(None)
    return "ended", clockwork.count


def main() -> None:
    """Print how many moments there were, and how many stories ended by the signal."""
    signals.end_commands()
    stopped = at = 0
    while True:
        at += 1
        faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
        how, count = told(at)
        faulthandler.cancel_dump_traceback_later()
        if count < at:
            break
        stopped += how == "stopped"
    sys.stdout.write(f"{stopped} of {at - 1}\n")


if __name__ == "__main__":
    main()
