"""Measure what tests cost, and write it down: `python -m tests.costs [PATH ...]`.

Without paths, the whole suite: as long as `make test` takes. Other people's work on the machine changes little. Tells
which tests' marks are no longer true. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.costs.choosing import MEASURED, left_out, measured
from tests.costs.counts import Counts, merged

ROOT = Path(__file__).resolve().parents[2]
SLOW_S, CHEAP_S = 1.5, 0.2
"""A test that costs more should be marked as slow; one that is marked and costs less should not."""


def main() -> int:
    """Give pytest's status: what was measured of a run that failed is written all the same."""
    parser = argparse.ArgumentParser("python -m tests.costs", description=__doc__)
    parser.add_argument("paths", nargs="*", help="folders and files of tests, from the root; none for all")
    parser.add_argument("--jobs", default="auto", help="test processes, as `pytest -n` takes them")
    parser.add_argument(
        "--fast", action="store_true", help="without tests that are marked as slow: all that --quick needs"
    )
    options = parser.parse_args()
    with TemporaryDirectory(prefix="mlservice-costs-") as folder:
        command = [sys.executable, "-m", "pytest", "-q", "-n", options.jobs, "--dist", "worksteal", f"--costs={folder}"]
        command += ["-m", "not slow"] if options.fast else []
        status = subprocess.run([*command, *options.paths], cwd=ROOT, check=False).returncode
        counts = merged(json.loads(path.read_text()) for path in Path(folder).glob("*.json"))
    _write(counts, whole=not options.paths)
    _tell(counts)
    return status


def _write(counts: Counts, *, whole: bool) -> None:
    """Keep what was not measured now, unless everything was."""
    before = {} if whole or not MEASURED.exists() else json.loads(MEASURED.read_text())
    costs = {module: cost for module, cost in (before | counts.costs()).items() if (ROOT / module).is_file()}
    MEASURED.write_text(json.dumps(costs, indent=1, sort_keys=True) + "\n")


def _tell(counts: Counts) -> None:
    costs = measured()
    without = left_out(costs)
    kept = sum(cost for module, cost in costs.items() if module not in without)
    print(f"\n{len(costs)} modules, of which --quick leaves out {len(without)}; the others cost {kept:.0f} s")
    print(f"beside modules: {counts.shared:.0f} s, in {counts.processes} processes")
    for test, cost in sorted(counts.tests.items()):
        if test in counts.slow and cost < CHEAP_S:
            print(f"marked as slow, and cheap: {test} ({cost:.1f} s)")
        elif test not in counts.slow and cost > SLOW_S:
            print(f"slow, and not marked: {test} ({cost:.1f} s)")


if __name__ == "__main__":
    sys.exit(main())
