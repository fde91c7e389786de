"""Protocols: each module reads a body into a `Query` and writes outputs as a body, in its own shape of errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from runtime.data.answers import Answer, Refused, Request
    from runtime.data.outputs import Outputs


class Query(msgspec.Struct, frozen=True):
    """A request as arrays.

    Requests with the same `key` can share a call of the model; None leaves that to a look at their shapes. `state` is
    what the protocol needs again to write the answer. `parameters` are the request's own, for a class that takes them.
    """

    inputs: Mapping[str, Any]
    rows: int
    outputs: tuple[str, ...]
    key: object = None
    state: Any = None
    parameters: Mapping[str, Any] | None = None


class Codec(Protocol):
    """One protocol, for one model. Called on the event loop for every request: what it does holds up all others."""

    def decode(self, request: Request) -> Query:
        """Read a request.

        Raises:
            Refused: It is malformed, or does not fit the schema.
        """
        ...

    def encode(self, query: Query, outputs: Outputs, start: int, stop: int) -> Answer:
        """Write the rows from `start` to `stop` of a call's outputs."""
        ...

    def error(self, refused: Refused) -> Answer:
        """Write an error in the protocol's own shape. Must not raise: nothing else would answer."""
        ...
