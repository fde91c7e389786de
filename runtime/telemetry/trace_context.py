"""Which trace a request belongs to: W3C's `traceparent`, or Google's older header."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from runtime.data.answers import find

if TYPE_CHECKING:
    from runtime.data.answers import Headers

# Source: https://www.w3.org/TR/trace-context/#traceparent-header
_W3C = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
# Source: https://cloud.google.com/trace/docs/trace-context#legacy-http-header: TRACE_ID/SPAN_ID;o=OPTIONS
_CLOUD = re.compile(rb"([0-9a-f]{32})(?:/(\d{1,20}))?(?:;o=(\d))?")


class TraceContext(NamedTuple):
    """The caller's trace (32 hex digits) and span (16), and whether it is recorded."""

    trace_id: str
    span_id: str
    sampled: bool


def trace_context(headers: Headers) -> TraceContext | None:
    """Read the caller's trace; None when there is none, or a malformed one."""
    given = _W3C.fullmatch(find(headers, b"traceparent") or b"")
    if given is not None and given[1].strip(b"0") and given[2].strip(b"0"):
        return TraceContext(given[1].decode(), given[2].decode(), bool(int(given[3], 16) & 1))
    older = _CLOUD.fullmatch(find(headers, b"x-cloud-trace-context") or b"")
    if older is not None and older[1].strip(b"0"):
        return TraceContext(older[1].decode(), f"{int(older[2] or 0) % 2**64:016x}", older[3] == b"1")
    return None
