"""Callers of a server under measurement: a closed loop, or requests that are due at a constant rate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from benchmarks.runtime.native import built

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runtime.data.tensors import Array

LOAD_CPU = "1"


@dataclass(frozen=True, slots=True)
class Heard:
    """What callers heard.

    Attributes:
        rps: Answers in a second.
        requests: All of them, those of the warm-up too.
        failed: Answers other than 200, and none at all.
        p50_ms, p99_ms: Latencies.
        late_p99_ms: How long after they were due requests went out, for want of a free connection too.
        took_s: Every latency, in seconds.
    """

    rps: float
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    late_p99_ms: float = 0.0
    took_s: Array = field(default_factory=lambda: np.empty(0))


def call(
    urls: Sequence[str], body: bytes, connections: int, seconds: float, *, rate: float = 0.0, cpu: str = ""
) -> Heard:
    """Drive servers for some seconds, after a tenth of that to warm up.

    Args:
        urls: Of one path, at some ports; connections are divided among them.
        body: Of every request.
        connections: How many.
        seconds: That count.
        rate: Requests due in a second, of all connections; 0 for a closed loop.
        cpu: Of the callers, who then never sleep where requests are due; empty leaves them where there is room.
    """
    parts = [urlsplit(url) for url in urls]
    ports = ",".join(str(part.port) for part in parts)
    sleeps = str(int(not (rate and cpu)))
    pinned = ["taskset", "-c", cpu] if cpu else []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "latencies"
        told = [parts[0].hostname or "", ports, parts[0].path, connections, seconds, rate, sleeps, file]
        command = [*pinned, str(built("load")), *map(str, told)]
        done = subprocess.run(command, input=body, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(urls)}: {done.stderr.decode() or f'the callers ended with {done.returncode}'}")
        sys.stderr.write(done.stderr.decode())
        return Heard(**json.loads(done.stdout), took_s=np.fromfile(file))


def free_cpu(servers: int) -> str:
    """Give the CPU that servers on the first ones leave; empty where they leave none."""
    return str(servers) if (os.cpu_count() or 1) > servers else ""
