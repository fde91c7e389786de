"""How long a part of a streamed answer is on its way through the emulator. Bar: 5 ms. `python -m benchmarks.streams`.

A container writes the time into each part; processes on one machine have one clock. The same parts are read from the
container directly: what the way through the front end adds is the difference. Streams begin one after the other, as
callers do, and then all at one moment: their parts then come at one moment too, every time, and the last of them waits
for all that are before it. That is no delay of a stream's but how many parts the front end passes on in a second.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.cloud import cloud, control

IMAGE = "europe-west1-docker.pkg.dev/local/benchmarks/streams:1"
STREAMS = (1, 100, 1000)
PARTS, PAUSE_S = 20, 0.25
BAR_MS = 5.0
SERVER = f"""
import asyncio, os, time

async def one(reader, writer):
    while await reader.readuntil(b"\\r\\n\\r\\n"):
        writer.write(b"HTTP/1.1 200 OK\\r\\nx-port: %s\\r\\n" % os.environ["PORT"].encode())
        writer.write(b"transfer-encoding: chunked\\r\\n\\r\\n")
        for _ in range({PARTS}):
            writer.write(b"20\\r\\n%-31.9f\\n\\r\\n" % time.monotonic())
            await asyncio.sleep({PAUSE_S})
        writer.write(b"0\\r\\n\\r\\n")

async def main():
    server = await asyncio.start_server(one, os.environ["HOST"], int(os.environ["PORT"]), backlog=2048)
    await server.serve_forever()

asyncio.run(main())
"""


def main() -> None:
    """Print medians and the 99th percentile, through the front end and directly."""
    with cloud() as (http, folder):
        port, direct = serve(http, folder)
        for count in STREAMS:
            tell(port, direct, count, together=False)
        for count in STREAMS[1:]:
            tell(port, direct, count, together=True)


def tell(port: int, direct: int, count: int, *, together: bool) -> None:
    """Print what is added to the median and to the 99th percentile: of the first parts, and of all."""
    through, beside = measure(port, count, together=together), measure(direct, count, together=together)
    how = " in step" if together else ""
    for what, parts in (("first", slice(1)), ("all", slice(None))):
        here, there = ([taken for each in found for taken in each[parts]] for found in (through, beside))
        line = f"{count:>4} streams{how}, {what:5} parts: {show(here)} through the emulator, {show(there)} directly"
        added = statistics.median(here) - statistics.median(there)
        late = high(here) - high(there)
        print(f"{line}; added {added:.2f} ms (p99 {late:.2f}; bar {BAR_MS:g} ms)", flush=True)


def serve(http: str, folder: Path) -> tuple[int, int]:
    """Deploy the container; gives the port of the service's address and the container's own."""
    here = "projects/local/locations/europe-west1"
    repository = f"{http}/v1/{here}/repositories?repositoryId=benchmarks"
    settled(http, "v1", httpx.post(repository, json={"format": "DOCKER"}, timeout=60))
    with tempfile.TemporaryDirectory(dir=folder) as source:
        (Path(source) / "server.py").write_text(SERVER)
        pushed = {"image": IMAGE, "folder": source, "command": [sys.executable, "server.py"]}
        control(http, "POST", "images", pushed)
    body: dict[str, Any] = {
        "invokerIamDisabled": True,
        "template": {"containers": [{"image": IMAGE}], "maxInstanceRequestConcurrency": 1000},
    }
    uri = settled(http, "v2", httpx.post(f"{http}/v2/{here}/services?serviceId=streams", json=body, timeout=60))["uri"]
    answer = httpx.get(uri, timeout=60).raise_for_status()
    return int(uri.rsplit(":", 1)[1]), int(answer.headers["x-port"])


def settled(http: str, version: str, started: httpx.Response) -> Any:
    """Wait for an operation; gives what it made.

    Raises:
        RuntimeError: It failed.
    """
    operation = started.raise_for_status().json()
    while not operation.get("done"):
        time.sleep(0.1)
        operation = httpx.get(f"{http}/{version}/{operation['name']}", timeout=60).raise_for_status().json()
    if "error" in operation:
        raise RuntimeError(operation["error"]["message"])
    return operation["response"]


def measure(port: int, count: int, *, together: bool) -> list[list[float]]:
    """Milliseconds that the parts of each of so many streams took, all open at once, and begun together or spread."""
    return asyncio.run(_measure(port, count, 0.0 if together else PAUSE_S / count))


async def _measure(port: int, count: int, apart_s: float) -> list[list[float]]:
    return list(await asyncio.gather(*(_read(port, number * apart_s) for number in range(count))))


async def _read(port: int, after_s: float) -> list[float]:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(after_s)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    taken: list[float] = []
    while len(taken) < PARTS:
        line = await reader.readuntil(b"\n")
        if not line.endswith(b"\r\n"):  # neither a chunk's length nor its end: several parts may come in one
            taken.append((loop.time() - float(line)) * 1000)
    writer.close()
    return taken


def show(taken: list[float]) -> str:
    """Median and 99th percentile."""
    return f"{statistics.median(taken):.2f} ms (p99 {high(taken):.2f})"


def high(taken: list[float]) -> float:
    """The 99th percentile: what the machine's own queue adds is in both of them."""
    return sorted(taken)[int(len(taken) * 0.99)]


if __name__ == "__main__":
    main()
