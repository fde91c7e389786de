"""Write the rows of this example: handwritten digits, from scikit-learn's bundled data set, as they might come in.

    python specs/digits/rows.py FOLDER

A row is 64 pixels (8 x 8, from 0 to 16) and the digit. FOLDER then has `rows/pilot.csv`, which the first model was
trained on, `rows/january.csv` and `rows/february.csv`, which came later, `slipped.csv`, whose labels slipped by one
line on the way, and `holdout.csv`, which no training may see. Nothing of scikit-learn is imported for it.
"""

from __future__ import annotations

import gzip
import sys
from importlib.util import find_spec
from pathlib import Path

FILES = {
    "rows/pilot.csv": slice(0, 100),
    "rows/january.csv": slice(100, 300),
    "rows/february.csv": slice(300, 600),
    "slipped.csv": slice(600, 900),
    "holdout.csv": slice(1200, None),
}


def digits() -> list[str]:
    """Read the data set's lines."""
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        sys.exit("the rows are scikit-learn's: pip install scikit-learn")
    file = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    return gzip.decompress(file.read_bytes()).decode().splitlines()


def slipped(lines: list[str]) -> list[str]:
    """Give each row the digit of the row before it."""
    parts = [line.rpartition(",") for line in lines]
    labels = [parts[-1][2], *(label for _, _, label in parts[:-1])]
    return [f"{pixels},{label}" for (pixels, _, _), label in zip(parts, labels, strict=True)]


def write(folder: Path) -> None:
    """Write every file."""
    lines = digits()
    for name, part in FILES.items():
        rows = slipped(lines[part]) if name == "slipped.csv" else lines[part]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
