"""Our distances beside those of TensorFlow Data Validation: `python -m benchmarks.drift_beside_tfdv [--write]`.

Three data sets of scikit-learn, twenty shifts of each, every feature and three of them as categories. TFDV 1.16 gets an
environment of its own (Python 3.11, with `dill`, which it forgets to ask for), made by uv and thrown away; `--tfdv
PYTHON` names one that is there. `--write` keeps what TFDV answered for the tests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets

from benchmarks.environments import environment

KEPT = Path("tests/emulator_vertex/tfdv_cases.json")
TFDV = ("tensorflow-data-validation", "dill", "setuptools<81")
CATEGORIES = 3
"""So many features are also compared as categories: in which fifth of the baseline a value lies."""
Table = dict[str, Any]
"""Columns by name: arrays of floats, in which NaN is a missing value, or lists of texts."""
SETS = {"breast_cancer": datasets.load_breast_cancer, "wine": datasets.load_wine, "diabetes": datasets.load_diabetes}


def some(size: int, share: float) -> Any:
    """Which rows are hit, the same ones each time."""
    return np.random.default_rng(7).random(size) < share


def noise(size: int) -> Any:
    """Normal noise, the same each time."""
    return np.random.default_rng(8).normal(size=size)


SHIFTS: dict[str, Callable[[Any], Any]] = {
    "none, every second row": lambda x: x[::2],
    "up by 0.25 deviations": lambda x: x + 0.25 * x.std(),
    "up by 0.5 deviations": lambda x: x + 0.5 * x.std(),
    "up by 1 deviation": lambda x: x + x.std(),
    "up by 2 deviations": lambda x: x + 2 * x.std(),
    "half as wide": lambda x: x.mean() + (x - x.mean()) / 2,
    "half as wide again": lambda x: x.mean() + 1.5 * (x - x.mean()),
    "twice as wide": lambda x: x.mean() + 2 * (x - x.mean()),
    "another unit, times 1000": lambda x: 1000 * x,
    "the sign turned": lambda x: -x,
    "cut off at the median": lambda x: np.minimum(x, np.median(x)),
    "only the upper half": lambda x: x[x >= np.median(x)],
    "noise of 0.5 deviations": lambda x: x + 0.5 * x.std() * noise(len(x)),
    "a tenth ten times as large": lambda x: np.where(some(len(x), 0.1), 10 * x, x),
    "one value a hundred times the largest": lambda x: np.append(x[1:], 100 * np.abs(x).max()),
    "rounded to whole deviations": lambda x: np.round(x / x.std()) * x.std(),
    "a third replaced by the mean": lambda x: np.where(some(len(x), 0.33), x.mean(), x),
    "a third missing": lambda x: np.where(some(len(x), 0.33), np.nan, x),
    "squared": lambda x: x * x,
    "constant": lambda x: np.full(len(x), x.mean()),
}


def baseline(name: str) -> Table:
    """A data set as it is."""
    values = SETS[name](return_X_y=True)[0].astype(np.float64)
    return with_categories({f"f{number:02}": column for number, column in enumerate(values.T)}, None)


def shifted(table: Table, shift: str) -> Table:
    """The same, each feature by itself shifted. Columns may come out shorter: they end in missing values."""
    moved = {name: SHIFTS[shift](column) for name, column in table.items() if name[0] == "f"}
    rows = max(map(len, moved.values()))
    padded = {name: np.append(column, np.full(rows - len(column), np.nan)) for name, column in moved.items()}
    return with_categories(padded, table)


def with_categories(table: Table, reference: Table | None) -> Table:
    """Some features also as categories, by the fifths of the reference."""
    found = dict(table)
    for name in sorted(table)[:CATEGORIES]:
        cuts = np.quantile((reference or table)[name], [0.2, 0.4, 0.6, 0.8])
        found["c" + name[1:]] = [None if np.isnan(x) else f"q{np.searchsorted(cuts, x)}" for x in table[name]]
    return found


def ours(one: Table, other: Table) -> dict[str, float | None]:
    """Our distances by column."""
    from emulator.apis.aiplatform.monitoring.drift import L_INFINITY, compared  # noqa: PLC0415 - numpy alone till here

    sides = [summaries(table) for table in (one, other)]
    return {name: compared(L_INFINITY, sides[0][name], sides[1][name])[1] for name in one}


def summaries(table: Table) -> Any:
    """What is kept of each column."""
    from emulator.statistics.batches import Batch, Labels, Numbers  # noqa: PLC0415 - as above
    from emulator.statistics.profiles import profile  # noqa: PLC0415 - as above

    columns: dict[str, Numbers | Labels] = {}
    for name, column in table.items():
        if name[0] == "f":
            columns[name] = Numbers(column[~np.isnan(column)], int(np.isnan(column).sum()))
        else:
            values, counts = np.unique([each for each in column if each is not None], return_counts=True)
            columns[name] = Labels(values.tolist(), counts, column.count(None))
    rows = len(next(iter(table.values())))
    return profile(lambda: iter([Batch(rows, columns)])).columns


THEIRS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pandas, tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
cases, found, known = json.load(open(sys.argv[1])), {}, {}

def statistics(table):
    kinds = {name: "float64" if name[0] == "f" else "object" for name in table}
    frame = pandas.DataFrame({name: pandas.Series(column, dtype=kinds[name]) for name, column in table.items()})
    return tfdv.generate_statistics_from_dataframe(frame, n_jobs=1)

for name, case in cases.items():
    before = statistics(case["baseline"])
    schema = tfdv.infer_schema(before)
    for feature in schema.feature:
        norm = feature.drift_comparator
        (norm.jensen_shannon_divergence if feature.name[0] == "f" else norm.infinity_norm).threshold = 0
    for shift, table in case["targets"].items():
        anomalies = tfdv.validate_statistics(statistics(table), schema, previous_statistics=before)
        found[name + ": " + shift] = {
            info.path.step[0]: info.drift_measurements[0].value
            for info in anomalies.drift_skew_info if info.drift_measurements
        }
json.dump(found, open(sys.argv[2], "w"))
"""


def plain(table: Table) -> dict[str, list[Any]]:
    """A table in JSON: a missing value is null."""
    return {
        name: [None if each is None or each != each else each for each in column]  # noqa: PLR0124 - NaN
        for name, column in table.items()
    }


def theirs(python: str, folder: Path) -> dict[str, dict[str, float]]:
    """What TFDV answers, by case and column."""
    tables = {name: baseline(name) for name in SETS}
    cases = {
        name: {"baseline": plain(table), "targets": {shift: plain(shifted(table, shift)) for shift in SHIFTS}}
        for name, table in tables.items()
    }
    (folder / "cases.json").write_text(json.dumps(cases))
    command = [python, "-c", THEIRS, str(folder / "cases.json"), str(folder / "found.json")]
    subprocess.run(command, check=True, capture_output=True)
    found: dict[str, dict[str, float]] = json.loads((folder / "found.json").read_text())
    return found


def differences(answers: dict[str, dict[str, float]]) -> dict[str, tuple[float, str, float | None, float | None]]:
    """By case the largest difference: how much, of which column, ours, theirs."""
    found = {}
    for case, measured in answers.items():
        name, _, shift = case.partition(": ")
        table = baseline(name)
        mine = ours(table, shifted(table, shift))
        rows = [
            (apart(mine[column], measured.get(column)), column, mine[column], measured.get(column)) for column in mine
        ]
        found[case] = max(rows)
    return found


def apart(one: float | None, other: float | None) -> float:
    """How far two distances are apart; where only one side has any, as far as can be."""
    if one is None or other is None:
        return float(one is not other)
    return abs(one - other)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tfdv", help="an interpreter that has TensorFlow Data Validation")
    parser.add_argument("--write", action="store_true", help=f"keep TFDV's answers in {KEPT}")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        answers = theirs(asked.tfdv or environment(Path(folder, "tfdv"), TFDV), Path(folder))
    if asked.write:
        KEPT.write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")
    found = differences(answers)
    print(f"{'case':58} {'largest':>9}  column  {'ours':>8} {'TFDV':>8}")
    for case, (most, column, mine, measured) in found.items():
        said = ["-" if each is None else f"{each:.6f}" for each in (mine, measured)]
        print(f"{case:58} {most:9.6f}  {column:6}  {said[0]:>8} {said[1]:>8}")
    print(f"\nlargest of all: {max(found.values())[0]:.6f}")


if __name__ == "__main__":
    main()
