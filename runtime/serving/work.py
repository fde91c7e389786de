"""A request in the queue of a model, and one that is too large for a call and goes in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runtime.data.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.data.tensors import Array
    from runtime.protocols import Query


class Late(TimeoutError):
    """The deadline of a request has passed. A class of its own, as a model may raise any other."""


class Work:
    """One request's rows, waiting for the model. `done` is called at most once, on the event loop.

    Times are seconds of the queue's clock; `begun` and `ended` are those of the call the request was part of.
    """

    __slots__ = (
        "abandoned",
        "answered",
        "arrived",
        "begun",
        "deadline",
        "ended",
        "inputs",
        "key",
        "outputs",
        "parameters",
        "rows",
    )

    def __init__(self, query: Query, arrived: float, deadline: float) -> None:
        self.inputs = query.inputs
        self.rows = query.rows
        self.outputs = query.outputs
        self.key = query.key
        self.parameters = query.parameters
        self.arrived = arrived
        self.deadline = deadline
        self.begun = self.ended = arrived
        self.abandoned = False
        self.answered = False

    def done(self, outcome: Outputs | Exception, start: int, stop: int) -> None:
        """Take the outputs of a call in which rows `start` to `stop` are this request's, or what went wrong."""
        raise NotImplementedError


class Piece(Work):
    """Some rows of a request, in a call of their own."""

    __slots__ = ("cut", "first")

    def __init__(self, cut: Cut, first: int, stop: int) -> None:
        whole = cut.work
        self.cut = cut
        self.first = first
        self.inputs = {name: part[first:stop] for name, part in whole.inputs.items()}
        self.rows = stop - first
        self.outputs = whole.outputs
        self.key = None
        self.parameters = whole.parameters
        self.arrived = self.begun = self.ended = whole.arrived
        self.deadline = whole.deadline
        self.abandoned = self.answered = False

    def done(self, outcome: Outputs | Exception, start: int, stop: int) -> None:
        """Hand the rows on to the request."""
        self.cut.add(self, outcome, start, stop)


class Cut:
    """A request that is larger than a call may be: given out piece by piece, answered when all of them are in.

    Args:
        work: The request.
        most: Rows of a piece.
    """

    def __init__(self, work: Work, most: int) -> None:
        self.work = work
        self._most = most
        self._next = 0
        self._missing = work.rows
        self._found: dict[int, Mapping[str, Array]] = {}

    @property
    def over(self) -> bool:
        """Whether there is nothing left to give out, or nobody left to answer."""
        return self._next >= self.work.rows or self.work.abandoned or self.work.answered

    def piece(self) -> Piece:
        """Give out the next rows."""
        first, self._next = self._next, min(self._next + self._most, self.work.rows)
        return Piece(self, first, self._next)

    def add(self, piece: Piece, outcome: Outputs | Exception, start: int, stop: int) -> None:
        """Take what became of a piece. The first failure is that of the request."""
        work = self.work
        work.begun = min(work.begun, piece.begun) if self._found else piece.begun
        work.ended = piece.ended
        if isinstance(outcome, Exception):
            self._answer(outcome, 0)
            return
        self._found[piece.first] = {name: outcome.arrays[name][start:stop] for name in work.outputs}
        self._missing -= piece.rows
        if not self._missing:
            self._answer(Outputs(self._joined()), work.rows)

    def _answer(self, outcome: Outputs | Exception, rows: int) -> None:
        if not self.work.answered:
            self.work.answered = True
            self.work.done(outcome, 0, rows)

    def _joined(self) -> dict[str, Array]:
        parts = [self._found[first] for first in sorted(self._found)]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.work.outputs}
