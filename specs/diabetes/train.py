"""Train the first model of this example: a straight line through the first clinic's patients.

    python specs/diabetes/train.py          # rewrites model/model.onnx and rows.json

Needs the `train` extra (skl2onnx); serving needs only onnxruntime.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression

FOLDER = Path(__file__).parent


def lines(name: str) -> list[dict[str, float]]:
    """Read a file that the program beside this one writes."""
    where = spec_from_file_location("rows", FOLDER / "rows.py")
    if where is None or where.loader is None:
        raise FileNotFoundError("rows.py")
    module = module_from_spec(where)
    where.loader.exec_module(module)
    with tempfile.TemporaryDirectory() as folder:
        module.write(Path(folder))
        return [json.loads(line) for line in (Path(folder) / name).read_text().splitlines()]


def main(folder: Path = FOLDER) -> None:
    """Write the model and ten patients to predict."""
    table = np.array([list(row.values()) for row in lines("first.jsonl")])
    model = LinearRegression().fit(table[:, :-1], table[:, -1])
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "model" / "model.onnx").write_bytes(to_onnx(model, table[:1, :-1].astype(np.float32)).SerializeToString())
    rows = [*lines("first-requests.jsonl")[:5], *lines("second-requests.jsonl")[:5]]
    (folder / "rows.json").write_text(json.dumps({"instances": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
