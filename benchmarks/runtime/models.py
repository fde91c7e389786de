"""The models that are measured: a forest of 100 trees on 30 features, twice, and a scaler with logistic regression."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CACHE = Path(__file__).parent / ".cache"


@dataclass(frozen=True, slots=True)
class Known:
    """A model's folder, rows to ask for, and the labels it gives them itself."""

    folder: Path
    rows: list[list[float]]
    labels: list[int]


def known(model: str) -> Known:
    """Give one of the models by the name of its folder."""
    folder = build()
    labels = json.loads((folder / "expected.json").read_text())["linear" if "linear" in model else "forest"]
    return Known(folder / model, json.loads((folder / "rows.json").read_text()), labels)


def build(folder: Path = CACHE) -> Path:
    """Train once; later calls find the files."""
    if (folder / "expected.json").exists():
        return folder
    data = load_breast_cancer()
    rows = data.data.astype(np.float32)
    forest = RandomForestClassifier(n_estimators=100, max_depth=8, random_state=0, n_jobs=1).fit(rows, data.target)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(rows, data.target)
    graph = to_onnx(forest, rows[:1], options={"zipmap": False}).SerializeToString()
    _write(folder / "onnx-forest" / "model.onnx", graph)
    for name, model in (("sklearn-forest", forest), ("sklearn-linear", linear)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        joblib.dump(model, folder / name / "model.joblib")
    sample = rows[:32].astype(float).round(4)
    expected = {"forest": forest.predict(sample).tolist(), "linear": linear.predict(sample).tolist()}
    _write(folder / "rows.json", json.dumps(sample.tolist()).encode())
    _write(folder / "expected.json", json.dumps(expected).encode())
    return folder


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
