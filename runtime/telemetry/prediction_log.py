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
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from runtime.telemetry.background import Background
from runtime.telemetry.prediction_rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runtime.data.models import Loaded
    from runtime.data.seen import Seen

    Item = tuple[float, Rows, Seen]

log = logging.getLogger("runtime")

OK = 200
WAITING, AT_ONCE = 20_000, 1000
"""Requests that may wait, and that one call of the sink gets: a slow topic takes a second for a thousand."""
GATHER_S = 0.1
POLITE = 64
"""Rows after which the thread lets others run, about."""
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
        self.background: Background[Item] = Background(
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

    def _write(self, items: list[Item]) -> int:
        requests: list[list[bytes]] = []
        lost = 0
        for rows, some in _together(items):
            for (at, _, seen), table in zip(some, _tables(rows, some), strict=True):
                try:
                    requests.append([self._encode(record) for record in rows.of(at, seen, table)])
                except Exception:  # text that is none, a value that JSON has no form for: of this request alone
                    lost += 1
                    if lost == 1:
                        log.exception("a prediction cannot be logged", extra={"model": rows.model})
            sleep(0)  # gives the interpreter to a request that waits for it, which else it would for 5 ms
        return lost + self._sink.write(requests)


def _tables(rows: Rows, items: Sequence[Item]) -> Sequence[Any]:
    """Give the rows of requests as Python values; None for each where one of them cannot be read with the others."""
    try:
        return rows.tables([seen for _, _, seen in items])
    except Exception:  # noqa: BLE001 - then each is read by itself, and says why it cannot be
        return [None] * len(items)


def _together(items: Sequence[Item]) -> Iterator[tuple[Rows, Sequence[Item]]]:
    """Divide requests into a model's that follow one another, of as many rows as others can wait for."""
    begun = size = 0
    for place, (_, rows, seen) in enumerate(items):
        size += seen.call.stop - seen.call.start if seen.call else 0
        last = place + 1 == len(items)
        if last or size >= POLITE or items[place + 1][1] is not rows:
            yield rows, items[begun : place + 1]
            begun, size = place + 1, 0


def _weight(item: Item) -> int:
    """Give about how many bytes a request holds while it waits: its body, and its rows as numbers of a like size."""
    return 2 * len(item[2].request.body) + _BESIDE
