"""What the benchmarks share: an emulator of their own, and timing of whole commands."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

HELLO = "us-docker.pkg.dev/cloudrun/container/hello"


@contextmanager
def cloud() -> Iterator[tuple[str, Path]]:
    """Give an emulator's address and an empty folder; commands of this process with --local go there."""
    with tempfile.TemporaryDirectory(prefix="mlservice-bench-") as name:
        folder = Path(name)
        os.environ["MLSERVICE_EMULATOR_STATE"] = str(folder / "emulator")
        mlservice("emulator", "start")
        try:
            yield json.loads((folder / "emulator" / "emulator.json").read_text())["http"], folder
        finally:
            mlservice("emulator", "stop")


def mlservice(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would."""
    command = [str(Path(sys.executable).with_name("mlservice")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 2}:
        sys.exit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done


def wall_s(*arguments: str, rounds: int = 7) -> tuple[float, float, float]:
    """Time a whole command: least, median and greatest of several rounds, in seconds."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        mlservice(*arguments)
        taken.append(time.perf_counter() - started)
    return min(taken), statistics.median(taken), max(taken)


def control(http: str, verb: str, path: str, body: Any = None) -> Any:
    """Steer the emulator."""
    return httpx.request(verb, f"{http}/_emulator/{path}", json=body, timeout=600).json()


def spec(name: str) -> str:
    """Give the smallest service on the image that starts fastest."""
    return (
        f"apiVersion: mlservice/v1\nkind: MLService\nmetadata: {{name: {name}}}\n"
        f"spec:\n  region: europe-west1\n  image: {HELLO}\n  management: {{deletion: Delete}}\n"
        "  access: {invokers: ['user:someone@example.com']}\n"
    )


def against(what: str, value: float, bar: float, unit: str = "s") -> None:
    """Print a number beside its bar."""
    verdict = "ok" if value <= bar else "OVER"
    print(f"{what:<64} {value:9.2f} {unit:<5} bar {bar:g} {unit}  {verdict}", flush=True)
