"""False alarms and misses, beside Evidently's defaults on the same windows: `python -m benchmarks.drift_detection`.

Five features, a baseline of 10,000 rows each, 200 windows of 100, 1,000 and 10,000 rows: without a shift (an alarm is
false) and with each of the shifts below (no alarm is a miss). Bar: at equal or fewer false alarms, no more misses, at
every size. Our distance needs a threshold: one per feature and size, the 99.9 % of `--history` windows without a shift,
as whoever calibrates from a feature's history finds it. Evidently decides as it does when nobody tells it anything.

Evidently (0.7, with pandas below 3) gets an environment of its own, made by uv and thrown away; `--evidently PYTHON`
names one that is there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import EVIDENTLY, environment

SIZES = (100, 1_000, 10_000)
BASELINE, RUNS = 10_000, 200
CALM = "none"
Draw = Callable[[Any, int], Any]


def category(random: Any, size: int, values: int, *, moved: float = 0.0) -> Any:
    """A category whose values get rarer, with some of the first one's share moved to the last."""
    shares = np.linspace(2, 1, values) / np.linspace(2, 1, values).sum()
    shares[0] -= moved
    shares[-1] += moved
    return random.choice([f"v{each}" for each in range(values)], size, p=shares)


FEATURES: dict[str, dict[str, Draw]] = {
    "normal": {
        CALM: lambda r, n: r.normal(0, 1, n),
        "up by 0.5 deviations": lambda r, n: r.normal(0.5, 1, n),
        "half as wide again": lambda r, n: r.normal(0, 1.5, n),
    },
    "uniform": {
        CALM: lambda r, n: r.uniform(0, 1, n),
        "up by 0.5 deviations": lambda r, n: r.uniform(0, 1, n) + 0.5 / np.sqrt(12),
        "denser above": lambda r, n: np.sqrt(r.uniform(0, 1, n)),
    },
    "log-normal": {
        CALM: lambda r, n: r.lognormal(0, 1, n),
        "times 1.5": lambda r, n: 1.5 * r.lognormal(0, 1, n),
        "a heavier tail": lambda r, n: r.lognormal(0, 1.4, n),
    },
    "its logarithm": {
        CALM: lambda r, n: np.log(r.lognormal(0, 1, n)),
        "times 1.5": lambda r, n: np.log(1.5 * r.lognormal(0, 1, n)),
        "a heavier tail": lambda r, n: np.log(r.lognormal(0, 1.4, n)),
    },
    "3 categories": {
        CALM: lambda r, n: category(r, n, 3),
        "a tenth moved": lambda r, n: category(r, n, 3, moved=0.1),
    },
    "20 categories": {
        CALM: lambda r, n: category(r, n, 20),
        "a twentieth moved": lambda r, n: category(r, n, 20, moved=0.05),
    },
}


def is_category(feature: str) -> bool:
    """Whether a feature has labels."""
    return "categories" in feature


def random_of(*words: Any) -> Any:
    """Random numbers that are the same in every process."""
    return np.random.default_rng([sum(map(ord, str(word))) for word in words])


def baseline(feature: str) -> Any:
    """The rows that windows are compared with."""
    return FEATURES[feature][CALM](random_of(feature, "baseline"), BASELINE)


def windows() -> Iterator[tuple[str, str, int, Any]]:
    """Feature, shift, size and rows of every window."""
    for feature, shifts in FEATURES.items():
        for shift, draw in shifts.items():
            for size in SIZES:
                random = random_of(feature, shift, size)
                for _ in range(RUNS):
                    yield feature, shift, size, draw(random, size)


def key(feature: str, shift: str, size: int) -> str:
    """A case as JSON names it."""
    return f"{feature}/{shift}/{size}"


def alarms(alarmed: Callable[[str, int, Any], bool]) -> dict[str, int]:
    """How many windows of each case somebody calls shifted."""
    found: dict[str, int] = {}
    for feature, shift, size, rows in windows():
        case = key(feature, shift, size)
        found[case] = found.get(case, 0) + bool(alarmed(feature, size, rows))
    return found


def ours(history: int) -> dict[str, int]:
    """Our distance with thresholds from history."""
    known = {feature: summary(feature, baseline(feature)) for feature in FEATURES}
    limits = {}
    for feature in FEATURES:
        for size in SIZES:
            random = random_of(feature, "history", size)
            calm = [FEATURES[feature][CALM](random, size) for _ in range(history)]
            limits[feature, size] = np.quantile([distance(feature, known[feature], rows) for rows in calm], 0.999)
    return alarms(lambda feature, size, rows: distance(feature, known[feature], rows) > limits[feature, size])


def summary(feature: str, rows: Any) -> Any:
    """What is compared of a column: counts, or a histogram."""
    from emulator.statistics import histograms  # noqa: PLC0415 - Evidently's environment does not have it

    if is_category(feature):
        values, counts = np.unique(rows, return_counts=True)
        return dict(zip(values.tolist(), counts.astype(float).tolist(), strict=True))
    edges = histograms.edges_of(rows.min(), rows.max())
    return histograms.with_infinities(edges, histograms.count(rows, edges), 0, 0, 0)


def distance(feature: str, known: Any, rows: Any) -> float:
    """How far a window is from its baseline."""
    from emulator.statistics import distances  # noqa: PLC0415 - as above

    found = summary(feature, rows)
    if is_category(feature):
        return distances.l_infinity(known, found)[1]
    return distances.divergence_of_histograms(known, found) or 0.0


def theirs() -> dict[str, int]:
    """Evidently's verdicts; runs in its own environment."""
    import pandas as pd  # noqa: PLC0415 - only there
    from evidently.legacy.calculations.stattests import registry  # noqa: PLC0415 - only there
    from evidently.legacy.core import ColumnType  # noqa: PLC0415 - only there

    known = {feature: pd.Series(baseline(feature)) for feature in FEATURES}

    def alarmed(feature: str, _: int, rows: Any) -> bool:
        kind = ColumnType.Categorical if is_category(feature) else ColumnType.Numerical
        test = registry.get_stattest(known[feature], pd.Series(rows), kind, None)
        return bool(test(known[feature], pd.Series(rows), kind, None).drifted)

    return alarms(alarmed)


def asked_of(python: str) -> dict[str, int]:
    """The same, asked of that environment."""
    command = [python, "-W", "ignore", "-m", "benchmarks.drift_detection", "--theirs"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "."})
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(mine: dict[str, int], evidently: dict[str, int]) -> None:
    """Print the table."""
    print(f"{'':15} {'':28} {'ours, of 200 windows':>23}  {'Evidently':>23}")
    print(
        f"{'feature':15} {'rows':28} {' '.join(f'{size:>7,}' for size in SIZES)}  {' '.join(f'{s:>7,}' for s in SIZES)}"
    )
    for feature, shifts in FEATURES.items():
        for shift in shifts:
            cases = [key(feature, shift, size) for size in SIZES]
            counts = [
                [each[case] if shift == CALM else RUNS - each[case] for case in cases] for each in (mine, evidently)
            ]
            what = "false alarms" if shift == CALM else f"misses, {shift}"
            row = "  ".join(" ".join(f"{count:7}" for count in side) for side in counts)
            print(f"{feature:15} {what:28} {row}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--evidently", help="an interpreter that has Evidently 0.7")
    parser.add_argument("--history", type=int, default=1000, help="windows that thresholds are found from")
    parser.add_argument("--theirs", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.theirs:
        print(json.dumps(theirs()))
        return
    with tempfile.TemporaryDirectory() as folder:
        if asked.evidently is None:
            asked.evidently = environment(Path(folder, "evidently"), EVIDENTLY)
        show(ours(asked.history), asked_of(asked.evidently))


if __name__ == "__main__":
    sys.exit(main())
