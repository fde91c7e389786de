"""What the page asks of a place with documents: which there are, and one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

LARGEST = 32 << 20
"""Bytes of a document that is read, at most: as the reports of passes have it."""


class SourceError(Exception):
    """A place cannot be read now. The text says why, for people."""


class TooLarge(SourceError):
    """A document is larger than any of ours: it is not read, and others are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot read {name}: it has more than {LARGEST} bytes")


class Source(Protocol):
    """A place with documents. Names are those of the state bucket, such as `operators/main/latest/0.json`."""

    @property
    def place(self) -> str:
        """Say where it is, for people."""

    def folders(self, below: str) -> tuple[str, ...]:
        """Name what lies below a prefix that ends with `/`, one level deep, each ending with `/`.

        Raises:
            SourceError: It cannot be listed.
        """

    def listed(self, below: str) -> Mapping[str, str]:
        """Give every document below a prefix, with what tells its versions apart.

        Raises:
            SourceError: It cannot be listed.
        """

    def read(self, name: str) -> bytes | None:
        """Read a document; None where it is gone.

        Raises:
            TooLarge: It has more than `LARGEST` bytes.
            SourceError: It cannot be read.
        """
