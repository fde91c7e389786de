"""JSON read with every failure as a refusal that says what to do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from runtime.data.answers import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")

# Windows' editors and some of Microsoft's libraries begin text so; a reader of JSON may ignore it (RFC 8259, 8.1).
MARK = b"\xef\xbb\xbf"
# Python's json module writes these unasked, and it is where most of them come from.
_NOT_JSON = re.compile(rb"[\s,:\[-](NaN|Infinity)\s*[,\]}]")


def read(decode: Callable[[bytes], Value], body: bytes, what: str) -> Value:
    """Decode a body.

    Args:
        decode: Of msgspec.
        body: As it came.
        what: The beginning of the refusal, such as "the body is no inference request".

    Raises:
        Refused: 400, it is no JSON, or not of the form that `decode` wants.
    """
    try:
        return _read(decode, body, what)
    except Refused:
        if not body.startswith(MARK):
            raise
    return _read(decode, body.removeprefix(MARK), what)


def _read(decode: Callable[[bytes], Value], body: bytes, what: str) -> Value:
    try:
        return decode(body)
    except RecursionError as failure:
        raise Refused(400, "the body is nested too deeply") from failure
    except (msgspec.DecodeError, UnicodeDecodeError) as failure:
        odd = _NOT_JSON.search(body)
        hint = f"; JSON has no {odd[1].decode()}: a nullable feature takes null" if odd else ""
        raise Refused(400, f"{what}: {failure}{hint}") from failure
