"""Whether the emulator is still there, where a call to it gets no answer: then no other will, and none is tried."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
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
        except (OSError, http.client.HTTPException) as error:
            why = str(error)
        except (ValueError, KeyError, TypeError):
            why = "another program has its port"
        hint = f"see {self.state / 'emulator.log'}; run again, which starts it; where it hangs: {LOOK}"
        return errors.EmulatorGone(
            "reach", "the emulator", f"it answered at {self.at} before and does not any more ({why})", hint=hint
        )


class _Waiting:
    """A call in a thread of its own, which nothing waits for at the end of the process."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call, self._done = call, threading.Event()
        self._answer: Any = None
        self._error: BaseException | None = None
        threading.Thread(target=copy_context().run, args=(self._make,), name="emulator-call", daemon=True).start()

    def _make(self) -> None:
        try:
            self._answer = self._call()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error
        finally:
            self._done.set()

    def answered(self, within_s: float) -> bool:
        return self._done.wait(within_s)

    def answer(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._answer
