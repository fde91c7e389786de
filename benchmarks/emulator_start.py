"""How long the emulator takes from nothing to ready. Bar: 2 s. `python -m benchmarks.emulator_start`."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5


def start(state: Path) -> float:
    """Seconds until `emulator.json` is there; the daemon is stopped again."""
    before = time.monotonic()
    command = [sys.executable, "-m", "emulator", "serve", "--state", str(state)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not (state / "emulator.json").exists():
            if process.poll() is not None:
                raise RuntimeError("the emulator did not start")
            time.sleep(0.005)
        wall_s = time.monotonic() - before
        assert json.loads((state / "emulator.json").read_text())["pid"] == process.pid  # noqa: S101 - a benchmark's check
    finally:
        process.terminate()
        process.wait()
    return wall_s


def main() -> None:
    """Print medians of an empty and of a used state folder."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = [start(Path(folder) / str(number)) for number in range(ROUNDS)]
        again = [start(Path(folder) / "0") for _ in range(ROUNDS)]
    print(f"emulator ready, new state:  {statistics.median(fresh):.2f} s (bar 2 s; {ROUNDS} rounds)")
    print(f"emulator ready, used state: {statistics.median(again):.2f} s (bar 2 s; {ROUNDS} rounds)")


if __name__ == "__main__":
    main()
