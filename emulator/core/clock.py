"""The emulator's time: the real clock plus what `advance` added. Timers fire when it passes them.

Offset and timers are kept in the store, so both survive a restart. A timer is forgotten when what it does is done:
killed in between, the next start fires it again, so what timers do must bear being done twice.
"""

import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

from emulator.core.callbacks import name_of
from emulator.core.store import Store

log = logging.getLogger(__name__)

WORKERS = 64
LOOK_EVERY_S = 1.0
STOP_WITHIN_S = 5.0
HELD_MOST_S = 120.0

Fire = Callable[[str, dict[str, Any]], None]
"""What a due timer does: called with the callback's name and payload."""


class Clock:
    """Virtual time in UTC. Each timer fires in a thread of its own: a slow one holds no other.

    Args:
        store: Keeps offset and timers. Its lock is never asked for with ours held: who sets a timer may hold it.
        fire: Runs a due callback. Replaced in tests; the daemon passes one that adds the world.
    """

    def __init__(self, store: Store, fire: Fire) -> None:
        self._store = store
        self._fire = fire
        self._changed = threading.Condition()
        self._sets = 0  # how many timers were ever set: tells whether a list of them is still whole
        self._firing: dict[str, Future[None] | None] = {}
        self._stopped = False
        self._offset = self._read_offset()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="timer")
        self._thread = threading.Thread(target=self._watch, name="clock", daemon=True)

    def _read_offset(self) -> timedelta:
        return timedelta(microseconds=int(self._store.get("clock", "offset_us") or 0))

    def _write_offset(self, offset: timedelta) -> None:
        self._offset = offset
        self._store.put("clock", "offset_us", str(offset // timedelta(microseconds=1)).encode())

    @property
    def offset_s(self) -> float:
        """How far this clock is ahead of the real one, in seconds."""
        return self._offset.total_seconds()

    def now(self) -> datetime:
        """The emulator's time, in UTC."""
        return datetime.now(UTC) + self._offset

    def call_at(self, when: datetime, callback: Callable[..., Any] | str, payload: dict[str, Any]) -> str:
        """Call `callback(world, payload)` when the clock reaches `when`; returns an id for `cancel`.

        Args:
            when: UTC. The past means at once.
            callback: A module-level function, or its `module:function` name. It may be called again after a crash.
            payload: JSON.
        """
        timer = f"{when.astimezone(UTC).isoformat(timespec='microseconds')}/{uuid.uuid4().hex}"
        body = json.dumps({"callback": name_of(callback), "payload": payload})
        self._store.put("timer", timer, body.encode())
        with self._changed:
            self._sets += 1
            self._changed.notify_all()
        return timer

    def cancel(self, timer: str) -> bool:
        """Forget a timer; False when it has fired or is not known. One that fires just now is not stopped."""
        return self._store.delete("timer", timer)

    def hold(self) -> Callable[[], None]:
        """Let no time be skipped while something is at work that a timer began; returns what lets it go on.

        Nobody holds it for more than `HELD_MOST_S` real seconds.
        """
        key = f"held/{uuid.uuid4().hex}"
        with self._changed:
            self._firing[key] = None

        def release() -> None:
            with self._changed:
                self._firing.pop(key, None)
                self._changed.notify_all()

        late = threading.Timer(HELD_MOST_S, release)
        late.daemon = True
        late.start()

        def done() -> None:
            late.cancel()
            release()

        return done

    def advance(self, seconds: float) -> datetime:
        """Let `seconds` (0 or more) pass. Timers in between fire in order, each at its own time, before it returns.

        Those of one and the same time fire together. What fires already is waited for: it may set timers on the way.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards")
        goal = self.now() + timedelta(seconds=seconds)
        while next_ones := self._claim_next(goal):
            self._move_to(due_of(next_ones[0]))
            self._begin(next_ones)
        self._move_to(goal)
        return self.now()

    def _move_to(self, when: datetime) -> None:
        behind = when - self.now()
        if behind > timedelta(0):
            self._write_offset(self._offset + behind)

    def _claim_next(self, until: datetime) -> list[str]:
        """Wait until nothing fires, then take the timers that are due first, if that is by then."""
        while not self._stopped:
            with self._changed:
                self._changed.wait_for(lambda: not self._firing or self._stopped)
                sets = self._sets
            timers = self._timers()
            with self._changed:
                if self._firing or sets != self._sets:
                    continue  # somebody was faster, and what is first may have changed
                due = min(map(due_of, timers[:1]), default=until)
                return self._take([timer for timer in timers if due_of(timer) == due]) if due <= until else []
        return []

    def _claim_due(self) -> list[str]:
        """Take every timer whose time has come and that nobody fires yet."""
        now = self.now()
        due = list(takewhile(lambda timer: due_of(timer) <= now, self._timers()))
        with self._changed:
            return self._take([timer for timer in due if timer not in self._firing])

    def _take(self, timers: list[str]) -> list[str]:
        self._firing.update(dict.fromkeys(timers))
        return timers

    def _timers(self) -> tuple[str, ...]:
        """All that are set, the first that is due first."""
        return self._store.names("timer")

    def _begin(self, timers: list[str]) -> None:
        for timer in timers:
            with self._changed, suppress(RuntimeError):  # stopped: the next start fires it
                self._firing[timer] = self._pool.submit(self._run, timer)

    def _run(self, timer: str) -> None:
        try:
            body = self._store.get("timer", timer)
            if body is not None:  # else it was cancelled
                self._call(json.loads(body))
                self._store.delete("timer", timer)
        except sqlite3.ProgrammingError:  # it took longer than the emulator waits at its end, and the store is closed
            log.info("timer interrupted", extra={"timer": timer})
        finally:
            with self._changed:
                self._firing.pop(timer, None)
                self._changed.notify_all()

    def _call(self, found: dict[str, Any]) -> None:
        try:
            self._fire(found["callback"], found["payload"])
        except sqlite3.ProgrammingError:
            raise
        except Exception:
            log.exception("timer failed", extra={"callback": found["callback"]})

    def start(self) -> None:
        """Begin to fire timers as real time passes."""
        self._thread.start()

    def stop(self) -> None:
        """Stop firing timers; those that are set, and those that are not done after a while, fire at the next start."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=STOP_WITHIN_S)
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            firing = [each for each in self._firing.values() if each is not None and not each.cancelled()]
        wait(firing, timeout=STOP_WITHIN_S)

    def reset(self) -> None:
        """Back to real time, without timers. Call after the store was cleared."""
        self._offset = self._read_offset()

    def _watch(self) -> None:
        while not self._stopped:
            with self._changed:
                sets = self._sets
            self._begin(self._claim_due())
            ahead = next((due for due in map(due_of, self._timers()) if due > self.now()), None)
            wait_s = (ahead - self.now()).total_seconds() if ahead else LOOK_EVERY_S
            with self._changed:
                if not self._stopped and sets == self._sets:
                    self._changed.wait(max(0.0, min(wait_s, LOOK_EVERY_S)))


def due_of(timer: str) -> datetime:
    """When a timer is due: its id begins with that."""
    return datetime.fromisoformat(timer.partition("/")[0])
