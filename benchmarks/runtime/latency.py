"""How long callers wait who do not wait for each other: requests at a constant rate, at shares of what a server can do.

python -m benchmarks.runtime.latency [--quick] [--processes 2] [--rounds 3] [--seconds 4] [--only mlservice,kserve]

What a server can do is measured first, in a closed loop of 32 connections for each of its processes. Then requests
are due at 50 % and at 80 % of that. A latency counts from the moment when its request was due: what waits because the
server is behind has waited (coordinated omission, which a closed loop leaves out). All latencies of all rounds are one
sample.

Each process has a CPU of its own, from the first one, and a port; callers have the next CPU, and never sleep there.
Where none is left they share those of the servers, sleep until something is due, and `sent late` says what that costs:
99 % of requests went out sooner after they were due. nginx, which answers a constant, is asked at the first server's
rates, and shows what is the callers' and the machine's own.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.runtime import models, peers
from benchmarks.runtime.callers import call, free_cpu
from benchmarks.runtime.servers import Running, cpu_s, serving

if TYPE_CHECKING:
    from benchmarks.runtime.callers import Heard
    from benchmarks.runtime.peers import Peer

NAMES = "mlservice,vertex-cpr,kserve,nginx constant"
SHARES = (0.5, 0.8)
CONNECTIONS = 32
# Of the open loop: more than are ever busy, unless the server is behind.
OPEN_CONNECTIONS = 128
ROWS = 1


@dataclass
class Measured:
    """A server, in one process or several, and what was heard of it."""

    peer: Peer
    running: list[Running]
    most_rps: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    heard: dict[float, list[Heard]] = field(default_factory=dict)

    def call(self, rows: list[list[float]], connections: int, seconds: float, rate: float = 0.0) -> Heard:
        """Call all of its processes."""
        count = len(self.running)
        urls = [one.url for one in self.running]
        return call(urls, self.peer.body(rows), count * connections, seconds, rate=rate, cpu=free_cpu(count))

    @property
    def most(self) -> float:
        """Give the requests per second that it can do."""
        return statistics.median(self.most_rps)

    def cpu_s(self) -> float:
        """Add up the CPU time of its processes."""
        return sum(cpu_s(one.process.pid)[0] for one in self.running)


def started(stack: ExitStack, peer: Peer, processes: int, known: models.Known) -> Measured:
    """Start a server so many times, each on a CPU of its own."""
    each = [stack.enter_context(serving(peer, known, 1, ROWS, cpu=str(cpu))) for cpu in range(processes)]
    return Measured(peer, each)


def measure(servers: list[Measured], known: models.Known, rounds: int, seconds: float) -> None:
    """Measure what each can do, then each share of it, in turns."""
    rows = known.rows[:ROWS]
    for _ in range(rounds):
        for one in servers:
            before = one.cpu_s()
            heard = one.call(rows, CONNECTIONS, seconds / 2)
            one.most_rps.append(heard.rps)
            one.cpu_us.append((one.cpu_s() - before) / max(heard.requests, 1) * 1e6)
    for _ in range(rounds):
        for one in servers:
            for share in SHARES:
                rate = share * (servers[0] if one.peer.constant else one).most
                one.heard.setdefault(share, []).append(one.call(rows, OPEN_CONNECTIONS, seconds, rate))


def report(servers: list[Measured]) -> None:
    """Print a row for each server and share."""
    heads = ("load", "due/s", "p50 ms", "p99 ms", "p99.9 ms", "most ms", "sent late", "requests", "failed")
    print(f"  {'':18}" + "".join(f"{head:>10}" for head in heads))
    for one in servers:
        most = (servers[0] if one.peer.constant else one).most
        print(f"  {one.peer.name:18}{'closed':>10}{one.most:10.0f}  {statistics.median(one.cpu_us):.1f} µs of CPU each")
        for share, heard in one.heard.items():
            took = np.concatenate([each.took_s for each in heard]) * 1e3
            points = [*np.percentile(took, [50, 99, 99.9]), took.max(), max(each.late_p99_ms for each in heard)]
            counts = f"{len(took):10d}{sum(each.failed for each in heard):10d}"
            waits = "".join(f"{value:10.2f}" for value in points)
            print(f"  {one.peer.name:18}{f'{share:.0%}':>10}{share * most:10.0f}{waits}{counts}")
    sys.stdout.flush()


def main() -> None:
    """Do as asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtime.latency", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round: for a look at the program itself")
    parser.add_argument("--processes", type=int, default=1, help="of each server, a CPU and a port for each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", default=NAMES, help="names of servers, separated by commas")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that an early end also ends the servers
    rounds, seconds = (1, 0.5) if options.quick else (options.rounds, options.seconds)
    wanted = [peer for peer in peers.PEERS if peer.name in options.only.split(",")]
    for absent in [peer for peer in wanted if not peer.installed]:
        print(f"{absent.name}: not installed (python -m benchmarks.runtime install)")
    known = models.known("onnx-forest")
    with ExitStack() as stack:
        servers = [started(stack, peer, options.processes, known) for peer in wanted if peer.installed]
        alone = "a CPU of their own" if free_cpu(options.processes) else "the same CPUs"
        print(f"\n{ROWS} row a request, servers of {options.processes} process(es), callers on {alone}")
        measure(servers, known, rounds, seconds)
        report(servers)


if __name__ == "__main__":
    main()
