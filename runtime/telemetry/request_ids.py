"""Request ids: the caller's where it is a sane one, else one of ours. No system call per request."""

from __future__ import annotations

import re
import secrets
from functools import cache
from itertools import count

HEADER = b"x-request-id"

_SANE = re.compile(rb"[A-Za-z0-9._~:/+=-]{1,128}")
_numbers = count(1)


def request_id(given: bytes | None) -> str:
    """Name a request: unique in this process, and very likely everywhere."""
    if given is not None and _SANE.fullmatch(given):
        return given.decode("ascii")
    return f"{_process()}-{next(_numbers):x}"


@cache
def _process() -> str:
    """Name this process, and not the one that it was forked of."""
    return secrets.token_hex(6)
