"""False alarms and misses, beside Evidently's defaults on the same windows: `python -m benchmarks.drift_detection`.

A baseline of 10,000 rows each, 200 windows of 100, 1,000 and 10,000 rows: without a shift (an alarm is false) and with
each of the shifts below (no alarm is a miss). Bar: at equal or fewer false alarms, no more misses, at every size.
Evidently decides as it does when nobody tells it anything. A window is shifted to us where Google's distance or, of
numbers, the distance of order (`monitoring.skew.order`) is beyond its limit. Both need limits, per feature and size:

- *calibrated*: the 99.9 % of `--history` windows without a shift, as whoever calibrates from history finds it;
- *a breach*: beyond that one, and beyond what `runtime.retraining.watching` grants so few rows, which is what starts a
  training and what `mlservice monitor` calls so;
- *as often wrong*: the limits with which as many windows are called shifted as Evidently calls of those without a
  shift, 0.1 % where it calls none. Of numbers all of these are left to order: Google's distance has the limit that
  adds none. Each is a quantile of the same history, and raised, where that is needed, until no more of those very
  windows are called so. Misses are compared at this one, since a tool that calls everything shifted misses nothing.

A feature that is `logarithmic` in a spec is compared by its logarithm; Evidently has the values themselves.

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
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import EVIDENTLY, environment

SIZES = (100, 1_000, 10_000)
BASELINE, RUNS = 10_000, 200
CALM = "none"
RAREST = 0.001
"""The least rate of false alarms that a threshold is found for."""
CALIBRATED, BREACH, AS_OFTEN = "calibrated", "a breach", "as often wrong"
BY_LOGARITHM = frozenset({"logarithmic"})
"""Features that we compare by their logarithm, as a spec's `monitoring.logarithmic` says."""
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
    "logarithmic": {
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


Distances = list[tuple[float, float]]
"""Of windows: Google's, and that of order; of labels, which have none, that is 0."""
Pair = tuple[float, float]
"""Limits of both."""


def ours(history: int, evidently: dict[str, int]) -> dict[str, dict[str, int]]:
    """Give how many windows of each case are beyond our limits, by the name of the limits.

    Args:
        history: How many windows without a shift limits are found from.
        evidently: How many windows of each case Evidently calls shifted.
    """
    known = {feature: summary(feature, baseline(feature)) for feature in FEATURES}
    far: dict[str, Distances] = {}
    for feature, shift, size, rows in windows():
        far.setdefault(key(feature, shift, size), []).append(distances(feature, known[feature], rows))
    found: dict[str, dict[str, int]] = {}
    for feature, size in product(FEATURES, SIZES):
        random = random_of(feature, "history", size)
        past = [distances(feature, known[feature], FEATURES[feature][CALM](random, size)) for _ in range(history)]
        calm = key(feature, CALM, size)
        limits = thresholds(feature, size, past)
        limits[AS_OFTEN] = matched(feature, past, far[calm], evidently[calm])
        for shift, (name, pair) in product(FEATURES[feature], limits.items()):
            case = key(feature, shift, size)
            found.setdefault(name, {})[case] = sum(is_beyond(each, pair) for each in far[case])
    return found


def is_beyond(far: Pair, limits: Pair) -> bool:
    """Whether a window is beyond either limit."""
    return any(distance > limit for distance, limit in zip(far, limits, strict=True))


def thresholds(feature: str, size: int, past: Distances) -> dict[str, Pair]:
    """Give the limits of a service that is calibrated: for telling people, and for starting a training."""
    from runtime.retraining.watching import chance, order  # noqa: PLC0415 - Evidently's environment need not have it

    google, by_order = (float(np.quantile(each, 1 - RAREST)) for each in zip(*past, strict=True))
    if is_category(feature):
        values = int(feature.partition(" ")[0])
        granted = chance.of_distance(chance.LINFINITY, values, size, BASELINE, chance.WINDOW)
        return {CALIBRATED: (google, by_order), BREACH: (max(google, granted), by_order)}
    each = chance.WINDOW / 2  # of two distances
    granted = chance.of_distance("jensen_shannon_divergence", 20, size, BASELINE, each)
    ordered = order.by_chance(size, BASELINE, each)
    return {CALIBRATED: (google, by_order), BREACH: (max(google, granted), max(by_order, ordered))}


def matched(feature: str, past: Distances, calm: Distances, alarms: int) -> Pair:
    """Give the least limits that are no more often wrong than somebody else, in history and in these windows.

    Args:
        feature: Of numbers the other one's alarms are all left to order.
        past: Windows without a shift, of which limits are quantiles.
        calm: The windows that somebody else judged.
        alarms: How many of those the other one called shifted.
    """
    google = least([each for each, _ in past], [each for each, _ in calm], alarms if is_category(feature) else 0)
    if is_category(feature):
        return google, 0.0
    # What is beyond Google's limit is called shifted in any case.
    both = [[np.inf if far > google else ordered for far, ordered in side] for side in (past, calm)]
    return google, least(both[0], both[1], alarms)


def least(past: list[float], calm: list[float], alarms: int) -> float:
    """Give the least limit of one distance that is so; see `matched`."""
    usual = float(np.quantile(past, 1 - max(RAREST, alarms / RUNS), method="higher"))
    return usual if alarms >= len(calm) else max(usual, sorted(calm, reverse=True)[alarms])


def summary(feature: str, rows: Any) -> Any:
    """What is compared of a column: counts, or buckets of equal width and ends of buckets of equal count."""
    from emulator.statistics import histograms  # noqa: PLC0415 - Evidently's environment does not have it
    from runtime.retraining.watching.order import Ends  # noqa: PLC0415 - as above

    if is_category(feature):
        values, counts = np.unique(rows, return_counts=True)
        return dict(zip(values.tolist(), counts.astype(float).tolist(), strict=True))
    rows = np.log(rows) if feature in BY_LOGARITHM else rows
    edges = histograms.edges_of(rows.min(), rows.max())
    equal = histograms.equal_count(np.sort(rows), len(rows), 0)
    ends = Ends.of(zip(equal.lows.tolist(), equal.highs.tolist(), equal.counts.tolist(), strict=True))
    return histograms.with_infinities(edges, histograms.count(rows, edges), 0, 0, 0), ends


def distances(feature: str, known: Any, rows: Any) -> Pair:
    """How far a window is from its baseline: by Google's distance, and by order."""
    from emulator.statistics import distances as google  # noqa: PLC0415 - as above
    from runtime.retraining.watching import order  # noqa: PLC0415 - as above

    found = summary(feature, rows)
    if is_category(feature):
        return google.l_infinity(known, found)[1], 0.0
    return google.divergence_of_histograms(known[0], found[0]) or 0.0, order.distance(known[1], found[1])


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


def show(mine: dict[str, dict[str, int]], evidently: dict[str, int]) -> None:
    """Print the table, and of each row whether the bar holds."""
    sides = {CALIBRATED: mine[CALIBRATED], BREACH: mine[BREACH], AS_OFTEN: mine[AS_OFTEN], "Evidently": evidently}
    print(f"Of {RUNS} windows. The bar is about `{AS_OFTEN}`, beside Evidently.")
    print(f"{'':42} {'  '.join(f'{name:>20}' for name in sides)}")
    sizes = " ".join(f"{size:>6,}" for size in SIZES)
    print(f"{'feature':13} {'rows':28} {'  '.join([sizes] * len(sides))}  bar")
    for feature, shifts in FEATURES.items():
        for shift in shifts:
            cases = [key(feature, shift, size) for size in SIZES]
            counts = [[wrong(side[case], shift) for case in cases] for side in sides.values()]
            what = "false alarms" if shift == CALM else f"misses, {shift}"
            row = "  ".join(" ".join(f"{count:6}" for count in side) for side in counts)
            print(f"{feature:13} {what:28} {row}  {bar(*counts[2:])}")


def wrong(alarms: int, shift: str) -> int:
    """Give how many verdicts are wrong: alarms without a shift, no alarm with one."""
    return alarms if shift == CALM else RUNS - alarms


def bar(mine: list[int], evidently: list[int]) -> str:
    """Say whether the bar holds, or at which sizes it does not."""
    missed = [f"{size:,}" for size, one, other in zip(SIZES, mine, evidently, strict=True) if one > other]
    return f"not at {', '.join(missed)}" if missed else "holds"


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
        evidently = asked_of(asked.evidently)
        show(ours(asked.history, evidently), evidently)


if __name__ == "__main__":
    sys.exit(main())
