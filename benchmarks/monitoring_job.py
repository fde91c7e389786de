"""One monitoring job, reading included, beside Evidently, in one run: `python -m benchmarks.monitoring_job`.

Bar: 30 times as fast, a quarter of the memory, and memory that does not grow with rows. Both read two CSV files of 25
numeric and 5 categorical columns and compare each column. Evidently (0.7, which needs pandas below 3) gets an
environment of its own, made by uv and thrown away; `--evidently PYTHON` names one that is there. `--rows N` instead of
a million. On a busy machine compare the seconds of the processor: both programs keep little more than one busy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.environments import EVIDENTLY, environment

NUMERIC, CATEGORICAL = 25, 5
CHUNK = 100_000
OURS = """
import json, resource, sys, time
begun = time.perf_counter()
from functools import partial
from pathlib import Path
from emulator.apis.aiplatform.monitoring.files import read_csv
from emulator.apis.aiplatform.monitoring.tables import Field, twice
from emulator.statistics import distances
from emulator.statistics.profiles import profile
fields = {name: Field("float" if name[0] == "n" else "categorical") for name in json.loads(sys.argv[1])}
sides = []
for path in sys.argv[2:]:
    with twice(partial(read_csv, Path(path), path, fields, None)) as read:
        sides.append(profile(read).columns)
for name, field in fields.items():
    one, other = (side[name] for side in sides)
    if field.numeric:
        distances.divergence_of_histograms(one.standard(), other.standard())
    else:
        distances.l_infinity(one.compared(), other.compared())
"""
THEIRS = """
import json, resource, sys, time
begun = time.perf_counter()
import warnings; warnings.simplefilter("ignore")
import pandas
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
names = json.loads(sys.argv[1])
numbers, labels = ([name for name in names if name[0] == sort] for sort in "nc")
kinds = DataDefinition(numerical_columns=numbers, categorical_columns=labels)
one, other = (Dataset.from_pandas(pandas.read_csv(path), data_definition=kinds) for path in sys.argv[2:])
Report([DataDriftPreset()]).run(other, one).dict()
"""
TOLD = """
used = resource.getrusage(resource.RUSAGE_SELF)
cpu = used.ru_utime + used.ru_stime
print(json.dumps({"s": time.perf_counter() - begun, "cpu": cpu, "mib": used.ru_maxrss / 1024}))
"""


def names() -> list[str]:
    """The columns."""
    return [f"n{number:02}" for number in range(NUMERIC)] + [f"c{number}" for number in range(CATEGORICAL)]


def write(path: Path, rows: int, seed: int) -> None:
    """A CSV file: normal features, a fifth of them log-normal, and categories of 3 to 35 values."""
    import pyarrow  # noqa: ICN001, PLC0415 - only here
    from pyarrow import csv  # noqa: PLC0415 - only here

    random = np.random.default_rng(seed)
    writer = None
    for at in range(0, rows, CHUNK):
        some = min(CHUNK, rows - at)
        columns: dict[str, object] = {}
        for number in range(NUMERIC):
            normal = random.normal(number, 1 + number / 5, some)
            columns[f"n{number:02}"] = (np.exp(normal / 9) if number % 5 == 0 else normal).round(6)
        for number in range(CATEGORICAL):
            columns[f"c{number}"] = random.choice([f"label-{each}" for each in range(3 + 8 * number)], some)
        table = pyarrow.table(columns)
        writer = writer or csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def measured(python: str, program: str, files: list[Path]) -> dict[str, float]:
    """Seconds (its own imports included) and the most memory of a program, in MiB."""
    command = [python, "-c", program + TOLD, json.dumps(names()), *map(str, files)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--evidently", help="an interpreter that has Evidently 0.7")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        evidently = asked.evidently or environment(Path(folder, "evidently"), EVIDENTLY)
        print(f"{'rows':>10}  {'':10} {'seconds':>8} {'cpu s':>8} {'MiB':>6}")
        for rows, both in ((asked.rows // 10, True), (asked.rows, True), (asked.rows * 2, False)):
            files = [Path(folder, f"{side}.csv") for side in ("baseline", "target")]
            for seed, file in enumerate(files):
                write(file, rows, seed)
            ours = measured(sys.executable, OURS, files)
            print(f"{rows:>10,}  {'ours':10} {ours['s']:8.2f} {ours['cpu']:8.2f} {ours['mib']:6.0f}", flush=True)
            if both:
                theirs = measured(evidently, THEIRS, files)
                print(f"{rows:>10,}  {'Evidently':10} {theirs['s']:8.2f} {theirs['cpu']:8.2f} {theirs['mib']:6.0f}")
                faster, lighter = theirs["s"] / ours["s"], theirs["cpu"] / ours["cpu"]
                less = ours["mib"] / theirs["mib"]
                print(
                    f"{'':10}  {faster:.1f} times as fast, {lighter:.1f} by cpu, {less:.0%} of the memory", flush=True
                )


if __name__ == "__main__":
    main()
