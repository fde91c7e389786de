"""A pass of the job with nothing to do: one shard over 200 services, and each of ten shards, at 50 ms a call."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.cloud import against, cloud, control, mlservice, spec

MANY = int(os.environ.get("SERVICES", "200"))
SHARDS = 10
LATENCY_MS = 50
ORDERS = {
    "name": "mlservice",
    "region": "europe-west1",
    "environment": "",
    "drift": "Correct",
    "deletes": 10,
    "timeZone": "Etc/UTC",
    "freeze": [],
    "runtimeImage": "",
}


def one_pass(folder: Path, index: int, count: int) -> float:
    """Run one shard as the job does, and give its wall time in seconds."""
    told = {
        "MLSERVICE_OPERATOR": json.dumps(ORDERS),
        "CLOUD_RUN_TASK_INDEX": str(index),
        "CLOUD_RUN_TASK_COUNT": str(count),
    }
    command = [sys.executable, "-m", "reconciler.cli", "reconcile", str(folder), "--local"]
    started = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    last = json.loads(done.stderr.splitlines()[-1])
    if done.returncode or last["changed"]:
        sys.exit(f"the pass was not empty:\n{done.stderr[-3000:]}")
    return seconds


def plan(folder: Path) -> float:
    """Time a plan of the same, for comparison on a busy machine."""
    started = time.perf_counter()
    mlservice("plan", str(folder), "--local")
    return time.perf_counter() - started


def calls(http: str, folder: Path, count: int) -> int:
    """Count the API calls of the first shard."""
    control(http, "DELETE", "calls")
    one_pass(folder, 0, count)
    counts: list[dict[str, Any]] = control(http, "GET", "calls")
    return sum(each["count"] for each in counts if not each["method"].endswith("GetIamPolicy"))


def main() -> None:
    """Print times, memory and calls."""
    with cloud() as (http, there):
        folder = there / "specs"
        folder.mkdir()
        for number in range(MANY):
            (folder / f"{number:04}.yaml").write_text(spec(f"service-{number:04}"))
        started = time.perf_counter()
        mlservice("apply", str(folder), "--local", "--yes")
        print(f"{MANY} services applied in {time.perf_counter() - started:.1f} s", flush=True)
        alone, shared = calls(http, folder, 1), calls(http, folder, SHARDS)
        print(f"calls but for policies: {alone} in one shard, {shared} in one of {SHARDS}")
        control(http, "PUT", "faults", [{"method": "*", "latency_ms": LATENCY_MS, "times": None}])
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        against(f"a pass over {MANY} services, one shard, {LATENCY_MS} ms a call", one_pass(folder, 0, 1), 5.0)
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        print(f"  of which it computed for {used:.2f} s", flush=True)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        against("  its memory", memory, 400.0, "MB")
        print(f"  a plan of the same takes {plan(folder):.2f} s", flush=True)
        slowest = max(one_pass(folder, index, SHARDS) for index in range(SHARDS))
        against(f"  the slowest of {SHARDS} shards, one after the other", slowest, 5.0)


if __name__ == "__main__":
    main()
