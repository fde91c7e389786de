"""What is said of an estimator's outputs is what it answers: one value a row or several, and of which type."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from runtime.configuration.settings import Prediction
from runtime.data.answers import Refused, Request
from runtime.data.columns import Contradiction
from runtime.data.models import Selection
from runtime.data.tensors import datatype_of
from runtime.protocols.v2 import V2Codec
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


@pytest.mark.parametrize("name", ["labels", "labels-of-a-forest"])
def test_probabilities_of_several_labels(tmp_path, name):
    """Each column of labels has a table of its own; a number that is asked for is none of them by itself."""
    estimator = FITTED[name]()
    served = loaded(tmp_path, FEATURES, **dumped(tmp_path, estimator), prediction=Prediction(type="number"))
    model: Any = served.model
    found = model.predict({"input": SOME}, ["probabilities_0", "probabilities_1"])

    assert served.prediction == Selection("label", None)
    for place, table in enumerate(estimator.predict_proba(SOME)):
        np.testing.assert_array_equal(found[f"probabilities_{place}"], table)
        assert model.outputs[1 + place].shape == (-1, table.shape[1])


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        pytest.param({"a": TEXT, "b": TEXT}, "model.features.a is one of 2 columns", id="two"),
        pytest.param({"a": {"type": "number"}}, "a is of type number, but .* takes one text a row", id="number"),
        pytest.param({"a": {**TEXT, "nullable": True}}, "model.features.a is nullable, but .*", id="nullable"),
    ],
)
def test_a_text_a_row_is_one_column_of_text(tmp_path, features, problem):
    """A vectoriser takes texts; any other spec is refused when the model is loaded."""
    texts = ["good", "bad"] * 5
    told = dumped(tmp_path, make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, texts))

    with pytest.raises(Contradiction, match=problem):
        loaded(tmp_path, features, **told)


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        pytest.param({"way": {"type": "number"}}, "way is of type number, but .* knows way as text", id="text"),
        pytest.param({"km": TEXT}, "km is of type string, but .* knows km as a number", id="number"),
        pytest.param({"miles": {"type": "number"}}, "miles is of type number, but .* has no miles", id="unknown"),
    ],
)
def test_mappings_have_the_keys_of_training(tmp_path, features, problem):
    """scikit-learn takes no notice of a key that it does not know: the answer would be wrong without a word."""
    rows = [{"way": way, "km": km} for way, km in zip("abab", range(4), strict=True)]
    told = dumped(tmp_path, make_pipeline(DictVectorizer(), LinearRegression()).fit(rows, range(4)))

    with pytest.raises(Contradiction, match=problem):
        loaded(tmp_path, features, **told)


def test_numbers_are_held_to_what_an_estimator_takes(tmp_path):
    """1e300 where it computes with doubles; where it does not, what a step before makes of it counts."""
    small = np.column_stack([ROWS[:, 0] * 1e-12, ROWS[:, 1:]])
    limits = {}
    for name, estimator in {
        "linear": LinearRegression(),
        "forest": RandomForestRegressor(2),
        "scaled": make_pipeline(StandardScaler(), RandomForestRegressor(2)),
    }.items():
        (tmp_path / name).mkdir()
        served = loaded(tmp_path / name, FEATURES, **dumped(tmp_path / name, estimator.fit(small, ROWS[:, 0])))
        limits[name] = served.model.inputs[0].limit

    assert limits["linear"] == np.inf
    assert limits["forest"] == np.finfo(np.float32).max
    assert limits["scaled"] < 1e27


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


FLAGS = (ROWS > 0).astype(int)
ONE_TABLE = {
    "chain": lambda: ClassifierChain(LogisticRegression()).fit(ROWS, FLAGS),
    "stack": lambda: StackingClassifier(
        [("k", KNeighborsClassifier()), ("f", RandomForestClassifier(3, random_state=0))],
        final_estimator=KNeighborsClassifier(),
    ).fit(ROWS, FLAGS),
}


@pytest.mark.parametrize("name", ONE_TABLE)
def test_one_table_for_several_labels(tmp_path, name):
    """Classes of each label, but one matrix: a table for each would be a row of the batch, which is a neighbour's."""
    estimator = ONE_TABLE[name]()
    served = loaded(tmp_path, FEATURES, **dumped(tmp_path, estimator), prediction=Prediction("probabilities"))

    assert [spec.name for spec in served.model.outputs] == ["label", "probabilities"]
    assert served.model.outputs[1].shape == (-1, 3)
    np.testing.assert_array_equal(ask(served, SOME.tolist()), estimator.predict_proba(SOME))


@pytest.mark.filterwarnings("ignore")
def test_of_two_flags_no_probability_is_that_of_the_second_class(tmp_path):
    """A column for each label is no column for each class."""
    served = loaded(tmp_path, FEATURES, **dumped(tmp_path, FITTED["flags"]()), prediction=Prediction(type="number"))

    assert served.prediction == Selection("probabilities", None)


def test_an_estimator_that_does_not_know_its_width(tmp_path):
    """Without features nobody could ask it in plain JSON: it says what to write, and is never ready."""
    estimator = IsotonicRegression(out_of_bounds="clip").fit(ROWS[:, 0], ROWS[:, 1])
    told = dumped(tmp_path, estimator)

    with pytest.raises(Contradiction, match=r"model.joblib does not say how many columns it takes: write model\.feat"):
        loaded(tmp_path, {}, **told)
    served = loaded(tmp_path, {"x": {"type": "number"}}, **told)
    np.testing.assert_array_equal(ask(served, SOME[:, :1].tolist()), estimator.predict(SOME[:, 0]))


def test_labels_of_bytes_are_text(tmp_path):
    """The same in plain JSON as in tensors."""
    labels = np.where(ROWS[:, 0] > 0, b"yes", b"no")
    served = loaded(tmp_path, FEATURES, **dumped(tmp_path, DecisionTreeClassifier().fit(ROWS, labels)))

    assert ask(served, SOME.tolist()) == np.where(SOME[:, 0] > 0, "yes", "no").tolist()


def test_a_failing_estimator_is_told_of_once(tmp_path, caplog):
    """It fails at every magnitude that is tried, and each time for the same reason."""
    told = dumped(tmp_path, KNeighborsClassifier())

    with caplog.at_level("INFO", "runtime"), pytest.raises(ValueError, match="not fitted"):
        loaded(tmp_path, FEATURES, **told)

    assert len([record for record in caplog.records if record.name == "runtime"]) == 1


def test_numbers_of_a_strict_encoder_are_categories(tmp_path):
    """It fails at any other number, the server's own example among them: it says what to write, and that is right."""
    codes = np.array([1, 2, 10] * 40)
    estimator = make_pipeline(OneHotEncoder(), LinearRegression()).fit(codes[:, None], ROWS[:, 0])
    told = dumped(tmp_path, estimator)

    with pytest.raises(Contradiction, match=r"write type: category, with values: \[1, 2, 10\]"):
        loaded(tmp_path, {"a": {"type": "integer"}}, **told)
    served = loaded(tmp_path, {"a": {"type": "category", "values": ["1", "2", "10"]}}, **told)
    np.testing.assert_allclose(ask(served, [[1], [2], [10]]), estimator.predict([[1], [2], [10]]))
    with pytest.raises(Refused, match="3 is none of 1, 2, 10"):
        ask(served, [[3]])


@pytest.mark.parametrize("data", [[True, False, True], [True, None, False]])
@pytest.mark.parametrize("kind", ["number", "integer", "boolean"])
def test_true_and_false_are_no_numbers(tmp_path, kind, data):
    """In a tensor as in plain JSON: a table of numbers takes them only where all features are boolean."""
    features = {name: {"type": kind, "nullable": None in data} for name in "abc"}
    estimator = HistGradientBoostingRegressor(max_iter=2).fit(ROWS, ROWS[:, 0])
    codec = V2Codec(loaded(tmp_path, features, **dumped(tmp_path, estimator)), 10)
    tensor = {"name": "input", "shape": [1, 3], "datatype": "BOOL", "data": data}
    request = Request(json.dumps({"inputs": [tensor]}).encode(), [], "")

    if kind == "boolean":
        np.testing.assert_array_equal(codec.decode(request).inputs["input"], np.array([data], float))
    else:
        with pytest.raises(Refused, match="the model takes FP64"):
            codec.decode(request)
