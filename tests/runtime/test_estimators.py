"""What is said of an estimator's outputs is what it answers: one value a row or several, and of which type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from runtime.data.tensors import datatype_of
from tests.runtime.offline import ask, dumped, loaded

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.normal(size=(120, 3))
SOME = ROWS[:10]
FEATURES = {name: {"type": "number"} for name in "abc"}
LABEL = np.where(ROWS[:, 0] > 0, "yes", "no")
TWO_LABELS = np.column_stack([LABEL, RANDOM.choice(["a", "b", "c"], 120)])
TWO_FLAGS = (ROWS[:, :2] > 0).astype(int)
FITTED = {
    "clusters": lambda: KMeans(3, n_init=1).fit(ROWS),
    "outliers": lambda: IsolationForest(n_estimators=5).fit(ROWS),
    "regression": lambda: LinearRegression().fit(ROWS, ROWS[:, 0]),
    "regression-of-a-table": lambda: LinearRegression().fit(ROWS, ROWS[:, :1]),
    "regression-of-two": lambda: LinearRegression().fit(ROWS, ROWS[:, :2]),
    "forest-of-two": lambda: RandomForestRegressor(3).fit(ROWS, ROWS[:, :2]),
    "narrow-floats": lambda: LinearRegression().fit(ROWS.astype(np.float32), ROWS[:, 0].astype(np.float32)),
    "classes": lambda: LogisticRegression().fit(ROWS, LABEL),
    "classes-without-probabilities": lambda: LinearSVC().fit(ROWS, LABEL),
    "labels": lambda: MultiOutputClassifier(LogisticRegression()).fit(ROWS, TWO_LABELS),
    "labels-of-a-forest": lambda: RandomForestClassifier(3).fit(ROWS, TWO_LABELS),
    "labels-of-a-tree": lambda: DecisionTreeClassifier().fit(ROWS, TWO_FLAGS),
    "labels-of-neighbours": lambda: KNeighborsClassifier().fit(ROWS, TWO_FLAGS),
    "labels-of-a-pipeline": lambda: make_pipeline(FunctionTransformer(), RandomForestClassifier(3)).fit(
        ROWS, TWO_LABELS
    ),
    "flags": lambda: MLPClassifier((2,), max_iter=5).fit(ROWS, TWO_FLAGS),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fit", FITTED.values(), ids=FITTED)
def test_outputs_are_as_they_are_described(tmp_path, fit):
    """Type and shape of each output are those of its answers, and the prediction is the estimator's own."""
    estimator = fit()
    served = loaded(tmp_path, FEATURES, **dumped(tmp_path, estimator))
    model: Any = served.model
    answers = model.predict({"input": SOME}, [spec.name for spec in model.outputs])

    for spec in model.outputs:
        assert spec.datatype == datatype_of(answers[spec.name])
        assert spec.shape == (-1, *answers[spec.name].shape[1:])
    wanted = estimator.predict(SOME)
    np.testing.assert_array_equal(answers["label"], wanted)


@pytest.mark.parametrize("name", ["labels", "labels-of-a-forest"])
def test_several_labels_a_row(tmp_path, name):
    """A classifier of two outputs answers a pair of labels for each row."""
    estimator = FITTED[name]()
    served = loaded(tmp_path, FEATURES, **dumped(tmp_path, estimator))

    assert ask(served, SOME.tolist()) == estimator.predict(SOME).tolist()


def test_outputs_of_text(tmp_path):
    """Where rows hold text, the first values of its categories tell what is answered."""
    table = pd.DataFrame({"fuel": RANDOM.choice(["a", "b"], 120)})
    estimator = make_pipeline(OneHotEncoder(), LinearRegression()).fit(table, ROWS[:, :2])
    features = {"fuel": {"type": "category", "values": ["b", "a"]}}
    served = loaded(tmp_path, features, **dumped(tmp_path, estimator))

    assert served.model.outputs[0].shape == (-1, 2)
    np.testing.assert_allclose(ask(served, [["a"], ["b"]]), estimator.predict(pd.DataFrame({"fuel": ["a", "b"]})))


def test_the_row_that_is_tried_is_one_of_the_schema(tmp_path):
    """An estimator that fails at zeros is asked about no zeros where the spec allows none."""
    estimator = make_pipeline(FunctionTransformer(_positive), LinearRegression()).fit(np.abs(ROWS) + 1, ROWS[:, :2])
    features = {name: {"type": "number", "min": 1} for name in "abc"}

    assert loaded(tmp_path, features, **dumped(tmp_path, estimator)).model.outputs[0].shape == (-1, 2)


def _positive(rows: np.ndarray) -> np.ndarray:
    if (rows <= 0).any():
        raise ValueError("not above 0")
    return rows
