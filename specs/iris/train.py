"""Train the model of this example: three kinds of iris, from scikit-learn's bundled data set.

    python specs/iris/train.py            # rewrites model/model.onnx and rows.json

Needs the `train` extra (skl2onnx); serving needs only onnxruntime.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).parent


def main(folder: Path = FOLDER) -> None:
    """Write the model and ten rows to predict."""
    flowers = load_iris()
    kinds = flowers.target_names[flowers.target]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(flowers.data, kinds)
    graph = to_onnx(model, flowers.data[:1].astype(np.float32), options={"zipmap": False})
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "model" / "model.onnx").write_bytes(graph.SerializeToString())
    rows = flowers.data[::15].tolist()
    (folder / "rows.json").write_text(json.dumps({"instances": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
