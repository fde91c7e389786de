"""A finished request, as those who keep a record of it see it: logs, traces, the prediction log, shadow calls.

They know it by this type only, so that nothing they are made of needs the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.data.answers import Answer, Request
    from runtime.data.outputs import Outputs


class Labels(Protocol):
    """Whose request it was: a version of a model, behind a protocol."""

    model: str
    version: str
    protocol: str


class Passage(Protocol):
    """A request's way through the queue: moments by the queue's clock, its rows, and their place in the call."""

    arrived: float
    begun: float
    ended: float
    inputs: Mapping[str, Any]
    start: int
    stop: int


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One request and its answer.

    Times are seconds of the queue's clock. `call` is None for a request that was refused before it reached the model,
    and `outputs` where the model gave none.
    """

    request: Request
    answer: Answer
    metrics: Labels
    started: float
    ended: float
    call: Passage | None = None
    outputs: Outputs | None = None
