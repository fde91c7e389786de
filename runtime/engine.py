"""A request's way from bytes to bytes: decode, queue, predict, encode. The same for every protocol and front door."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from runtime.answers import Answer, Refused
from runtime.batching import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.batching import Batcher
    from runtime.protocols import Codec, Query
    from runtime.tensors import Array


class Endpoint:
    """One model behind one protocol. Lives on the event loop."""

    def __init__(self, codec: Codec, batcher: Batcher, timeout_s: float) -> None:
        self._codec = codec
        self._batcher = batcher
        self._timeout_s = timeout_s

    def handle(self, body: bytes, done: Callable[[Answer], None]) -> None:
        """Answer one request; `done` is called once, now or later, on the event loop."""
        try:
            query = self._codec.decode(body)
            deadline = perf_counter() + self._timeout_s
            work = Work(
                query.inputs, query.rows, query.outputs, lambda found: done(self._answer(query, found)), deadline
            )
            self._batcher.submit(work)
        except Refused as refused:
            done(self._codec.error(refused))

    def _answer(self, query: Query, found: dict[str, Array] | Exception) -> Answer:
        if not isinstance(found, Exception):
            return self._codec.encode(query, found)
        if isinstance(found, TimeoutError):
            return self._codec.error(Refused(504, f"no prediction within {self._timeout_s:g} s"))
        return self._codec.error(Refused(500, "the model failed; the log has the reason"))
