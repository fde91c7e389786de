"""An empty plan over 200 services: the same number of read calls as over one, and the wall time at 50 ms a call."""

import resource
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.cloud import against, cloud, control, mlservice, spec

MANY = 200
LATENCY_MS = 50
# Where Google has no list of the whole: one call per object.
ONE_EACH = ("GetIamPolicy",)


def calls(http: str, folder: Path) -> dict[str, int]:
    """Count the API calls of one plan, which must be empty."""
    control(http, "DELETE", "calls")
    done = mlservice("plan", str(folder), "--local", "--detailed-exitcode")
    if done.returncode:
        sys.exit(f"the plan is not empty:\n{done.stdout[-3000:]}")
    return {each["method"]: each["count"] for each in control(http, "GET", "calls")}


def total(counts: dict[str, int], *, each: bool) -> int:
    """Add up the calls that are made once per object, or the others."""
    return sum(n for name, n in counts.items() if name.endswith(ONE_EACH) == each)


def timed(folder: Path) -> tuple[float, float]:
    """Give the wall time of a plan in seconds, and its greatest memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    started = time.perf_counter()
    mlservice("plan", str(folder), "--local")
    seconds = time.perf_counter() - started
    return seconds, max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def show(one: dict[str, int], many: dict[str, int]) -> None:
    """Print the calls side by side."""
    print(f"{'method':<76} {1:>5} {MANY:>5}")
    for name in sorted(one.keys() | many.keys()):
        print(f"{name:<76} {one.get(name, 0):>5} {many.get(name, 0):>5}")


def main() -> None:
    """Print counts and times."""
    with cloud() as (http, folder):
        single, whole = folder / "one", folder / "many"
        single.mkdir()
        whole.mkdir()
        (single / "mlservice.yaml").write_text(spec("service-000"))
        for number in range(MANY):
            (whole / f"{number:03}.yaml").write_text(spec(f"service-{number:03}"))
        started = time.perf_counter()
        mlservice("apply", str(whole), "--local", "--yes")
        print(f"{MANY} services applied in {time.perf_counter() - started:.1f} s", flush=True)
        one, many = calls(http, single), calls(http, whole)
        show(one, many)
        print(f"calls once per plan: {total(one, each=False)} for 1, {total(many, each=False)} for {MANY} services")
        rules: list[dict[str, Any]] = [{"method": "*", "latency_ms": LATENCY_MS, "times": None}]
        control(http, "PUT", "faults", rules)
        seconds, memory = timed(whole)
        against(f"empty plan over {MANY} services, {LATENCY_MS} ms per call", seconds, 5.0)
        against("  its memory", memory, 400.0, "MB")
        control(http, "DELETE", "faults")
        seconds, _ = timed(whole)
        print(f"  without latency: {seconds:.2f} s")


if __name__ == "__main__":
    main()
