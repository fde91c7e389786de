"""The prediction log: what was asked and what was answered, for those who watch for data drift.

Records are made on the event loop, between requests; a sink takes them in a thread of its own. stdout and a file are
here, a topic is in `prediction_topic`; others implement `Sink`.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from collections import deque
from pathlib import Path
from random import random
from time import thread_time, time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from runtime.telemetry.background import Background
from runtime.telemetry.prediction_rows import Part, Rows
from runtime.telemetry.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runtime.data.models import Loaded
    from runtime.data.seen import Seen

log = logging.getLogger("runtime")

Batch = list[list[bytes]]
"""Records of requests."""

WAITING, AT_ONCE = 20_000, 1000
"""Requests that may wait, and that one call of the sink gets, about: a slow topic takes a second for a thousand."""
GATHER_S = 0.1
HEAVIEST = 64 << 20
"""Bytes that may wait, before they are records and again after."""
CELLS = 4096
"""Values that one turn makes records of: half a millisecond."""
TOGETHER, TOGETHER_BYTES = 8, 1 << 15
"""Requests that are worth a turn, or bytes of them: what they hold is let go while the processor has it at hand. A
request among ten thousand that wait costs three times as much to hold."""
BEHIND, BEHIND_BYTES = 16, 1 << 16
"""Requests, or bytes of them, that wait at most while there is no time for them. From half of that on, a part of those
that come is dropped before anything is done for it, the larger the more wait: what is asked does not matter."""
_BESIDE = 1024
"""Bytes that a request holds beside its body, its rows and its answer: headers, objects."""
_SMALL = 1024
"""Bytes of a body that is not looked into: its rows are about as large."""
_NUMBER, _TEXT = 32, 64
"""Bytes of a number of Python's in a row, and of a short text, with what leads to it."""
_ANSWER = 4
"""Bytes for each of an answer: itself, and the array and the values that it was written from."""
SHARE = 0.1
"""Of the time of a loop that is never idle, for a log of all requests, with the sending of it."""
LEAST_SHARE = 0.003
"""The same for a log of next to none: one in a thousand is cheap, and should not wait for an idle loop."""


def share_of(rate: float) -> float:
    """Give the share of a loop that is never idle: who wants a tenth of the requests wants it to cost a tenth.

    Args:
        rate: Of the requests, 0 to 1.
    """
    return max(SHARE * rate, LEAST_SHARE)


class Sink(Protocol):
    """Where records go, as JSON, a list per request; may block, and may raise."""

    def begin(self) -> None:
        """Get ready; called once, before the first records, by the thread that loads the models."""
        ...

    def write(self, requests: list[list[bytes]]) -> int:
        """Keep records; returns of how many requests some are lost. When it raises, all count as lost.

        Called in one thread, in order.
        """
        ...


class Lines:
    """A sink of one JSON object per line: `-` is stdout, anything else a file that is appended to."""

    def __init__(self, path: str) -> None:
        self._path = path

    def begin(self) -> None:
        """Need nothing."""

    def write(self, requests: list[list[bytes]]) -> int:
        """Append a line per record; the file is opened anew each time, so that it may be rotated."""
        lines = b"".join(record + b"\n" for records in requests for record in records)
        if self._path == "-":
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
            return 0
        with Path(self._path).open("ab") as file:
            file.write(lines)
        return 0


class PredictionLog:
    """A follower of requests: takes a share of them, and makes records between requests.

    What cannot be kept up with is dropped and counted: those who ask come before those who look.

    Args:
        sink: Where records go.
        rate: Share of requests, 0 to 1.
        columns: Name of the column of each feature, where it is not the feature's.
        where: Service and revision on Cloud Run; empty elsewhere.
    """

    name = "prediction-log"

    def __init__(
        self,
        sink: Sink,
        rate: float,
        columns: Mapping[str, str] | None = None,
        where: tuple[str, str] = ("", ""),
    ) -> None:
        self._rate = rate
        self._columns = columns or {}
        self._where = where
        self._waiting: deque[Part] = deque()
        self._held = 0  # bytes that wait
        self._begun: list[bytes] = []  # records of a request that goes in several turns
        self._begun_bytes = 0  # of them, in what is held
        self._dropped = self._failed = 0
        self._sink = sink
        self._sending_s = 0.0
        self._turns = Turns(self._turn, share_of(rate), lambda: self._sending_s)
        self.begin = sink.begin
        self._sent: Background[Batch] = Background(
            self.name,
            self._write,
            size=WAITING,
            at_once=AT_ONCE,
            count=len,
            weigh=_bytes,
            heaviest=HEAVIEST,
            gather_s=GATHER_S,
        )

    @property
    def handled(self) -> int:
        """Requests whose records the sink has."""
        return self._sent.handled

    @property
    def dropped(self) -> int:
        """Requests that came when too many waited."""
        return self._dropped + self._sent.dropped

    @property
    def failed(self) -> int:
        """Requests that no record could be made of, or that the sink lost."""
        return self._failed + self._sent.failed

    @property
    def waiting(self) -> int:
        """Requests that were taken, and whose records the sink has not got yet."""
        return len(self._waiting) + self._sent.waiting

    def skips(self) -> float:
        """Give how many requests come before the next one of the sample: whole ones of it count.

        Each is in it at the same rate, whatever became of those before. To draw how many are not takes nothing of them.
        """
        if self._rate >= 1:
            return 0.0
        return math.log(1 - random()) / math.log1p(-self._rate) if self._rate > 0 else math.inf  # noqa: S311 - a sample

    def wants(self) -> bool:
        """Tell whether there is time for a request of the sample."""
        if not self._turns.behind:
            return True
        full = max(len(self._waiting) / BEHIND, self._held / BEHIND_BYTES)
        if random() >= 2 * full - 1:  # noqa: S311 - a sample
            return True
        self._dropped += 1
        return False

    def follower(self, loaded: Loaded) -> Callable[[Seen], None]:
        """Give what takes those requests of a model that are wanted."""
        rows = Rows(loaded, self._columns, self._where)
        take = self._take

        def follow(seen: Seen) -> None:
            call = seen.call
            take(Part(time(), rows, seen, 0, call.stop - call.start if call else 0, _weight(seen)))

        return follow

    def flush(self, seconds: float) -> bool:
        """Make and send all that waits; called in another thread than the loop's.

        Returns:
            Whether it was done, within `seconds` for each.
        """
        made = self._turns.finish(seconds)
        return self._sent.flush(seconds) and made

    def _take(self, part: Part) -> None:
        if len(self._waiting) >= WAITING or (self._held and self._held + part.weight > HEAVIEST):
            self._dropped += 1
            return
        self._held += part.weight
        self._waiting.append(part)
        self._turns.plan(soon=len(self._waiting) >= TOGETHER or self._held >= TOGETHER_BYTES)

    def _turn(self) -> bool:
        """Make some records; tells whether more are to be made."""
        if not self._waiting:
            return False
        parts = self._next()
        made = _records(parts)
        if made[-1] is None and not parts[-1].last:  # it is kept as a whole: the rest of it is let go
            self._held -= self._waiting.popleft().weight
            parts[-1] = msgspec.structs.replace(parts[-1], last=True)
        if not parts[0].start and parts[-1].last:  # nearly always: whole requests
            self._send([records for records in made if records is not None], len(parts))
        else:
            self._join(parts, made)
        return bool(self._waiting)

    def _next(self) -> list[Part]:
        """Take requests of one model, as many as make a short turn; of the last one perhaps only some rows."""
        waiting = self._waiting
        rows = waiting[0].rows
        left, width, of = CELLS, 0, None
        parts: list[Part] = []
        while left > 0 and waiting and waiting[0].rows is rows:
            part = waiting.popleft()
            if not width or part.seen.outputs is not of:  # those of one call are as wide
                width, of = rows.width(part.seen), part.seen.outputs
            if (part.stop - part.start) * width > left and part.stop - part.start > 1:
                cut = part.start + max(left // width, 1)
                waiting.appendleft(Part(part.at, rows, part.seen, cut, part.stop, part.weight))
                parts.append(Part(part.at, rows, part.seen, part.start, cut, part.weight, last=False))
                break
            self._held -= part.weight
            parts.append(part)
            left -= max(part.stop - part.start, 1) * width
        return parts

    def _join(self, parts: Sequence[Part], made: Sequence[list[bytes] | None]) -> None:
        """Put the records of a request together that went in several turns: it is kept as a whole, or not at all."""
        whole: list[list[bytes]] = []
        for part, records in zip(parts, made, strict=True):
            if records is not None:
                self._begin_with(records)
            if part.last:
                whole += [] if records is None else [self._begun]
                self._held -= self._begun_bytes
                self._begun, self._begun_bytes = [], 0
        self._send(whole, sum([part.last for part in parts]))

    def _begin_with(self, records: list[bytes]) -> None:
        self._begun += records
        size = sum(map(len, records))
        self._begun_bytes += size
        self._held += size

    def _write(self, batches: list[Batch]) -> int:
        """Have the sink take records, in its thread; what it costs is taken from the turns."""
        began = thread_time()
        try:
            return self._sink.write([records for batch in batches for records in batch])
        finally:
            self._sending_s += thread_time() - began

    def _send(self, requests: Batch, count: int) -> None:
        """Hand the records of requests on; those of how many there should be are counted."""
        self._failed += count - len(requests)
        if requests:
            self._sent.put(requests)


def _records(parts: Sequence[Part]) -> Sequence[list[bytes] | None]:
    """Give the records of each part; None for one of which none can be made, which costs no other."""
    rows = parts[0].rows
    with contextlib.suppress(Exception):  # of which request it is, is seen below
        return rows.records(parts)
    found: list[list[bytes] | None] = []
    problem: Exception | None = None
    for part in parts:
        try:
            found += rows.records([part])
        except Exception as error:  # noqa: BLE001 - told below: text that is none, a value that JSON has no form for
            found.append(None)
            problem = error
    count = 0 if problem is None else rows.seldom.due(type(problem), found.count(None))
    if count:  # a model may have it in every answer
        log.error("predictions cannot be logged", exc_info=problem, extra={"model": rows.model, "requests": count})
    return found


def _weight(seen: Seen) -> int:
    """Give about how many bytes a request holds while it waits: a number of two letters is one of 32 bytes."""
    body = len(seen.request.body)
    rows = body
    if body > _SMALL and seen.call is not None:
        rows = max(body, sum([_size(part) for part in seen.call.inputs.values()]))
    return body + rows + _ANSWER * len(seen.answer.body) + _BESIDE


def _size(part: Any) -> int:
    """Give about how many bytes one input of a request holds."""
    if isinstance(part, list):
        return len(part) * (len(part[0]) + 2) * _NUMBER if part else 0
    size: int = part.size * _TEXT if part.dtype.kind == "O" else part.nbytes
    return size


def _bytes(batch: Batch) -> int:
    return sum([sum(map(len, records)) + _BESIDE for records in batch])
