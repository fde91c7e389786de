"""What the prediction log costs the server: throughput, CPU and p99 beside the same server without it, in one run.

python -m benchmarks.prediction_log [--rounds 5] [--seconds 2] [--cells onnx-1-32,onnx-32-32]

Records go to a topic of a stand-in for Pub/Sub that takes them and counts them, on the CPU of the load and behind it:
while it has the CPU nobody asks, and the server would be measured idle. Each measurement follows a second of the same
load, since what comes in a burst is logged after it. Every row that was answered must be there at
the end, or be counted as dropped: what is lost silently fails the run.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.runtime import models
from benchmarks.runtime.__main__ import CELLS, Cell, drive
from benchmarks.runtime.callers import LOAD_CPU
from benchmarks.runtime.peers import OURS
from benchmarks.runtime.servers import Running, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPIC = "projects/p/topics/t"
LEAD_IN_S = 1.0
BARS = {1.0: 0.80, 0.1: 0.97}
_SERVER = """
import os, sys
from concurrent import futures
from functools import lru_cache
import grpc
from google.pubsub_v1 import PublishRequest, PublishResponse

taken = 0
os.nice(19)

def publish(request, context):
    global taken
    count = len(request.messages)
    taken += count
    return answer(count)

@lru_cache
def answer(count):
    return PublishResponse.pb()(message_ids=["1"] * count).SerializeToString()

def said(request, context):
    return str(taken).encode()

server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers([
    grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": grpc.unary_unary_rpc_method_handler(
        publish, PublishRequest.pb().FromString)}),
    grpc.method_handlers_generic_handler("Count", {"Taken": grpc.unary_unary_rpc_method_handler(said)}),
])
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
print("ready", flush=True)
server.wait_for_termination()
"""


@contextmanager
def pub_sub() -> Iterator[int]:
    """Run the stand-in; gives its port."""
    port = free_port()
    process = subprocess.Popen(
        ["taskset", "-c", LOAD_CPU, sys.executable, "-c", _SERVER, str(port)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        process.stdout.readline()
        yield port
    finally:
        process.kill()
        process.wait()


def taken(port: int) -> int:
    """Ask the stand-in how many messages it has."""
    import grpc  # noqa: PLC0415 - once

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        return int(channel.unary_unary("/Count/Taken")(b""))


def counted(running: Running) -> dict[str, int]:
    """Read the log's own counts."""
    url = running.url.rsplit("/", 1)[0] + "/metrics"
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own server
        text = answer.read().decode()
    found = re.findall(r'mlservice_background_(\w+)_total\{work="prediction-log"\} (\d+)', text)
    return {what: int(count) for what, count in found}


def settled(running: Running) -> None:
    """Wait until nothing waits any more."""
    before = None
    while (now := counted(running)) != before:
        before = now
        time.sleep(1)


def lead_in(running: Running, cell: Cell, rows: list[list[float]]) -> None:
    """Have the load be there for a while: it is no burst any more, which is logged whole after it."""
    drive(running, cell, rows, LEAD_IN_S)
    for figures in (running.rates, running.cpu_us, running.kernel_us, running.p50_ms, running.p99_ms):
        figures.pop()


def measure(cell: Cell, rounds: int, seconds: float) -> None:
    """Print one cell: without the log, at a tenth, and with all."""
    known = models.known(cell.model)
    running: dict[float, tuple[Running, int]] = {}
    with ExitStack() as stack:
        for rate in (0.0, 0.1, 1.0):
            port = stack.enter_context(pub_sub())
            said = {"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{port}", "MLSERVICE_PREDICTION_LOG": TOPIC if rate else ""}
            peer = replace(OURS, name=f"logging {rate:.0%}")
            os.environ.update(said, MLSERVICE_PREDICTION_LOG_RATE=str(rate))
            running[rate] = (stack.enter_context(serving(peer, known, cell.batch)), port)
        for _ in range(rounds):
            for one, _ in running.values():
                lead_in(one, cell, known.rows)
                drive(one, cell, known.rows, seconds)
                settled(one)  # else it writes on what waits, on the CPU of the next one
        heads = ("req/s", "ratio", "bar", "cpu µs", "p50 ms", "p99 ms")
        print(f"\n{cell.name:16}" + "".join(f"{head:>8}" for head in heads) + "  rows kept; dropped")
        for rate, (one, port) in running.items():
            report(rate, one, running[0.0][0], taken(port), cell)


def report(rate: float, one: Running, base: Running, kept: int, cell: Cell) -> None:
    """Print a line; what was answered and is neither kept nor counted ends the run."""
    ratio = statistics.median(mine / theirs for mine, theirs in zip(one.rates, base.rates, strict=True))
    rps, cpu, p50, p99 = (statistics.median(v) for v in (one.rates, one.cpu_us, one.p50_ms, one.p99_ms))
    counts = counted(one)
    bar = f"{BARS[rate]:.2f}" if rate in BARS else ""
    dropped = counts.get("dropped", 0) + counts.get("failed", 0)
    print(
        f"  {one.peer.name:14}{rps:8.0f}{ratio:8.2f}{bar:>8}{cpu:8.1f}{p50:8.2f}{p99:8.2f}  {kept}; "
        f"{dropped} requests of {dropped + counts.get('handled', 0)}"
    )
    handled = counts.get("handled", 0)
    first = 1  # the answer that is checked before anything is timed, of all rows
    if rate and not (handled - first) * cell.rows <= kept:
        raise SystemExit(f"{handled} requests were handled, and only {kept} rows came")
    if rate == 1 and handled + dropped < sum(one.requests):
        raise SystemExit(f"{sum(one.requests)} requests were answered, and the log counts {handled + dropped}")


def main() -> None:
    """Do as asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--cells", default="onnx-1-32,onnx-32-32")
    options = parser.parse_args()
    for cell in CELLS:
        if cell.name in options.cells.split(","):
            measure(cell, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
