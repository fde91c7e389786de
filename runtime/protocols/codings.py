"""Bodies that come compressed (`Content-Encoding`), unpacked no further than a body may be long.

They are looked at when a body could not be read as it is: who sends none of them pays nothing.

Source: RFC 9110, 8.4 and 15.5.16; Triton's client compresses by `gzip` and by `deflate`, which is zlib's format.
"""

from __future__ import annotations

import zlib

from runtime.data.answers import Refused, Request

CONTENT_ENCODING = b"content-encoding"
# By coding, what zlib calls its format.
_FORMATS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
ACCEPTED = b"gzip, deflate"
# A file of gzip may be several, each of twenty bytes or more and worth a call: of a body nobody makes many.
_MEMBERS = 16


def unpacked(request: Request, limit: int) -> Request | None:
    """Give a request as it was before it was compressed; None for one that was not.

    Args:
        request: As it came.
        limit: Bytes that its body may have, unpacked.

    Raises:
        Refused: 415, by a coding that is not known here, which the answer says; 413, more bytes; 400, no such file.
    """
    said = request.header(CONTENT_ENCODING) or b""
    codings = [
        coding.strip().lower() for coding in said.split(b",") if coding.strip().lower() not in {b"", b"identity"}
    ]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in _FORMATS:
        shown = said[:40].decode("ascii", "replace")
        raise Refused(415, f"the content encoding {shown!r} is not taken", headers=((b"accept-encoding", ACCEPTED),))
    headers = [(name, value) for name, value in request.headers if name not in {CONTENT_ENCODING, b"content-length"}]
    return Request(_whole(request.body, codings[0], limit), headers, request.id)


def _whole(body: bytes, coding: bytes, limit: int) -> bytes:
    """Unpack all members of a file, and stop at the limit: a thousand bytes may be a million."""
    parts: list[bytes] = []
    room = limit
    name = coding.decode()
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(_FORMATS[coding])
        try:
            parts.append(member.decompress(body, room + 1))
        except zlib.error as error:
            raise Refused(400, f"the body is no {name}: {error}") from error
        room -= len(parts[-1])
        if room < 0:
            raise Refused(413, f"the body is larger than {limit} bytes, unpacked")
        if not member.eof:
            raise Refused(400, f"the body is no {name}: it ends early")
        body = member.unused_data
        if not body:
            return b"".join(parts)
    raise Refused(400, f"the body is no {name} that is taken here: it has more than {_MEMBERS} members")
