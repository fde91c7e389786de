"""`mlservice doctor` over 20 services at 50 ms a call: the wall time of the whole command, its calls, and 0 writes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.cloud import against, cloud, control, spec

MANY = 20
LATENCY_MS = 50
ROUNDS = 3
_READING = ("Get", "List", "Test", "BatchGet", "Search", "get", "list", "testIamPermissions")


def timed(folder: Path) -> float:
    """Give the wall time in seconds; anything in the way is an error here."""
    command = [str(Path(sys.executable).with_name("mlservice")), "doctor", str(folder), "--local"]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - started


def writes(http: str) -> list[str]:
    """Name the calls that would change something."""
    named = [each["method"] for each in control(http, "GET", "calls")]
    asked = [name for name in named if not name.endswith("?validateOnly")]
    return [name for name in asked if not name.rpartition("/")[2].rpartition(".")[2].startswith(_READING)]


def main() -> None:
    """Print the numbers."""
    with cloud() as (http, folder):
        whole = folder / "many"
        whole.mkdir()
        for number in range(MANY):
            (whole / f"{number:02}.yaml").write_text(spec(f"service-{number:02}"))
        timed(whole)
        rules: list[dict[str, Any]] = [{"method": "*", "latency_ms": LATENCY_MS, "times": None}]
        control(http, "PUT", "faults", rules)
        control(http, "DELETE", "calls")
        median = statistics.median(timed(whole) for _ in range(ROUNDS))
        calls = sum(each["count"] for each in control(http, "GET", "calls")) // ROUNDS
        against(f"doctor over {MANY} services, {LATENCY_MS} ms per call ({calls} calls)", median, 5.0)
        against("  writes", float(len(writes(http))), 0.0, "calls")
        control(http, "DELETE", "faults")


if __name__ == "__main__":
    main()
