"""Byte streams that a stranger might send to a port: mostly nearly requests, now and then noise."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

METHODS = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"CONNECT", b"PRI", b"TRACE", b"get", b"\x00")
PATHS = (
    b"/predict", b"/v1/models/model:predict", b"/v2/models/model/infer", b"/v2/models/model/versions/1/infer",
    b"/events", b"/health/live", b"/health/ready", b"/metrics", b"/openapi.json", b"/v2", b"/v2/", b"/", b"*", b"",
    b"//", b"/%00", b"/%zz", b"/\xff", b"http://x/predict", b"x:80", b"/predict?a=b#c", b"/../../etc/passwd",
    b"/v2/models/" + b"a" * 3000,
)  # fmt: skip
VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/9.9", b"http/1.1", b"")
HEADERS = (
    b"Host: x", b"Host: y", b"Host:", b"Connection: close", b"Connection: keep-alive", b"Connection: Upgrade",
    b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"Upgrade: websocket", b"HTTP2-Settings: AAMAAABkAAQAAP__",
    b"Expect: 100-continue", b"Expect: other", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: chunked, identity", b"TE: trailers", b"Trailer: X-Api-Key", b"Content-Length: 0",
    b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 0000000000000000000000000005",
    b"Content-Length: " + b"0" * 4400 + b"5", b"Content-Length: 1, 1", b"Content-Encoding: gzip",
    b"Content-Type: application/json", b"Content-Type: application/cloudevents+json",
    b"Inference-Header-Content-Length: 10", b"Inference-Header-Content-Length: 99999999999999999999999",
    b"Inference-Header-Content-Length: " + b"9" * 5000, b"X-Request-Id: " + b"\xff" * 10, b"X-Request-Id: a",
    b"ce-id: 1", b"ce-source: \xc3\xa9", b"ce-specversion: 1.0", b"traceparent: 00-zz-zz-01",
    b"X-Cloud-Trace-Context: a/b;o=x", b"Authorization: Bearer \xff", b"X: " + b"a" * 9000, b" folded: b", b"No-Colon",
    b"Transfer-Encoding: gzip, chunked", b": no-name", b"X: a\x00b", b"X : a", b"Cookie: " + b"a=b; " * 200,
)  # fmt: skip
# Of a request that means one thing, whatever else is said.
HARMLESS = tuple(
    field
    for field in HEADERS
    if b":" in field[1:]
    and not field.startswith((b"Host", b"Content-Length", b"Transfer", b" ", b":", b"X :"))
    and b"\x00" not in field
)
TENSOR = {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}
# A whole number that is no float, nor one of 64 bits; JSON has no bound.
HUGE = b"9" * 400
BODIES = (
    b"", b"{}", b"[]", b"null", b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}', b'{"instances": [[1e999, 1, 1, 1]]}',
    b"[" * 3000, b'{"inputs": []}', b"\xff\xfe", b"a" * 5000, json.dumps({"inputs": [TENSOR]}).encode(),
    b'{"instances": [[%b, 1, 1, 1]]}' % HUGE, b'{"instances": [{"a": %b}], "parameters": {"p": %b}}' % (HUGE, HUGE),
    json.dumps({"inputs": [TENSOR]}).encode().replace(b"5.1", HUGE),
    json.dumps({"inputs": [{**TENSOR, "datatype": "INT64"}]}).encode().replace(b"5.1", HUGE),
    json.dumps({"inputs": [TENSOR]}).encode().replace(b"[1, 4]", b"[%b, 4]" % HUGE),
    json.dumps({"inputs": [{**TENSOR, "shape": [2**40, 4], "datatype": "BYTES", "data": ["a"]}]}).encode(),
)  # fmt: skip


def http(rng: Random) -> bytes:
    """Write one to many requests, one behind the other, and damage some of them."""
    written = b"".join(_request(rng) for _ in range(rng.choice((1, 1, 1, 2, 3, 20))))
    if rng.random() < 0.05:
        written = written[:200] * rng.randrange(1, 300)
    return _damaged(rng, written) if rng.random() < 0.5 else written


def _request(rng: Random) -> bytes:
    body = rng.choice(BODIES)
    good = rng.random() < 0.7
    fields = [rng.choice(HARMLESS if good else HEADERS) for _ in range(rng.choice((0, 1, 2, 3, 5, 120)))]
    if good:
        fields.append(b"Host: x")
    if rng.random() < 0.4:
        fields.append(b"Transfer-Encoding: chunked")
        body = _chunked(rng, body)
    elif body:
        fields.append(b"Content-Length: %d" % (len(body) if rng.random() < 0.9 else rng.randrange(100_000)))
    method = rng.choice((b"GET", b"POST", b"POST")) if good else rng.choice(METHODS)
    line = b" ".join((method, rng.choice(PATHS), b"HTTP/1.1" if good else rng.choice(VERSIONS)))
    end = b"\r\n" if rng.random() < 0.95 else rng.choice((b"\n", b"\r", b"\n\r", b"\r\n\x00"))
    return end.join([line, *fields, b"", body])


def _chunked(rng: Random, body: bytes) -> bytes:
    """Write a body in chunks, with extensions and trailers of any length."""
    written, size = b"", max(1, len(body) // rng.choice((1, 2, 7)))
    for start in range(0, len(body), size):
        chunk = body[start : start + size]
        extension = rng.choice((b"", b"", b";a=b", b';a="\\""', b";" + b"e" * rng.randrange(3000)))
        written += b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk)
    trailers = rng.choice(
        (b"", b"", b"X: y\r\n", b"X-Api-Key: a\r\n" * 50, b"X: " + b"t" * 40_000 + b"\r\n", rng.choice(HEADERS))
    )
    return (
        written
        + rng.choice((b"0\r\n", b"0\r\n", b"00000\r\n", b"", b"-1\r\n", b"fffffffffffffffff\r\n"))
        + trailers
        + b"\r\n"
    )


def _damaged(rng: Random, written: bytes) -> bytes:
    """Change, drop, repeat or cut some bytes."""
    bytes_ = bytearray(written)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if not bytes_:
            break
        at = rng.randrange(len(bytes_))
        kind = rng.randrange(5)
        if kind == 0:
            bytes_[at] = rng.randrange(256)
        elif kind == 1:
            del bytes_[at : at + rng.randrange(1, 30)]
        elif kind == 2:
            bytes_[at:at] = rng.randbytes(rng.randrange(1, 30))
        elif kind == 3:
            bytes_[at:at] = bytes_[at : at + 100] * rng.randrange(1, 20)
        else:
            del bytes_[at:]
    return bytes(bytes_)


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SERVICE = b"/inference.GRPCInferenceService/"
CALLS = (b"ModelInfer", b"ServerReady", b"ServerLive", b"ServerMetadata", b"ModelReady", b"ModelMetadata", b"Nothing")
NAMES = (b"x", b"grpc-timeout", b"grpc-encoding", b"X", b"x-bin")


def grpc(rng: Random) -> bytes:
    """Write frames of HTTP/2: calls that are nearly ones, frames of any type, and damage some of them."""
    written = PREFACE if rng.random() < 0.95 else rng.choice((b"", PREFACE[:10], b"GET / HTTP/1.1\r\n\r\n"))
    written += frame(4, 0, 0, b"" if rng.random() < 0.7 else rng.randbytes(6 * rng.randrange(1, 9)))
    for number in range(rng.choice((1, 1, 2, 5, 40))):
        stream = 2 * number + 1 if rng.random() < 0.9 else rng.randrange(2**31)
        written += _call(rng, stream) if rng.random() < 0.8 else _any_frame(rng, stream)
    return _damaged(rng, written) if rng.random() < 0.4 else written


def _call(rng: Random, stream: int) -> bytes:
    """Write the frames of a call: its headers and a message, and now and then that it is taken back."""
    call = rng.choice(CALLS) if rng.random() < 0.9998 else b"\xff"
    more = [(rng.choice(NAMES), rng.randbytes(9))] * (rng.random() < 0.3)
    more += [(b"x", b"a" * rng.choice((100, 16_000)))] * (rng.random() < 0.05)
    message = rng.choice((b"", b"\x0a\x05model", b"\xff\xff", rng.randbytes(40), b"\x0a\x05model" + rng.randbytes(9)))
    prefix = struct.pack(">BI", 0, len(message)) if rng.random() < 0.9 else rng.randbytes(5)
    ends = 1 if rng.random() < 0.9 else 0
    frames = headers(call, more, stream) + frame(0, ends, stream, prefix + message)
    return frames + (frame(3, 0, stream, struct.pack(">I", 8)) if rng.random() < 0.2 else b"")


def headers(call: bytes, more: list[tuple[bytes, bytes]], stream: int = 1) -> bytes:
    """Write the frame that begins a call, its fields without any table."""
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", SERVICE + call), (b":authority", b"x")]
    fields += [(b"te", b"trailers"), (b"content-type", b"application/grpc"), *more]
    return frame(1, 4, stream, b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields))


def _text(value: bytes) -> bytes:
    """Write text as HPACK does, without Huffman's code."""
    if len(value) < 127:  # of RFC 7541, 5.1, with a prefix of seven bits
        return bytes([len(value)]) + value
    rest, written = len(value) - 127, b"\x7f"
    while rest >= 128:
        written += bytes([rest % 128 + 128])
        rest //= 128
    return written + bytes([rest]) + value


def _any_frame(rng: Random, stream: int) -> bytes:
    """Write a frame of any type: settings, pings, resets, windows, continuations, unknown ones."""
    payload = rng.randbytes(rng.choice((0, 4, 5, 6, 8, 50, 5000)))
    return frame(rng.randrange(12), rng.randrange(256), rng.choice((0, stream)), payload) * rng.choice((1, 1, 1, 100))


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Write a frame of HTTP/2."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload
