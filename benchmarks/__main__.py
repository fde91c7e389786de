"""Run benchmarks: `python -m benchmarks [NAME ...] [OPTION ...]`; without a name, every quick one.

Options after the names go to each of those named; `--help` after a name says which it has.
"""

import argparse
import ast
import importlib
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

QUICK = ("emulator_start", "command_line", "plan", "cost", "passes", "doctor", "house", "function_start")
WITH_OPTIONS = (
    "bigquery",
    "drift_beside_tfdv",
    "drift_detection",
    "house",
    "imports",
    "monitoring_job",
    "prediction_log",
    "rollouts",
)
"""They read `sys.argv`; the others take nothing after their name."""
NAMES = tuple(sorted({*QUICK, *WITH_OPTIONS, "cost_beside_infracost", "images", "page", "pubsub", "streams"}))


def main(given: Sequence[str]) -> None:
    """Run those named, or all quick ones. The model server's own are in `benchmarks.runtime`.

    Args:
        given: What stands behind `python -m benchmarks`.

    Raises:
        SystemExit: Something else than a benchmark is named, or a benchmark does not take the options.
    """
    names = tuple(takewhile(NAMES.__contains__, given))
    options = list(given[len(names) :])
    if not names:
        own = argparse.ArgumentParser(prog="python -m benchmarks", description=f"Benchmarks: {', '.join(NAMES)}.")
        own.parse_args(options)
    for name in names or QUICK:
        run(name, options)


def run(name: str, options: list[str]) -> None:
    """Run one, with the options as its command line."""
    if name not in WITH_OPTIONS:
        text = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text()))
        argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=text).parse_args(options)
    print(f"\n== benchmarks.{name}", flush=True)
    before, sys.argv = sys.argv, [f"python -m benchmarks {name}", *options]
    try:
        importlib.import_module(f"benchmarks.{name}").main()
    finally:
        sys.argv = before


if __name__ == "__main__":
    main(sys.argv[1:])
