"""Train the first model of this example, with the program that its container runs, on the rows of the pilot.

    python specs/digits/train.py          # rewrites model/model.onnx and rows.json

Needs the `train` extra (skl2onnx) and google-cloud-storage; serving needs only onnxruntime.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

FOLDER = Path(__file__).parent
SHOWN = (7, 8, 10, 14, 41, 65, 94, 101, 0, 1)
"""Rows of the held-out ones to predict; the first model reads eight of them wrong."""


def write_rows(folder: Path) -> None:
    """Write the rows, by the program beside this one."""
    where = spec_from_file_location("rows", FOLDER / "rows.py")
    if where is None or where.loader is None:
        raise FileNotFoundError("rows.py")
    module = module_from_spec(where)
    where.loader.exec_module(module)
    module.write(folder)


def main(folder: Path = FOLDER) -> None:
    """Write the first model and ten rows to predict."""
    with tempfile.TemporaryDirectory() as name:
        workplace = Path(name)
        write_rows(workplace)
        (workplace / "pilot").mkdir()
        shutil.move(workplace / "rows" / "pilot.csv", workplace / "pilot")
        told = {
            "MLSERVICE_OUTPUT": str(folder),
            "MLSERVICE_METRICS": str(workplace / "metrics.json"),
            "MLSERVICE_DATASET": str(workplace / "holdout.csv"),
        }
        program = [sys.executable, str(FOLDER / "training" / "main.py"), "--rows", str(workplace / "pilot")]
        subprocess.run(program, env={**os.environ, **told}, check=True)  # noqa: S603 - our own program
        lines = (workplace / "holdout.csv").read_text().splitlines()
    rows = [[int(pixel) for pixel in lines[index].split(",")[:-1]] for index in SHOWN]
    (folder / "rows.json").write_text(json.dumps({"instances": rows}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
