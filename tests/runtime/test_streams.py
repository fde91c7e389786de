"""Thousands of byte streams at every front door: no 500, no hang, no growth. `--streams 100000` is the large run."""

import asyncio
import random
import re
import time
from collections import Counter

import pytest

from tests.runtime import streams
from tests.runtime.test_fuzz import GOOD, memory_mib
from tests.runtime.test_protocols import grpc_call

AT_ONCE = 64
# A client that has sent everything looks for answers so long, and goes: that is part of what is tried.
PATIENCE_S = 0.05
MEMORY_MIB = 20
# 501 is what another transfer coding is answered with; 503 to 505 are no faults either.
FAILED = re.compile(rb"HTTP/1\.[01] 5(?!01|03|04|05)\d\d ")

# What is raised in code of ours. gRPC logs every value of metadata that is no text with a traceback of its own.
RAISED = re.compile("decode failed|encode failed|predict failed|raised by servicer|Exception in ASGI|Fatal error")


async def send(port: int, stream: bytes, pieces: int) -> bytes:
    """Send a stream in pieces, and give what came back."""
    found = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return found  # gRPC opens its port again; that it does is looked at after every step
    try:
        size = len(stream) // pieces + 1
        for start in range(0, len(stream), size):
            writer.write(stream[start : start + size])
            await writer.drain()
        while part := await asyncio.wait_for(reader.read(2**16), PATIENCE_S):
            found += part
    except (TimeoutError, ConnectionError):
        pass  # the server is free to end a connection, and not to answer what is not whole
    finally:
        writer.transport.abort()
    return found


async def sent(port: int, door: str, numbers: range) -> Counter:
    """Send the streams of these numbers, some at once; gives how often each first line came back."""
    seen: Counter = Counter()
    waiting = iter(numbers)

    async def client() -> None:
        for number in waiting:
            rng = random.Random(f"{door} {number}")  # noqa: S311 - drawn, not secret
            stream = streams.grpc(rng) if door == "grpc" else streams.http(rng)
            answer = await send(port, stream, rng.choice((1, 1, 2, 5)))
            assert FAILED.search(answer) is None, (number, stream[:2000], answer[:2000])
            seen[answer[:12] if answer.startswith(b"HTTP/") else b"frames" if answer else b"nothing"] += 1

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return seen


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("door", ["wire", "fastapi", "grpc"])
def test_streams(start, specs, another_port, pytestconfig, door):
    """Whatever is sent, the next caller is answered, no answer is 500, nothing is raised, and memory stays."""
    count = pytestconfig.getoption("--streams")
    second = another_port()
    flags = ["--grpc-port", str(second)] if door == "grpc" else ["--no-wire"] if door == "fastapi" else []
    server = start(specs / "iris/model", *flags)
    port = second if door == "grpc" else int(server.url.rpartition(":")[2])
    server.get("/docs")  # FastAPI is imported by now: that growth is no leak
    began, seen, memory, most = time.monotonic(), Counter(), 0.0, 0.0
    step = max(count // 20, 1)

    for first in range(0, count, step):
        seen += asyncio.run(sent(port, door, range(first, min(first + step, count))))
        assert server.post("/predict", GOOD).status_code == 200
        server.wait(lambda: door != "grpc" or grpc_call(port, "ServerReady")[0] == "OK")
        memory = memory or (memory_mib(server.process.pid) if first >= count // 10 else 0.0)
        most = max(most, memory_mib(server.process.pid))

    took = time.monotonic() - began
    print(door, count, f"{took:.0f} s, {memory:.1f} -> {memory_mib(server.process.pid):.1f}, most {most:.1f} MiB", seen)  # noqa: T201 - the run's evidence
    assert most < memory + MEMORY_MIB
    assert 'status="500"' not in server.get("/metrics").text
    assert not RAISED.search(server.log.read_text(errors="replace"))
    assert server.stop() == 0
