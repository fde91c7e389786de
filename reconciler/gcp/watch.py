"""Whether the emulator is still there, where a call to it gets no answer: then no other will, and none is tried."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from reconciler.core import errors

LOOK = "pgrep -af 'emulator serve' finds it, kill -CONT lets it go on, kill -9 ends it and leaves its state whole"
"""What helps against one that hangs: to one that is stopped, as by Ctrl-Z, an ordinary kill does nothing."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
T = TypeVar("T")


@dataclass(slots=True)
class Watch:
    """Looks at the emulator while calls wait for it. One for all calls of a connection: they share what it sees.

    A call is never cut off while the emulator says that it is there, however long it takes.

    Args:
        at: Its HTTP address.
        state: Folder of its state.
        looks_after_s: How long a call may take before the emulator is asked how it is, and between two times.
        answers_within_s: Patience with that question: the machine may be busy with what the emulator runs.
        gone_within_s: The same, of one that was found gone before.
    """

    at: str
    state: Path
    looks_after_s: float = 3.0
    answers_within_s: float = 8.0
    gone_within_s: float = 1.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _looked: float = 0.0
    _gone: errors.EmulatorGone | None = None

    def over(self, call: Callable[[], T]) -> T:
        """Make a call, and look after the emulator every few seconds until it answers.

        One that is stopped, or hangs, takes connections and says nothing; the patience of the call itself is a minute.
        What is still waited for when it is given up goes on in a thread that ends with this process.

        Raises:
            EmulatorGone: Nobody is there.
            Exception: Whatever the call raises.
        """
        if self._gone is not None:
            self.look()
        waiting = _Waiting(call)
        while not waiting.answered(self.looks_after_s):
            self.look()
        answer: T = waiting.answer()
        return answer

    def look(self) -> None:
        """Ask the emulator how it is; what another call has just heard is as good.

        Raises:
            EmulatorGone: It does not say.
        """
        asked = time.monotonic()
        with self._lock:
            if self._looked < asked:
                patience_s = self.gone_within_s if self._gone else self.answers_within_s
                self._gone = self._missing(patience_s)
                self._looked = time.monotonic()
            gone = self._gone
        if gone is not None:
            raise errors.EmulatorGone(gone.verb, gone.address, gone.why, hint=gone.hint)

    def _missing(self, patience_s: float) -> errors.EmulatorGone | None:
        try:
            with _DIRECT.open(f"{self.at}/_emulator/status", timeout=patience_s) as answer:
                if json.load(answer)["ready"]:
                    return None
            why = "it is not ready"
        except urllib.error.HTTPError as error:
            error.close()
            why = str(error)
        except (OSError, http.client.HTTPException) as error:
            why = str(error)
        except (ValueError, KeyError, TypeError):
            why = "another program has its port"
        hint = f"see {self.state / 'emulator.log'}; run again, which starts it; where it hangs: {LOOK}"
        return errors.EmulatorGone(
            "reach", "the emulator", f"it answered at {self.at} before and does not any more ({why})", hint=hint
        )


class _Waiting:
    """A call in another thread, which nothing waits for at the end of the process."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._told: SimpleQueue[_Told] = SimpleQueue()
        self._answer: Any = None
        self._error: BaseException | None = None
        try:
            caller = _IDLE.pop()
        except IndexError:
            caller = _Caller()
        caller.make(partial(copy_context().run, call), self._told)

    def answered(self, within_s: float) -> bool:
        try:
            self._answer, self._error = self._told.get(timeout=within_s)
        except Empty:
            return False
        return True

    def answer(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._answer


class _Caller:
    """A thread that makes one call after the other: to start one for each costs more than most calls do."""

    def __init__(self) -> None:
        self._wanted: SimpleQueue[tuple[Callable[[], Any], SimpleQueue[_Told]]] = SimpleQueue()
        threading.Thread(target=self._work, name="emulator-call", daemon=True).start()

    def make(self, call: Callable[[], Any], told: SimpleQueue[_Told]) -> None:
        self._wanted.put((call, told))

    def _work(self) -> None:
        while True:
            self._one(*self._wanted.get())

    def _one(self, call: Callable[[], Any], told: SimpleQueue[_Told]) -> None:
        answer: _Told
        try:
            answer = call(), None
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            answer = None, error
        _IDLE.append(self)  # before the answer: who has it may have the next call
        told.put(answer)


_Told = tuple[Any, BaseException | None]
_IDLE: list[_Caller] = []
"""As many as calls were waited for at once. Its threads need no end: they are daemons and hold nothing."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_IDLE.clear)  # threads stay behind
