"""Write the rows of this example: patients with diabetes, from scikit-learn's bundled data set, by body mass index.

    python specs/diabetes/rows.py FOLDER

A row is what was measured of a patient, and how far the disease was a year later. 442 patients of one study, told apart
as if two clinics had sent them: one whose patients have a body mass index below 27, and one that joins later, whose
patients are above. FOLDER then has, as JSON Lines, `first.jsonl` and `second.jsonl` (for training),
`first-requests.jsonl` and `second-requests.jsonl` (asked about, without what came of them) and `holdout.jsonl` (of
both, which no training may see). Nothing of scikit-learn is imported for it.

Source: Efron, Hastie, Johnstone and Tibshirani (2004), Least Angle Regression, Annals of Statistics 32, 407-499.
"""

from __future__ import annotations

import gzip
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

COLUMNS = (
    *("age", "sex", "body_mass_index", "blood_pressure", "total_cholesterol", "ldl", "hdl", "cholesterol_ratio"),
    *("log_triglycerides", "glucose"),
)
OUTCOME = "progression"
PARTS = {
    "first.jsonl": ("first", (0, 2)),
    "second.jsonl": ("second", (0, 2)),
    "first-requests.jsonl": ("first", (1,)),
    "second-requests.jsonl": ("second", (1,)),
    "holdout.jsonl": ("both", (3,)),
}
"""Of which clinic, and which of every four of its patients."""
HEAVY = 27
"""Body mass index from which on a patient is the second clinic's, in kg per square metre."""


def patients() -> list[dict[str, Any]]:
    """Read the data set."""
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        sys.exit("the rows are scikit-learn's: pip install scikit-learn")
    folder = Path(found.origin).parent / "datasets" / "data"
    data, target = (
        gzip.decompress((folder / name).read_bytes()).decode().splitlines()
        for name in ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz")
    )
    rows = [[float(value) for value in line.split()] for line in data]
    return [
        dict(zip(COLUMNS, row, strict=True)) | {OUTCOME: float(outcome)}
        for row, outcome in zip(rows, target, strict=True)
    ]


def part(rows: list[dict[str, Any]], clinic: str, which: tuple[int, ...]) -> list[dict[str, Any]]:
    """Give some of a clinic's patients."""
    clinics = {
        "first": [row for row in rows if row["body_mass_index"] < HEAVY],
        "second": [row for row in rows if row["body_mass_index"] >= HEAVY],
    }
    chosen = clinics.values() if clinic == "both" else [clinics[clinic]]
    return [row for many in chosen for number, row in enumerate(many) if number % 4 in which]


def write(folder: Path) -> None:
    """Write every file."""
    rows = patients()
    folder.mkdir(parents=True, exist_ok=True)
    for name, (clinic, which) in PARTS.items():
        some = part(rows, clinic, which)
        if "requests" in name:
            some = [{column: row[column] for column in COLUMNS} for row in some]
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in some))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
