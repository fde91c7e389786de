"""A caller who is alone with a quick model: what is spent on waiting for others is then most of what they wait for.

See docs/decisions/035-awake-for-one-caller.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

# After so many calls with one request each, the next request does not wait for others of its turn of the loop, but for
# every sixteenth, which finds out whether there are any.
ALONE = 16
# A process that sleeps takes tens of microseconds to wake, longer than a small model takes. While a lone caller comes
# back within this time of its last answer, the loop stays awake for it as long again; nobody else makes it do so.
AWAKE_S = 0.00015


class LoneCaller:
    """What is known of the requests of one model. Lives on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._loop = loop
        self._clock = clock
        self._single = 0
        self._answered = self._awake_until = 0.0
        self._awake = False

    @property
    def is_likely(self) -> bool:
        """Whether a turn of the loop would most likely be spent waiting for nobody."""
        return self._single > ALONE and self._single % ALONE > 0

    def note(self, requests: int, arrived: float) -> None:
        """Note a call of the model that was just answered.

        Args:
            requests: How many were in it.
            arrived: When the first of them did, in seconds of the clock.
        """
        self._single = self._single + 1 if requests == 1 else 0
        came_back = arrived - self._answered < AWAKE_S
        self._answered = self._clock()
        if came_back and self.is_likely:
            self._awake_until = self._answered + AWAKE_S
            if not self._awake:
                self._stay_awake()

    def _stay_awake(self) -> None:
        """Look for requests again and again, until a moment after the last answer."""
        self._awake = self._clock() < self._awake_until
        if self._awake:
            self._loop.call_soon(self._stay_awake)
