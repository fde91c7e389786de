"""A closed loop of callers over keep-alive connections, light enough for one core to drive the fastest server here.

python -m benchmarks.runtime.load URL CONNECTIONS SECONDS < body      prints one line of JSON
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

import uvloop

OK = b"HTTP/1.1 200"


class Caller(asyncio.Protocol):
    """One connection: the next request goes out when the answer is in."""

    def __init__(self, request: bytes, latencies: list[float], failures: list[bytes]) -> None:
        self._request = request
        self._latencies = latencies
        self._failures = failures
        self._buffer = b""
        self._sent = 0.0
        self._usual = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = transport
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count a whole answer. One that came in one piece, as long as the one before, is not looked into again."""
        if self._buffer or len(data) != self._usual or not data.startswith(OK):
            self._buffer += data
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0 or len(self._buffer) < head + 4 + self._length(self._buffer[:head].lower()):
                return
            if not self._buffer.startswith(OK):
                self._failures.append(self._buffer[:200])
            self._usual = len(self._buffer)
            self._buffer = b""
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        self._sent = now
        self._transport.write(self._request)

    @staticmethod
    def _length(head: bytes) -> int:
        at = head.find(b"content-length:")
        if at < 0:
            return 0
        end = head.find(b"\r", at)
        return int(head[at + 15 : end if end > 0 else None])


async def drive(url: str, body: bytes, connections: int, seconds: float, headers: str = "") -> dict[str, float]:
    """Drive a server for some seconds, after a tenth of that to warm up."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n{headers}"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    latencies: list[float] = []
    failures: list[bytes] = []
    loop = asyncio.get_running_loop()
    transports = [
        (await loop.create_connection(lambda: Caller(request, latencies, failures), parts.hostname, parts.port))[0]
        for _ in range(connections)
    ]
    await asyncio.sleep(max(seconds / 10, 0.3))
    warm = len(latencies)
    latencies.clear()
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    taken = time.perf_counter() - start
    found = sorted(latencies)
    for transport in transports:
        transport.abort()
    if failures:
        sys.stderr.write(f"{len(failures)} failed: {failures[0]!r}\n")
    return {
        "rps": len(found) / taken,
        "p50_ms": found[len(found) // 2] * 1e3 if found else 0.0,
        "p99_ms": found[int(len(found) * 0.99)] * 1e3 if found else 0.0,
        "requests": len(found) + warm,
        "failed": len(failures),
    }


if __name__ == "__main__":
    arguments = sys.argv[1:]
    answer = uvloop.run(drive(arguments[0], sys.stdin.buffer.read(), int(arguments[1]), float(arguments[2])))
    print(json.dumps(answer))
