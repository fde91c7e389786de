"""What a request with an image costs: 224 x 224 x 3 numbers through each protocol that takes tensors, over its socket.

python -m benchmarks.runtime.images [--quick] [--only mlservice,kserve,mlserver,pytriton]

Bytes copied are counted in the servers themselves, while they answer: memcpy and memmove of pieces of 16 KiB and more,
by a library that is loaded before theirs (native/copies.c); and what the kernel copied out of sockets and pipes. Both
are multiples of the image. CPU time is that of all processes of a server for a request, also as a multiple of what one
copy of the image takes here. What a loop writes as another type, or reads out of text, is in the CPU time only. The
model is small, the mean of each colour, by onnxruntime on one thread: `the model alone` is its share.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import onnxruntime

from benchmarks.images import SHAPE, TYPES, bodies, graph
from benchmarks.runtime import peers
from benchmarks.runtime.native import built
from benchmarks.runtime.servers import SERVER_CPU, cpu_s, end, free_port, wait_until
from runtime.grpc_v2.messages import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.runtime.peers import Peer
    from runtime.data.tensors import Array

    Ask = Callable[[], Array]

PROTOCOLS = ("v2 binary", "gRPC", "v2 JSON")
METHOD = "/inference.GRPCInferenceService/ModelInfer"
SPEAKERS = {
    "mlservice": "",
    "kserve": "kserve_images.py",
    "mlserver": "mlserver_images.py",
    "pytriton": "pytriton_images.py",
}
CLOSE = 1e-2
# Of requests: as many as fill this, and no less than a few. The kernel counts CPU time in hundredths of a second.
SECONDS, FEWEST = 1.5, 5


@dataclass(frozen=True, slots=True)
class Server:
    """A server with a model of images."""

    peer: Peer
    process: subprocess.Popen
    port: int
    counts: Path

    def copied(self) -> Array:
        """Read how many bytes were copied, by itself and by the kernel."""
        return np.fromfile(self.counts, np.uint64).astype(np.int64)


@contextmanager
def serving(peer: Peer, folder: Path, kind: str) -> Iterator[Server]:
    """Start a server whose copies are counted."""
    port = free_port()
    counts = folder / f"copies-{peer.name}"
    counts.write_bytes(bytes(16))
    script = SPEAKERS[peer.name]
    told = peers.environment(peer, folder, port, 1)
    told |= {
        "COPIES": str(counts),
        "LD_PRELOAD": str(built("copies", "-shared", "-fPIC", "-fno-builtin")),
        "TYPE": kind,
    }
    command = [peer.python, str(peers.HERE / "peers" / script)] if script else _ours(peer, folder, port)
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CPU, *command],
        env=told,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=peers.HERE / "peers" if script else None,
        start_new_session=True,
    )
    try:
        wait_until(process, f"http://127.0.0.1:{port}/v2/models/m/ready")
        yield Server(peer, process, port, counts)
    finally:
        end(process)


def _ours(peer: Peer, folder: Path, port: int) -> list[str]:
    return [*peers.command(peer, folder), "--port", str(port), "--grpc-port", str(port + 1), "--name", "m"]


def over_rest(server: Server, body: bytes, headers: list[tuple[bytes, bytes]]) -> Ask:
    """Make what asks once over a connection that stays."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    told = {name.decode(): value.decode() for name, value in headers}
    told["content-type"] = "application/octet-stream" if headers else "application/json"

    def ask() -> Array:
        connection.request("POST", "/v2/models/m/infer", body, told)
        answer = connection.getresponse()
        found = answer.read()
        if answer.status != http.client.OK:
            raise ValueError(f"{answer.status}: {found[:200]!r}")
        length = answer.headers.get("inference-header-content-length")
        output = json.loads(found[: int(length)] if length else found)["outputs"][0]
        given = output.get("data")
        return np.frombuffer(found[int(length or 0) :], np.float32) if given is None else np.array(given).reshape(-1)

    return ask


def over_grpc(server: Server, body: bytes) -> Ask:
    """Make what asks once over a channel that stays."""
    channel = grpc.insecure_channel(f"127.0.0.1:{server.port + 1}")
    call = channel.unary_unary(METHOD, None, MESSAGES["ModelInferResponse"].FromString)

    def ask() -> Array:
        answer: Any = call(body, timeout=60)
        if answer.raw_output_contents:
            return np.frombuffer(answer.raw_output_contents[0], np.float32)
        return np.array(answer.outputs[0].contents.fp32_contents)

    return ask


def measure(server: Server, ask: Ask, image: Array, seconds: float) -> str:
    """Ask for some time, and say what a request took.

    Raises:
        ValueError: The answer is wrong.
    """
    for _ in range(FEWEST):
        found = ask()
    if not np.allclose(found.reshape(-1), image.reshape(-1, 3).mean(axis=0), rtol=CLOSE):
        raise ValueError(f"its answer is wrong: {found}")
    copied, used, took, began = server.copied(), cpu_s(server.process.pid)[0], list[float](), time.perf_counter()
    while len(took) < FEWEST or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        ask()
        took.append(time.perf_counter() - start)
    own, kernel = (server.copied() - copied) / len(took) / image.nbytes
    cpu_us = (cpu_s(server.process.pid)[0] - used) / len(took) * 1e6
    values = (own, kernel, cpu_us / copy_us(image), cpu_us / 1000, statistics.median(took) * 1000)
    return "".join(f"{value:12.2f}" if value < 100 else f"{value:12.0f}" for value in values)


def alone_ms(folder: Path, image: Array) -> float:
    """Measure the model by itself: the median of many calls, in milliseconds."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session, took = onnxruntime.InferenceSession(str(folder / "model.onnx"), options), []
    for _ in range(100):
        start = time.perf_counter()
        session.run(["y"], {"x": image})
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1000


def copy_us(image: Array) -> float:
    """Measure a copy of an image into memory that is there: the median of many, in microseconds."""
    target, took = np.empty_like(image), []
    for _ in range(200):
        start = time.perf_counter()
        np.copyto(target, image)
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e6


def main() -> None:
    """Do as asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtime.images", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few requests each: for a look at the program itself")
    parser.add_argument("--only", default=",".join(SPEAKERS), help="names of servers, separated by commas")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that an early end also ends the servers
    os.environ.pop("LD_PRELOAD", None)
    wanted = [peer for peer in peers.PEERS if peer.name in SPEAKERS and peer.name in options.only.split(",")]
    for absent in [peer for peer in wanted if not peer.installed]:
        print(f"{absent.name}: not installed (python -m benchmarks.runtime install)")
    heads = ("copied", "by kernel", "cpu/copy", "cpu ms", "p50 ms")
    for datatype, (kind, element) in TYPES.items():
        image = np.random.default_rng(0).integers(0, 255, SHAPE).astype(kind)
        print(f"\n{datatype}: an image has {image.nbytes:,} bytes, and a copy of it takes {copy_us(image):.0f} µs")
        print(f"  {'':12}{'':10}" + "".join(f"{head:>12}" for head in heads))
        with tempfile.TemporaryDirectory() as folder:
            graph(Path(folder), element)
            print(f"  {'the model alone':22}{'':36}{alone_ms(Path(folder), image):12.2f}")
            for peer in [peer for peer in wanted if peer.installed]:
                rows(peer, Path(folder), datatype, image, 0.0 if options.quick else SECONDS)


def rows(peer: Peer, folder: Path, datatype: str, image: Array, seconds: float) -> None:
    """Print a row for each protocol of a server."""
    with serving(peer, folder, image.dtype.name) as server:
        for protocol, (body, headers) in bodies(datatype, image).items():
            ask = over_grpc(server, body) if protocol == "gRPC" else over_rest(server, body, headers)
            try:
                told = measure(server, ask, image, seconds)
            except (ValueError, LookupError, grpc.RpcError) as error:  # it does not speak this
                told = f"  {str(error).splitlines()[0][:90]}"
            print(f"  {peer.name:12}{protocol:10}{told}", flush=True)


if __name__ == "__main__":
    main()
