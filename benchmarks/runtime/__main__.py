"""The table of the model server: rounds interleaved over all servers, medians, ratios to the usual tutorial server.

python -m benchmarks.runtime install             each peer into its own environment under benchmarks/.peers
python -m benchmarks.runtime [--rounds 5] [--seconds 2] [--only tutorial,mlservice] [--cells onnx-1-32,...]
python -m benchmarks.runtime soak --minutes 10   memory of ours under load
python -m benchmarks.runtime flame [--cells onnx-1-32] [--output flame.svg]   where ours spends its time, under load

The server has CPU 0, the load comes from CPU 1. Correctness is checked before anything is timed. A ratio is of one
round: a server's rate against the tutorial's a moment before, so that a noisy machine hurts both. nginx answers a
constant, whatever it is asked: the least that a request over a socket costs. Of the CPU time of a request the kernel's
part is that of the socket.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.runtime import models, peers
from benchmarks.runtime.callers import LOAD_CPU, call
from benchmarks.runtime.servers import Running, cpu_s, memory_mib, serving

if TYPE_CHECKING:
    from benchmarks.runtime.peers import Peer


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of the table."""

    name: str
    model: str
    rows: int
    connections: int
    bar: float
    batch: int = 1
    only_batching: bool = False


CELLS = (
    Cell("onnx-1-32", "onnx-forest", 1, 32, 15),
    Cell("onnx-32-32", "onnx-forest", 32, 32, 7),
    Cell("onnx-1-1", "onnx-forest", 1, 1, 3.8),
    Cell("sklearn-forest-1-32", "sklearn-forest", 1, 32, 25, batch=32),
    Cell("sklearn-linear-1-32", "sklearn-linear", 1, 32, 25),
)


def drive(running: Running, cell: Cell, rows: list[list[float]], seconds: float) -> None:
    """Measure one server for some seconds."""
    body = running.peer.body(rows[: cell.rows])
    before = cpu_s(running.process.pid)
    heard = call([running.url], body, cell.connections, seconds, cpu=LOAD_CPU)
    running.rates.append(heard.rps)
    for found, start, end in zip((running.cpu_us, running.kernel_us), before, cpu_s(running.process.pid), strict=True):
        found.append((end - start) / max(heard.requests, 1) * 1e6)
    running.p50_ms.append(heard.p50_ms)
    running.p99_ms.append(heard.p99_ms)
    running.requests.append(heard.requests)


def measure(cell: Cell, wanted: list[Peer], rounds: int, seconds: float) -> None:
    """Print one cell of the table."""
    known = models.known(cell.model)
    running: list[Running] = []
    print(f"\n{cell.name}: {cell.model}, {cell.rows} rows, {cell.connections} connections; bar {cell.bar}")
    with ExitStack() as stack:
        for peer in wanted:
            try:
                running.append(stack.enter_context(serving(peer, known, cell.batch, cell.rows)))
            except RuntimeError as error:
                print(f"  {error}")
        for _ in range(rounds):
            for one in running:
                drive(one, cell, known.rows, seconds)
        report(running)


def report(running: list[Running]) -> None:
    """Print medians, and ratios of each round: to the first, and to who answers without looking."""
    base = running[0]
    least = next((one for one in running if one.peer.constant), None)
    heads = ("ratio", "of nginx", "req/s", "cpu µs", "kernel µs", "cpu ratio", "p50 ms", "p99 ms", "start s", "MiB")
    print(f"  {'':22}" + "".join(f"{head:>10}" for head in heads))
    for one in running:
        cpu = statistics.median(theirs / mine for mine, theirs in zip(one.cpu_us, base.cpu_us, strict=True))
        measured = (one.rates, one.cpu_us, one.kernel_us, one.p50_ms, one.p99_ms)
        rate, own, kernel, p50, p99 = (statistics.median(values) for values in measured)
        ratios = (_ratio(one, base), float("nan") if least is None else _ratio(one, least))
        values = (*ratios, rate, own, kernel, cpu, p50, p99, one.started_s, one.memory_mib)
        print(
            f"  {one.peer.name:22}" + "".join(f"{value:10.2f}" if value < 100 else f"{value:10.0f}" for value in values)
        )
    sys.stdout.flush()


def _ratio(one: Running, other: Running) -> float:
    return statistics.median(mine / theirs for mine, theirs in zip(one.rates, other.rates, strict=True))


def cold(wanted: list[Peer], rounds: int) -> None:
    """Print cold starts: process to first correct answer, interleaved, and memory after it."""
    known = models.known("onnx-forest")
    wanted = [peer for peer in wanted if not peer.constant]
    times: dict[str, list[tuple[float, float]]] = {peer.name: [] for peer in wanted}
    for _ in range(rounds):
        for peer in wanted:
            with serving(peer, known, 1) as running:
                times[peer.name].append((running.started_s, running.memory_mib))
    print("\ncold start (ONNX), process to first correct answer; memory after it")
    for name, found in times.items():
        seconds, mib = (statistics.median(values) for values in zip(*found, strict=True))
        print(f"  {name:22}{seconds:8.2f} s{mib:7.0f} MiB")


def soak(minutes: float) -> None:
    """Print the memory of ours under load, ten times."""
    cell = CELLS[0]
    known = models.known(cell.model)
    with serving(peers.OURS, known, 32) as running:
        for step in range(10):
            drive(running, cell, known.rows, minutes * 6)
            mib, rate = memory_mib(running.process.pid), running.rates[-1]
            print(f"  {(step + 1) * minutes / 10:5.1f} min  {mib:7.1f} MiB  {rate:.0f} req/s")
            sys.stdout.flush()


def flame(cell: Cell, output: Path, seconds: float) -> None:
    """Sample ours under load, with the native frames, and draw it. A sample stops the server for milliseconds: few."""
    known = models.known(cell.model)
    command = ["record", "--native", "--rate", "50", "--duration", str(round(seconds)), "--output", str(output)]
    with serving(peers.OURS, known, cell.batch) as running:
        drive(running, cell, known.rows, 2)  # what happens once after a start is over then
        sampler = subprocess.Popen(
            [str(Path(sys.executable).parent / "py-spy"), *command, "--pid", str(running.process.pid)]
        )
        drive(running, cell, known.rows, seconds + 2)
        sampler.wait()
        output.write_text(output.read_text().replace(f"{Path(sys.executable).parent}/", ""))  # its title is its command
        print(f"{cell.name}: {running.rates[0]:.0f} req/s, {running.rates[-1]:.0f} while sampled; {output}")


def main() -> None:
    """Do as asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtime", description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="table", choices=["table", "install", "soak", "cold", "flame"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="names of servers, separated by commas")
    parser.add_argument("--cells", default="", help="names of cells, separated by commas")
    parser.add_argument("--output", type=Path, default=Path("flame.svg"), help="of flame")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that an early end also ends the servers
    names = [name for name in options.only.split(",") if name]
    wanted = [peer for peer in peers.PEERS if not names or peer.name in names]
    if options.what == "install":
        for peer in wanted:
            if peer.packages or peer.debian:
                print(f"installing {peer.name}")
                peers.install(peer)
        return
    cells = [cell for cell in CELLS if not options.cells or cell.name in options.cells.split(",")]
    if options.what == "soak":
        soak(options.minutes)
        return
    if options.what == "flame":
        flame(cells[0], options.output, 40)
        return
    for absent in [peer for peer in wanted if not peer.installed]:
        print(f"{absent.name}: not installed (python -m benchmarks.runtime install)")
    wanted = [peer for peer in wanted if peer.installed]
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} CPUs; "
        + "; ".join(f"{p.name}: {peers.version(p)}" for p in wanted)
    )
    if options.what == "cold":
        cold(wanted, options.rounds)
        return
    for cell in cells:
        measure(cell, wanted, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
