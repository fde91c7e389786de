"""Protocols: each module reads a body into a `Query` and writes outputs as a body, in its own shape of errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.answers import Answer, Refused
    from runtime.tensors import Array


@dataclass(frozen=True, slots=True)
class Query:
    """A request as arrays. `state` is what the protocol needs again to write the answer."""

    inputs: Mapping[str, Array]
    rows: int
    outputs: tuple[str, ...]
    state: Any = None


class Codec(Protocol):
    """One protocol, for one model."""

    def decode(self, body: bytes) -> Query:
        """Read a body.

        Raises:
            Refused: It is malformed, or does not fit the schema.
        """
        ...

    def encode(self, query: Query, outputs: Mapping[str, Array]) -> Answer:
        """Write the outputs."""
        ...

    def error(self, refused: Refused) -> Answer:
        """Write an error."""
        ...
