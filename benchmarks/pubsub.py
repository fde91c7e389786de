"""How fast the emulated Pub/Sub is, beside Google's own emulator, in one run: `python -m benchmarks.pubsub`.

Bar: pushes no slower than Google's. Without Google's emulator on the machine (it comes with gcloud) only ours runs.
Both get the same messages of 1 KB from the same client, and push to the same endpoint, a thread of this process. Ours
keeps every message on the disk; Google's has them in memory.
"""

import asyncio
import json
import os
import queue
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import StreamingPullRequest

GOOGLES = Path("/usr/lib/google-cloud-sdk/platform/pubsub-emulator/bin/cloud-pubsub-emulator")
SINGLE, MANY, BATCH = 200, 3000, 100
DATA = b"x" * 1024
PROJECT = "projects/benchmark"


class Endpoint(asyncio.Protocol):
    """Answers each request with 204 and counts it."""

    arrived: list[float] = []  # noqa: RUF012 - of all connections
    wanted = 0
    done = threading.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport, self._data = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are complete."""
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, rest = self._data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            self._data = rest[length:]
            self.arrived.append(time.perf_counter())
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            if len(self.arrived) >= Endpoint.wanted:
                self.done.set()

    @classmethod
    def expect(cls, count: int) -> None:
        """Count from zero; `done` is set at `count`."""
        cls.done.clear()
        cls.wanted = count
        cls.arrived.clear()


@contextmanager
def endpoint() -> Iterator[str]:
    """Serve in a thread; gives the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(loop.create_server(Endpoint, "127.0.0.1", 0), loop).result()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    loop.call_soon_threadsafe(loop.stop)


@contextmanager
def ours(folder: Path) -> Iterator[str]:
    """Our emulator; gives its gRPC target."""
    command = [sys.executable, "-m", "emulator", "serve", "--state", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not (folder / "emulator.json").exists():
            if process.poll() is not None:
                raise RuntimeError("the emulator did not start")
            time.sleep(0.01)
        yield json.loads((folder / "emulator.json").read_text())["grpc"]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def googles(folder: Path) -> Iterator[str]:
    """Google's emulator; gives its gRPC target."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [GOOGLES, "--host=127.0.0.1", f"--port={port}"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=folder, start_new_session=True)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(60)
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


class Bench:
    """One emulator under measurement."""

    def __init__(self, channel: grpc.Channel, url: str) -> None:
        self.publisher, self.subscriber = (
            each(transport=each.get_transport_class("grpc")(channel=channel))
            for each in (PublisherClient, SubscriberClient)
        )
        self.url = url

    def topic(self, name: str, **fields: object) -> tuple[str, str]:
        """A topic with one subscription; their names."""
        topic = self.publisher.create_topic(name=f"{PROJECT}/topics/{name}").name
        wanted = {"name": f"{PROJECT}/subscriptions/{name}", "topic": topic, "ack_deadline_seconds": 60, **fields}
        return topic, self.subscriber.create_subscription(request=wanted).name

    def publish(self, topic: str, count: int) -> float:
        """Publish in batches; returns seconds."""
        before = time.perf_counter()
        for _ in range(count // BATCH):
            self.publisher.publish(topic=topic, messages=[{"data": DATA}] * BATCH)
        return time.perf_counter() - before

    def latencies(self) -> list[float]:
        """Milliseconds from the call of publish until the endpoint has the message, one message at a time."""
        topic, _ = self.topic("single", push_config={"push_endpoint": self.url})
        found = []
        for _ in range(SINGLE):
            Endpoint.expect(1)
            before = time.perf_counter()
            self.publisher.publish(topic=topic, messages=[{"data": DATA}])
            Endpoint.done.wait(60)
            found.append((Endpoint.arrived[0] - before) * 1000)
        return found

    def pushed(self) -> float:
        """Messages a second from the first publish until the endpoint has all."""
        topic, _ = self.topic("pushed", push_config={"push_endpoint": self.url})
        Endpoint.expect(MANY)
        before = time.perf_counter()
        self.publish(topic, MANY)
        Endpoint.done.wait(120)
        return len(Endpoint.arrived) / (Endpoint.arrived[-1] - before)

    def published(self) -> float:
        """Messages a second, in batches."""
        topic, _ = self.topic("published")
        return MANY / self.publish(topic, MANY)

    def streamed(self) -> float:
        """Messages a second that one stream receives and acknowledges."""
        topic, name = self.topic("streamed")
        self.publish(topic, MANY)
        acks: queue.Queue[StreamingPullRequest | None] = queue.Queue()
        acks.put(StreamingPullRequest(subscription=name, stream_ack_deadline_seconds=60))
        seen, before = 0, time.perf_counter()
        for answer in self.subscriber.streaming_pull(requests=iter(acks.get, None)):
            seen += len(answer.received_messages)
            acks.put(StreamingPullRequest(ack_ids=[each.ack_id for each in answer.received_messages]))
            if seen >= MANY:
                break
        took = time.perf_counter() - before
        acks.put(None)
        return seen / took


def measure(target: str, url: str) -> dict[str, float]:
    """All numbers of one emulator."""
    with grpc.insecure_channel(target) as channel:
        bench = Bench(channel, url)
        bench.publish(bench.topic("warm", push_config={"push_endpoint": url})[0], 500)
        times = sorted(bench.latencies())
        return {
            "publish to push, median ms": statistics.median(times),
            "publish to push, 95th percentile ms": times[int(len(times) * 0.95)],
            "pushed messages a second": bench.pushed(),
            "published messages a second": bench.published(),
            "streamed and acknowledged messages a second": bench.streamed(),
        }


def main() -> None:
    """Print ours beside Google's."""
    there = GOOGLES.exists() and shutil.which("java")
    found = {}
    with endpoint() as url:
        for name, start in (("ours", ours), *([("Google's", googles)] if there else [])):
            with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as target:
                found[name] = measure(target, url)
    print(f"{'':<46}" + "".join(f"{name:>12}" for name in found))
    for line in found["ours"]:
        print(f"{line:<46}" + "".join(f"{numbers[line]:>12,.1f}" for numbers in found.values()))


if __name__ == "__main__":
    main()
