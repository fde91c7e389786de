"""A `ModelInferRequest` on the wire, divided: what describes the tensors, and their bytes, which stay where they came.

protobuf copies the bytes of every tensor into the message, and once more when somebody asks for them: for an image that
is most of what a request costs. Of the wire only the outermost fields are looked at here; protobuf reads all but the
bytes.

Source: https://protobuf.dev/programming-guides/encoding (tags, varints); open_inference_grpc.proto (field 7).
"""

from __future__ import annotations

RAW = 7 << 3 | 2  # `repeated bytes raw_input_contents = 7`
_BYTES = 2  # type of a field, in the tag's last three bits
_MORE = 0x80  # bit of a varint's byte that another follows
MOST_FIELDS = 10_000
"""Of a message: its tensors above all. Whoever sends millions of empty ones would have the event loop for a minute."""
_MOST_BYTES = 5  # of the length of a field, which is below 2**32


class TooManyFieldsError(Exception):
    """A message has more fields than any model takes."""


def divided(body: bytes) -> tuple[bytes, list[memoryview] | None]:
    """Divide a message.

    Returns:
        The message without raw contents, and these in their order; the whole message and None where it is not as usual.

    Raises:
        TooManyFieldsError: It has more than any model takes.
    """
    view, kept, raw = memoryview(body), list[memoryview](), list[memoryview]()
    at, begin, end, fields = 0, 0, len(body), 0
    try:
        while at < end:
            fields += 1
            if fields > MOST_FIELDS:
                raise TooManyFieldsError(f"more than {MOST_FIELDS} fields: no model takes so many tensors")
            tag, start = body[at], at
            if tag & 7 != _BYTES or tag >= _MORE:  # no field of the message has another type, or so high a number
                return body, None
            size, at = _length(body, at + 1)
            if tag == RAW:
                kept.append(view[begin:start])
                raw.append(view[at : at + size])
                begin = at + size
            at += size
    except (IndexError, ValueError):
        return body, None
    if at != end:
        return body, None
    return (b"".join([*kept, view[begin:]]), raw) if raw else (body, raw)


def _length(body: bytes, at: int) -> tuple[int, int]:
    """Read a varint; gives it, and what follows.

    Raises:
        IndexError: It does not end.
        ValueError: It is longer than a length is.
    """
    found = 0
    for place in range(_MOST_BYTES):
        byte = body[at + place]
        found |= (byte & ~_MORE) << 7 * place
        if byte < _MORE:
            return found, at + place + 1
    raise ValueError("no length")
