"""Run every quick benchmark: `python -m benchmarks [NAME ...]`. `imports`, which takes minutes, only by its name."""

import importlib
import sys

QUICK = ("emulator_start", "command_line", "plan", "passes", "doctor", "house", "function_start")


def main() -> None:
    """Run those named, or all quick ones. The model server's own are in `benchmarks.runtime`."""
    for name in sys.argv[1:] or QUICK:
        print(f"\n== benchmarks.{name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
