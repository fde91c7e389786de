"""Classes of the user's own, and torch where it is installed."""

from __future__ import annotations

import hashlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.late import Late
from tests.runtime.truth.case import KIND, NUMBER, TABLE, X_Y, Case, Row, matrix, model

if TYPE_CHECKING:
    from pathlib import Path

torch = Late("torch")


def custom(folder: Path, body: str, features: dict[str, Row], answer: Any) -> Case:
    """A class with one method."""
    (folder / "model.py").write_text(
        f"import numpy as np\nclass Model:\n    def predict(self, inputs):\n        {body}\n"
    )
    return Case(features, answer, {"framework": "custom", "local": True})


@model
def class_of_numbers(folder: Path) -> Case:
    body = "return inputs['x'] / (1 + inputs['y'] ** 2)"
    return custom(folder, body, X_Y, lambda rows: [row["x"] / (1 + np.float64(row["y"]) ** 2) for row in rows])


@model
def class_of_whole_numbers(folder: Path) -> Case:
    features = {"n": {"type": "integer"}, "flag": {"type": "boolean"}}
    body = "return (inputs['n'] > 3).astype(int) + inputs['flag'].astype(int)"
    return custom(folder, body, features, lambda rows: [int(row["n"] > 3) + int(row["flag"]) for row in rows])


@model
def class_that_answers_text(folder: Path) -> Case:
    body = "return np.char.upper(inputs['kind'].astype(str))"
    return custom(folder, body, {"kind": KIND}, lambda rows: [row["kind"].upper() for row in rows])


@model
def class_with_gaps(folder: Path) -> Case:
    features = {"x": {**NUMBER, "nullable": True}, "kind": {**KIND, "nullable": True}}
    body = "return np.isnan(inputs['x']) | np.array([one is None for one in inputs['kind']])"
    return custom(folder, body, features, lambda rows: [row["x"] is None or row["kind"] is None for row in rows])


@model
def class_of_a_table(folder: Path) -> Case:
    body = "return np.stack([inputs['x'], -inputs['x']], axis=1)"
    return custom(folder, body, {"x": NUMBER}, lambda rows: [[row["x"], -row["x"]] for row in rows])


def program(folder: Path, ending: str) -> Case:
    """A module of torch, as TorchScript or exported."""
    module = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).eval()
    file = folder / f"model.{ending}"
    with warnings.catch_warnings(action="ignore"):  # there are TorchScript files for years to come
        if ending == "pt":
            torch.jit.trace(module, torch.zeros(2, 2)).save(str(file))
        else:
            shapes = ({0: torch.export.Dim("rows")},)
            torch.export.save(torch.export.export(module, (torch.zeros(2, 2),), dynamic_shapes=shapes), file)

    def answer(rows: list[Row]) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(matrix(rows, ["x", "y"], np.float32))).numpy()

    told = {"allow_pickle": True, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    return Case(X_Y, answer, told, [{"x": row.x, "y": row.y} for row in TABLE[:6].itertuples()])


@model
def torch_script(folder: Path) -> Case:
    return program(folder, "pt")


@model
def torch_export(folder: Path) -> Case:
    return program(folder, "pt2")
