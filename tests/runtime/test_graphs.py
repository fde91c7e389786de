"""ONNX graphs that are not simply rows in and rows out: an output per class, a fixed batch, no batch at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from runtime.configuration.settings import Prediction
from tests.runtime.offline import ask, loaded

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(5)
ROWS = RANDOM.normal(size=(200, 3)).astype(np.float32)
NUMBER = Prediction(type="number")
FEATURES = {name: {"type": "number"} for name in "abc"}


def zipped(folder: Path, labels: np.ndarray) -> LogisticRegression:
    """A classifier whose graph has an output per class."""
    model = LogisticRegression().fit(ROWS, labels)
    graph = to_onnx(model, ROWS, options={"zipmap": "columns"})
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    return model


@pytest.mark.parametrize("classes", [[0, 1], [-1, 1], ["no", "yes"]], ids=["whole", "negative", "text"])
def test_an_output_per_class_of_two(tmp_path, classes):
    """`type: number` is the second class's probability, however the graph divides them."""
    model = zipped(tmp_path, np.array(classes)[(ROWS[:, 0] > 0).astype(int)])
    served = loaded(tmp_path, FEATURES, prediction=NUMBER)

    np.testing.assert_allclose(ask(served, ROWS[:20].tolist()), model.predict_proba(ROWS[:20])[:, 1], atol=1e-6)


def test_an_output_per_class_of_three_is_refused(tmp_path):
    """No output has them all: the sentence names those that there are, and one of them may be asked for."""
    model = zipped(tmp_path, RANDOM.choice(["a", "b", "c"], len(ROWS)))

    with pytest.raises(ValueError, match=r"outputs of their own, sa, sb, sc: .*zipmap=False, or .* prediction\.name"):
        loaded(tmp_path, FEATURES, prediction=NUMBER)

    served = loaded(tmp_path, FEATURES, prediction=Prediction("sb", "number"))
    np.testing.assert_allclose(ask(served, ROWS[:20].tolist()), model.predict_proba(ROWS[:20])[:, 1], atol=1e-6)
