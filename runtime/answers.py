"""What the server answers, before any protocol class writes it to a socket."""

from __future__ import annotations

from dataclasses import dataclass

JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and what else goes into the head. Header names are lower case."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refused(Exception):
    """The request cannot be served, for a reason the caller may read.

    Args:
        status: HTTP status: 400 malformed, 404 unknown, 413 too large, 422 against the schema, 429 or 503 busy.
        retry_after_s: Whole seconds after which trying again makes sense, for 429 and 503.
        details: Problems by row and feature, for protocols whose errors have room for them.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after_s: int | None = None,
        details: tuple[dict[str, object], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.headers = () if retry_after_s is None else ((b"retry-after", str(retry_after_s).encode()),)
