"""A server under measurement: started on a CPU of its own, asked until it answers, weighed, ended with its children."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.runtime import peers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.runtime.models import Known
    from benchmarks.runtime.peers import Peer

SERVER_CPU = "0"
START_S = 90


@dataclass(slots=True)
class Running:
    """A server under measurement."""

    peer: Peer
    process: subprocess.Popen
    url: str
    started_s: float
    memory_mib: float
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    kernel_us: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)


def free_port() -> int:
    """Find a port with free ones behind it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url: str, body: bytes) -> bytes:
    """Send one request."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own servers
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        return answer.read()


@contextmanager
def serving(peer: Peer, known: Known, batch: int, rows: int = 32, cpu: str = SERVER_CPU) -> Iterator[Running]:
    """Start a server, and check that it predicts what the model predicts.

    Args:
        peer: Who.
        known: The model, and what it says.
        batch: Rows that it may join.
        rows: That will be asked for: so many labels has the answer of who has but one.
        cpu: Where it runs.
    """
    port = free_port()
    answer = json.dumps({"predictions": known.labels[:rows]}).encode()
    url = f"http://127.0.0.1:{port}{peer.path}"
    began = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "-c", cpu, *peers.command(peer, known.folder)],
        env=peers.environment(peer, known.folder, port, batch, answer),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=Path(__file__).parent / "peers" if peer.script else None,
        start_new_session=True,
    )
    try:
        found = first_answer(peer, process, url, known.rows)
        started = time.perf_counter() - began
        if found != known.labels and not peer.constant:
            raise SystemExit(f"{peer.name} predicts {found[:5]}…, the model {known.labels[:5]}…")
        yield Running(peer, process, url, started, memory_mib(process.pid))
    finally:
        end(process)


def end(process: subprocess.Popen) -> None:
    """End a server and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


def first_answer(peer: Peer, process: subprocess.Popen, url: str, rows: list[list[float]]) -> list[int]:
    """Ask until there is an answer."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            return peer.labels(ask(url, peer.body(rows)))
        except (OSError, ValueError, KeyError, urllib.error.URLError):
            time.sleep(0.01)
    raise RuntimeError(f"{peer.name} does not answer")


def tree(pid: int) -> list[int]:
    """Give a process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in tree(int(child)))]


def memory_mib(pid: int) -> float:
    """Add up the private and shared memory of a process tree, each page once per process (PSS)."""
    total = 0
    for one in tree(pid):
        lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def cpu_s(pid: int) -> tuple[float, float]:
    """Add up the CPU time of a process tree: all of it, and what of it the kernel took."""
    fields = [Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in tree(pid)]
    own, kernel = (sum(int(each[place]) for each in fields) / os.sysconf("SC_CLK_TCK") for place in (11, 12))
    return own + kernel, kernel


def wait_until(process: subprocess.Popen, url: str) -> None:
    """Wait until a path of a server answers 200.

    Raises:
        SystemExit: It never does.
    """
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=10).close()  # noqa: S310 - our own address
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{url} does not answer")
