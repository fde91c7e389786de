"""An event loop on which time costs nothing: it passes when there is nothing else to do.

Sockets work as ever, and what other threads hand over is waited for, as long as no timer is due. The library `looptime`
is much the same, but its time stands still while callbacks go on: a loop that stays awake for a moment never sleeps.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

START_S = 1000.0
"""Where time begins. Not at zero, which our own code uses for "never"."""
TURN_S = 1e-6
"""What a turn of the loop takes that has something to do: who turns until a moment comes gets there."""
PATIENCE_S = 10.0
"""Real seconds to wait for another thread when nothing is due."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with its own time.

    Attributes:
        busy: Turns so far that had something to do.
    """

    def __init__(self) -> None:
        self._now = START_S
        self.busy = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds since some moment."""
        return self._now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Do at once what another thread would do: it takes real time, and so none of ours."""
        del executor
        found = self.create_future()
        try:
            found.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, the future has it
            found.set_exception(error)
        return found

    def advance(self, seconds: float) -> None:
        """Let time pass, as a call does that holds up the loop."""
        self._now += seconds


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # chosen by the platform
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            ready = super().select(PATIENCE_S)
            assert ready, "nothing is due, and nobody else did anything"
            return ready
        ready = super().select(0)
        self._loop.busy += timeout == 0
        if not ready:
            self._loop.advance(max(timeout, TURN_S))
        return ready


def run(work: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> float:
    """Run a coroutine, given its loop; gives the virtual seconds it took."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work(loop))
        return loop.time() - START_S
