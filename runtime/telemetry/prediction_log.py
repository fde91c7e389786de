"""The prediction log: what was asked and what was answered, for those who watch for data drift.

A sink takes records in a thread of its own. stdout and a file are here, a topic is in `prediction_topic`; others
implement `Sink`.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from random import random
from time import sleep, time
from typing import TYPE_CHECKING, Protocol

import msgspec

from runtime.telemetry.background import Background
from runtime.telemetry.prediction_rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runtime.data.models import Loaded
    from runtime.data.seen import Seen

log = logging.getLogger("runtime")

OK = 200
WAITING, AT_ONCE = 20_000, 1000
"""Requests that may wait, and that one call of the sink gets: a slow topic takes a second for a thousand."""
GATHER_S = 0.1
POLITE = 50
"""Requests after which the thread lets others run."""
_BESIDE = 1024
"""Bytes that a request holds beside its body: headers, the answer, objects."""


class Sink(Protocol):
    """Where records go, as JSON, a list per request. Called in one thread, in order; may block, and may raise."""

    def begin(self) -> None:
        """Get ready; called once, before the first records."""
        ...

    def write(self, requests: list[list[bytes]]) -> int:
        """Keep records; returns of how many requests some are lost. When it raises, all count as lost."""
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
    """A follower of requests: takes a share of them, and makes records in the background.

    Args:
        sink: Where records go.
        rate: Share of requests, 0 to 1.
        columns: Name of the column of each feature, where it is not the feature's.
        where: Service and revision on Cloud Run; empty elsewhere.
    """

    def __init__(
        self,
        sink: Sink,
        rate: float,
        columns: Mapping[str, str] | None = None,
        where: tuple[str, str] = ("", ""),
    ) -> None:
        self._sink = sink
        self._encode = msgspec.json.Encoder().encode
        self._rate = rate
        self._columns = columns or {}
        self._where = where
        self.background: Background[tuple[float, Rows, Seen]] = Background(
            "prediction-log",
            self._write,
            size=WAITING,
            at_once=AT_ONCE,
            weigh=_weight,
            gather_s=GATHER_S,
            begin=sink.begin,
        )

    def follower(self, loaded: Loaded) -> Callable[[Seen], None]:
        """Give what takes a model's requests that were predicted and are in the sample."""
        rows = Rows(loaded, self._columns, self._where)
        put, rate = self.background.put, self._rate

        def follow(seen: Seen) -> None:
            if random() < rate and seen.answer.status == OK and seen.outputs is not None:  # noqa: S311 - a sample
                put((time(), rows, seen))

        return follow

    def _write(self, items: list[tuple[float, Rows, Seen]]) -> int:
        requests: list[list[bytes]] = []
        lost = 0
        for number, (at, rows, seen) in enumerate(items, 1):
            try:
                requests.append([self._encode(record) for record in rows.of(at, seen)])
            except Exception:  # text that is none, a value that JSON has no form for: of this request alone
                lost += 1
                if lost == 1:
                    log.exception("a prediction cannot be logged", extra={"model": rows.model})
            if not number % POLITE:
                sleep(0)  # gives the interpreter to a request that waits for it, which else it would for 5 ms
        return lost + self._sink.write(requests)


def _weight(item: tuple[float, Rows, Seen]) -> int:
    """Give about how many bytes a request holds while it waits: its body, and its rows as numbers of a like size."""
    return 2 * len(item[2].request.body) + _BESIDE
