"""The prediction log: what was asked and what was answered, for those who watch for data drift.

A sink takes records in a thread of its own. stdout and a file are here; others (a topic, a table) implement `Sink`.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from random import random
from time import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

from runtime.telemetry.background import Background

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.data.models import Loaded
    from runtime.data.seen import Seen

OK = 200


class Record(msgspec.Struct, frozen=True):
    """One row: its features and its prediction. `time` is RFC 3339 in UTC; `row` counts within the request."""

    time: str
    request_id: str
    model: str
    version: str
    row: int
    features: dict[str, Any]
    prediction: Any


class Sink(Protocol):
    """Where records go. Called in one thread, in order; may block, and may raise."""

    def write(self, records: list[Record]) -> None:
        """Keep records; when it raises, all of them count as failed."""
        ...


class Lines:
    """A sink of one JSON object per line: `-` is stdout, anything else a file that is appended to."""

    def __init__(self, path: str) -> None:
        self._path = path

    def write(self, records: list[Record]) -> None:
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
    """

    def __init__(self, sink: Sink, rate: float) -> None:
        self._sink = sink
        self._rate = rate
        self.background: Background[tuple[float, Loaded, Seen]] = Background("prediction-log", self._write)

    def follow(self, loaded: Loaded, seen: Seen) -> None:
        """Take a request if it was predicted and is in the sample; records are made of it in the background."""
        if seen.answer.status == OK and seen.outputs is not None and random() < self._rate:  # noqa: S311 - a sample
            self.background.put((time(), loaded, seen))

    def _write(self, items: list[tuple[float, Loaded, Seen]]) -> None:
        self._sink.write([record for at, loaded, seen in items for record in records(at, loaded, seen)])


def records(at: float, loaded: Loaded, seen: Seen) -> list[Record]:
    """Write one request as records, without the features that must not be logged."""
    selection, outputs, call = loaded.prediction, seen.outputs, seen.call
    if outputs is None or call is None or selection.output not in outputs.arrays:
        return []
    values = outputs.values(selection.output, selection.column)[call.start : call.stop]
    moment = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    rows = feature_rows(loaded, call.inputs, len(values))
    part = loaded.part
    return [
        Record(moment, seen.request.id, part.name, part.version, index, row, value)
        for index, (row, value) in enumerate(zip(rows, values, strict=True))
    ]


def feature_rows(loaded: Loaded, inputs: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Give the features of each row by name."""
    layout = loaded.layout
    if layout is None:
        return [{} for _ in range(count)]
    into = layout.matrix_input
    names = layout.schema.names
    columns = (
        np.asarray(inputs[into.name], into.dtype).T
        if into
        else [np.asarray(inputs[name]).reshape(count, -1)[:, 0] for name in names]
    )
    kept = [
        (name, column.tolist()) for name, column in zip(names, columns, strict=True) if layout.schema.features[name].log
    ]
    return [{name: values[row] for name, values in kept} for row in range(count)]
