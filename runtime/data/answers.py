"""What comes in and what goes out, before any protocol class reads or writes a socket."""

from __future__ import annotations

import msgspec

JSON = b"application/json"

Headers = list[tuple[bytes, bytes]]


# Structs, because one of each is made per request: a frozen dataclass takes five times as long to make.


class Request(msgspec.Struct, frozen=True, gc=False):
    """A whole request for a prediction. Header names are lower case."""

    body: bytes
    headers: Headers
    id: str

    def header(self, name: bytes) -> bytes | None:
        """Give the value of a header."""
        return find(self.headers, name)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """Status, body and what else goes into the head. Header names are lower case."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def find(headers: Headers, name: bytes) -> bytes | None:
    """Give the value of a header."""
    for key, value in headers:
        if key == name:
            return value
    return None


def declared_length(headers: Headers) -> int:
    """Give the bytes that a body is said to have; 0 where nothing is said.

    The parser takes any number of leading zeros, and Python reads no number of more than 4300 digits.
    """
    digits = (find(headers, b"content-length") or b"").strip().lstrip(b"0")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


class Refused(Exception):
    """The request cannot be served, for a reason the caller may read.

    Args:
        status: HTTP status: 400 malformed, 404 unknown, 413 too large, 422 against the schema, 429 or 503 busy.
        retry_after_s: Whole seconds after which trying again makes sense, for 429 and 503.
        details: Problems by row and feature, for protocols whose errors have room for them.
        headers: Of the answer, with names in lower case.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after_s: int | None = None,
        details: tuple[dict[str, object], ...] = (),
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        again = () if retry_after_s is None else ((b"retry-after", str(retry_after_s).encode()),)
        self.headers = (*again, *headers)
