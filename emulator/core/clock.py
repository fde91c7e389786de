"""The emulator's time: the real clock plus what `advance` added. Timers fire when it passes them.

Offset and timers are kept in the store, so both survive a restart.
"""

import json
import logging
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.core.callbacks import name_of
from emulator.core.store import Store

log = logging.getLogger(__name__)

Fire = Callable[[str, dict[str, Any]], None]
"""What a due timer does: called with the callback's name and payload."""


class Clock:
    """Virtual time in UTC.

    Args:
        store: Keeps offset and timers.
        fire: Runs a due callback. Replaced in tests; the daemon passes one that adds the world.
    """

    def __init__(self, store: Store, fire: Fire) -> None:
        self._store = store
        self._fire = fire
        self._changed = threading.Condition()
        self._stopped = False
        self._offset = self._read_offset()
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
            callback: A module-level function, or its `module:function` name.
            payload: JSON.
        """
        timer = f"{when.astimezone(UTC).isoformat(timespec='microseconds')}/{uuid.uuid4().hex}"
        body = json.dumps({"callback": name_of(callback), "payload": payload})
        self._store.put("timer", timer, body.encode())
        with self._changed:
            self._changed.notify_all()
        return timer

    def cancel(self, timer: str) -> bool:
        """Forget a timer; False when it has fired or is not known."""
        return self._store.delete("timer", timer)

    def advance(self, seconds: float) -> datetime:
        """Let `seconds` (0 or more) pass. Timers in between fire in order, each at its own time, before it returns."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        goal = self.now() + timedelta(seconds=seconds)
        while (due := self._next_due()) is not None and due[1] <= goal:
            self._move_to(due[1])
            self._run(due[0])
        self._move_to(goal)
        return self.now()

    def _move_to(self, when: datetime) -> None:
        behind = when - self.now()
        if behind > timedelta(0):
            self._write_offset(self._offset + behind)

    def _next_due(self) -> tuple[str, datetime] | None:
        timers = self._store.list("timer")
        return None if not timers else (timers[0][0], datetime.fromisoformat(timers[0][0].partition("/")[0]))

    def _run(self, timer: str) -> None:
        with self._store.transaction():
            body = self._store.get("timer", timer)
            if body is None or not self._store.delete("timer", timer):
                return  # another thread was first
        found = json.loads(body)
        try:
            self._fire(found["callback"], found["payload"])
        except Exception:
            log.exception("timer failed", extra={"callback": found["callback"]})

    def start(self) -> None:
        """Begin to fire timers as real time passes."""
        self._thread.start()

    def stop(self) -> None:
        """Stop firing timers; those that are set are kept for the next start."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def reset(self) -> None:
        """Back to real time, without timers. Call after the store was cleared."""
        self._offset = self._read_offset()

    def _watch(self) -> None:
        while not self._stopped:
            due = self._next_due()
            if due is not None and due[1] <= self.now():
                self._run(due[0])
                continue
            wait_s = 3600.0 if due is None else (due[1] - self.now()).total_seconds()
            with self._changed:
                if not self._stopped:
                    self._changed.wait(min(wait_s, 1.0))
