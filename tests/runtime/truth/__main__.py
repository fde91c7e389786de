"""`python -m tests.runtime.truth [NAME ...]`: prints the table, and what is wrong; exit status 1 if anything is."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from tests.runtime.truth.doors import DOORS
from tests.runtime.truth.table import MODELS, SITUATIONS, Verdict, judged

LETTERS = {"equal": "=", "refused": "r", "cannot be said": "-", "wrong": "WRONG"}


def main(names: list[str]) -> int:
    """Print a row for each model: how many requests were answered as by the library, refused, or not to be said."""
    began = time.perf_counter()
    verdicts = {name: found for name in names or MODELS if (found := verdict(name)) is not None}
    print(f"\n{'':36}" + "".join(f"{door:>22}" for door in DOORS))
    for situation in SITUATIONS:
        cells = [
            sum((v.counts.get((situation, door), Counter()) for v in verdicts.values()), Counter()) for door in DOORS
        ]
        print(f"{situation:36}" + "".join(f"{shown(cell):>22}" for cell in cells))
    wrong = [line for found in verdicts.values() for line in found.wrong]
    total = sum((found.of(situation) for found in verdicts.values() for situation in SITUATIONS), Counter())
    print(*wrong, sep="\n")
    seconds = time.perf_counter() - began
    print(f"{len(verdicts)} models, {total.total()} requests in {seconds:.0f} s: {dict(total)}; wrong: {len(wrong)}")
    return bool(wrong)


def verdict(name: str) -> Verdict | None:
    """Judge a model, and print its row; None where its library is not here."""
    if name.startswith("torch") and importlib.util.find_spec("torch") is None:
        print(f"{name:36}torch is not installed")
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = judged(name, Path(folder))
        except Exception as error:  # noqa: BLE001 - the other models have their rows all the same
            found = Verdict(wrong=[f"{name} is not served: {error!r}"])
    print(
        f"{name:36}" + "".join(f"{situation}: {shown(found.of(situation)):24}" for situation in SITUATIONS), flush=True
    )
    return found


def shown(counts: Counter[str]) -> str:
    return " ".join(f"{counts[outcome]}{letter}" for outcome, letter in LETTERS.items() if counts[outcome])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
