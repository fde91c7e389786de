"""How an API says no: one exception, with the status codes of gRPC and HTTP.

Source: google/rpc/code.proto, which gives the HTTP mapping of each code.
"""

import errno
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

CODES: dict[str, tuple[int, int]] = {
    "OK": (0, 200),
    "CANCELLED": (1, 499),
    "UNKNOWN": (2, 500),
    "INVALID_ARGUMENT": (3, 400),
    "DEADLINE_EXCEEDED": (4, 504),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "PERMISSION_DENIED": (7, 403),
    "RESOURCE_EXHAUSTED": (8, 429),
    "FAILED_PRECONDITION": (9, 400),
    "ABORTED": (10, 409),
    "OUT_OF_RANGE": (11, 400),
    "UNIMPLEMENTED": (12, 501),
    "INTERNAL": (13, 500),
    "UNAVAILABLE": (14, 503),
    "DATA_LOSS": (15, 500),
    "UNAUTHENTICATED": (16, 401),
}
"""Name of a status -> (gRPC number, HTTP status)."""


class ApiFailure(Exception):
    """An API's refusal.

    Args:
        code: Name of a gRPC status, a key of `CODES`.
        message: What the API says, word for word.
        details: `google.rpc` messages such as `ErrorInfo`; clients show them as `error.details`.
        legacy_reason: For old JSON APIs: fills `errors: [{domain, reason, message}]` (kinds.md 1.4).
        http: HTTP status, where the API does not keep to the mapping (Cloud Storage's 412).
    """

    def __init__(
        self,
        code: str,
        message: str,
        details: Sequence[Any] = (),
        *,
        legacy_reason: str | None = None,
        http: int | None = None,
    ) -> None:
        if code not in CODES:
            raise ValueError(f"{code!r} is not a gRPC status")
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.legacy_reason = legacy_reason
        self.http = http or CODES[code][1]

    @property
    def number(self) -> int:
        """The gRPC status number."""
        return CODES[self.code][0]

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def not_emulated(name: str) -> ApiFailure:
    """Say that nothing here answers a method or a path: a 404 would say that what it names is not there."""
    return ApiFailure("UNIMPLEMENTED", f"{name} is not emulated.")


@contextmanager
def without_room() -> Iterator[None]:
    """Say so where the disk of the emulator's state is full: tried again in a moment, it would be as full.

    Raises:
        ApiFailure: FAILED_PRECONDITION.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if not _is_full(error):
            raise
        text = "The disk that holds the emulator's state is full. Make room there, then try again."
        raise ApiFailure("FAILED_PRECONDITION", text) from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
