"""Train both model versions of this example: is a tumour malignant, from scikit-learn's bundled data set.

    python specs/breast-cancer/train.py   # rewrites model-v1/, model-v2/ and rows.json

Version 1 is a logistic regression, version 2 a random forest of 100 trees. Needs the `train` extra (skl2onnx);
serving needs only onnxruntime.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

FOLDER = Path(__file__).parent
# The mean measurements of a tumour; the data set also has their errors and their worst values.
FEATURES = 10


def versions() -> dict[str, BaseEstimator]:
    """Give the two models, not trained yet."""
    return {
        "model-v1": make_pipeline(StandardScaler(), LogisticRegression()),
        "model-v2": RandomForestClassifier(n_estimators=100, max_depth=6, random_state=0),
    }


def probability(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Leave one output: the probability of the class malignant, one number a row."""
    both = graph.graph.output[1].name
    column = onnx.helper.make_tensor("malignant", onnx.TensorProto.INT64, [], [1])
    graph.graph.initializer.append(column)
    graph.graph.node.append(onnx.helper.make_node("Gather", [both, "malignant"], ["malignant_probability"], axis=1))
    output = onnx.helper.make_tensor_value_info("malignant_probability", onnx.TensorProto.FLOAT, [None])
    del graph.graph.output[:]
    graph.graph.output.append(output)
    onnx.checker.check_model(graph)
    return graph


def main(folder: Path = FOLDER) -> None:
    """Write both models and ten rows to predict."""
    tumours = load_breast_cancer()
    measurements = tumours.data[:, :FEATURES].astype(np.float32)
    malignant = 1 - tumours.target  # the data set calls benign 1
    for name, model in versions().items():
        graph = probability(to_onnx(model.fit(measurements, malignant), measurements[:1], options={"zipmap": False}))
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "model.onnx").write_bytes(graph.SerializeToString())
    names = [str(n).replace(" ", "_") for n in tumours.feature_names[:FEATURES]]
    rows = [dict(zip(names, row, strict=True)) for row in tumours.data[::60, :FEATURES].tolist()]
    (folder / "rows.json").write_text(json.dumps({"instances": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
