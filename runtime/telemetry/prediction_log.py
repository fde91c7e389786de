"""The prediction log: what was asked and what was answered, for those who watch for data drift.

A sink takes records in a thread of its own. stdout and a file are here, a topic is in `prediction_topic`; others
implement `Sink`.
"""

from __future__ import annotations

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

OK = 200
WAITING, AT_ONCE = 20_000, 1000
"""Requests that may wait, and that one call of the sink gets: a slow topic takes a second for a thousand."""
GATHER_S = 0.1
POLITE = 50
"""Requests after which the thread lets others run."""
_BESIDE = 1024
"""Bytes that a request holds beside its body: headers, the answer, objects."""


class Sink(Protocol):
    """Where records go. Called in one thread, in order; may block, and may raise."""

    def begin(self) -> None:
        """Get ready; called once, before the first records."""
        ...

    def write(self, records: list[msgspec.Struct]) -> None:
        """Keep records; when it raises, all of them count as failed."""
        ...


class Lines:
    """A sink of one JSON object per line: `-` is stdout, anything else a file that is appended to."""

    def __init__(self, path: str) -> None:
        self._path = path

    def begin(self) -> None:
        """Need nothing."""

    def write(self, records: list[msgspec.Struct]) -> None:
        """Append a line per record; the file is opened anew each time, so that it may be rotated."""
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        if self._path == "-":
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
            return
        with Path(self._path).open("ab") as file:
            file.write(lines)


class PredictionLog:
    """A follower of requests: takes a share of them, and makes records in the background.

    Args:
        sink: Where records go.
        rate: Share of requests, 0 to 1.
        columns: Name of the column of each feature, where it is not the feature's.
        revision: Of the service; empty where there is none.
    """

    def __init__(self, sink: Sink, rate: float, columns: Mapping[str, str] | None = None, revision: str = "") -> None:
        self._sink = sink
        self._rate = rate
        self._columns = columns or {}
        self._revision = revision
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
        rows = Rows(loaded, self._columns, self._revision)
        put, rate = self.background.put, self._rate

        def follow(seen: Seen) -> None:
            if random() < rate and seen.answer.status == OK and seen.outputs is not None:  # noqa: S311 - a sample
                put((time(), rows, seen))

        return follow

    def _write(self, items: list[tuple[float, Rows, Seen]]) -> None:
        records: list[msgspec.Struct] = []
        for number, (at, rows, seen) in enumerate(items, 1):
            records += rows.of(at, seen)
            if not number % POLITE:
                sleep(0)  # gives the interpreter to a request that waits for it, which else it would for 5 ms
        self._sink.write(records)


def _weight(item: tuple[float, Rows, Seen]) -> int:
    """Give about how many bytes a request holds while it waits: its body, and its rows as numbers of a like size."""
    return 2 * len(item[2].request.body) + _BESIDE
