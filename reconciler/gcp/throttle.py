"""Every call to Google passes here: as fast as its API's quota lets, slower when Google says that it is too much.

One for all threads of a process. A call that was refused for its rate was not carried out, be it a write: it is made
again, by this module, for as long as patience lasts.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reconciler.core import errors
from reconciler.core.pace import OURS, Pace, quota_of

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long somebody who looks on waits for one call. A job that nobody waits for has more."""

UNLIMITED = 60_000.0
"""Calls a minute, where nobody counts: more than one machine answers."""


@dataclass(slots=True)
class Count:
    """What became of the calls to one API.

    Args:
        calls: How many were made, those that were made again included.
        throttled: How many of them were refused for their rate.
        waited_s: How long threads waited before calls, all together.
    """

    calls: int = 0
    throttled: int = 0
    waited_s: float = 0.0

    def to_json(self) -> dict[str, float]:
        """Give the form that reports keep."""
        return {"calls": self.calls, "throttled": self.throttled, "waitedSeconds": round(self.waited_s, 3)}


@dataclass(slots=True)
class Throttle:
    """Paces the calls of one process.

    Args:
        patience_s: How long one call is made again after refusals.
        shards: How many processes share the project's quotas.
        limited: Keep to the quotas that Google documents; the emulator has none, and only its refusals count.
        monotonic: Gives seconds that never go back.
        sleep: Lets time pass.
        look_s: A run that is stopped, or whose calls are let go on earlier, notices after so long.
        luck: Gives a number from 0 up to 1.
        stopped: Set when somebody stops this run.
    """

    patience_s: float = PATIENCE_S
    shards: int = 1
    limited: bool = True
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    look_s: float = 0.5
    luck: Callable[[], float] = random.random
    stopped: threading.Event = field(default_factory=threading.Event)
    counts: dict[str, Count] = field(default_factory=dict)
    _paces: dict[tuple[str, bool], Pace] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def share(self, shards: int, patience_s: float) -> None:
        """Take a part of the project's quotas, before the first call.

        Args:
            shards: How many processes there are, this one included.
            patience_s: How long one call is made again after refusals.
        """
        with self._lock:
            self.shards, self.patience_s = shards, patience_s
            self._paces.clear()

    def call(self, api: str, send: Callable[[], T], refusal: Callable[[T], float | None], *, write: bool) -> T:
        """Make a call, again where it was refused for its rate.

        Args:
            api: Such as `run.googleapis.com`.
            send: Makes the call and gives the answer, refused or not.
            refusal: Tells of an answer whether it was refused for its rate: None, or the seconds to wait that it names,
                0 where it names none.
            write: It changes something.

        Raises:
            Interrupted: Somebody stopped this run.
        """
        key, patient_until = (api, write), self.monotonic() + self.patience_s
        while True:
            begun = self._admitted(key)
            answer = send()
            told_s = refusal(answer)
            if told_s is None:
                self._answered(key, begun)
                return answer
            if self._refused(key, begun, told_s) > patient_until:
                return answer

    def _admitted(self, key: tuple[str, bool]) -> float:
        """Wait until the call may be made; gives when that is."""
        while True:
            with self._lock:
                now = self.monotonic()
                pace = self._pace(key, now)
                wait_s = pace.wait_s(now)
                if wait_s <= 0:
                    self._paces[key] = pace.called(now)
                    self._count(key).calls += 1
                    return now
                pause_s = min(wait_s, self.look_s)
                self._count(key).waited_s += pause_s
            self.sleep(pause_s)
            if self.stopped.is_set():
                raise errors.Interrupted(f"this run was stopped while {key[0]} was asked to take calls again")

    def _answered(self, key: tuple[str, bool], begun: float) -> None:
        with self._lock:
            now = self.monotonic()
            self._paces[key] = self._pace(key, now).answered(now, begun)

    def _refused(self, key: tuple[str, bool], begun: float, told_s: float) -> float:
        """Slow down; gives when the next call may be made."""
        with self._lock:
            now = self.monotonic()
            self._count(key).throttled += 1
            self._paces[key] = pace = self._pace(key, now).refused(now, begun, told_s, self.luck())
            return pace.until

    def _pace(self, key: tuple[str, bool], now: float) -> Pace:
        if key not in self._paces:
            api, write = key
            quota = quota_of(api).of(write=write) * OURS / self.shards if self.limited else UNLIMITED
            self._paces[key] = Pace.of(quota, now)
        return self._paces[key]

    def _count(self, key: tuple[str, bool]) -> Count:
        return self.counts.setdefault(key[0], Count())
