"""Estimators computed directly: equal to scikit-learn to the last bit, or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC

from runtime.configuration.settings import ModelSettings
from runtime.frameworks.direct import direct
from runtime.frameworks.sklearn import INPUT, LABEL, PROBABILITIES, SklearnModel

WIDTH = 6
RANDOM = np.random.default_rng(7)
ROWS = RANDOM.normal(size=(120, WIDTH)) * 10
SCORES = ROWS @ RANDOM.normal(size=WIDTH)
TARGETS = {
    "two": (SCORES > 0).astype(int),
    "three": np.digitize(SCORES, [-8, 8]),
    "words": np.where(SCORES > 0, "malignant", "benign"),
    "numbers": SCORES,
    "two numbers": np.column_stack([SCORES, -SCORES]),
}
CLASSIFIERS = [
    LogisticRegression(),
    RidgeClassifier(),
    LinearSVC(),
    RandomForestClassifier(7, random_state=0),
    ExtraTreesClassifier(5, random_state=0),
]
REGRESSORS = [
    LinearRegression(),
    Ridge(),
    RandomForestRegressor(7, random_state=0),
    ExtraTreesRegressor(5, random_state=0),
]
SCALERS = [
    [],
    [StandardScaler()],
    [StandardScaler(with_mean=False)],
    [StandardScaler(with_std=False), MinMaxScaler(clip=True)],
    [MinMaxScaler((-1, 1))],
]


def cases() -> list[Any]:
    """Every last step behind every chain of scalers, on every target it can learn."""
    classes = [(model, target) for model in CLASSIFIERS for target in ("two", "three", "words")]
    values = [(model, target) for model in REGRESSORS for target in ("numbers", "two numbers")]
    return [
        pytest.param(make_pipeline(*scalers, model), target, id=f"{number}-{type(model).__name__}-{target}")
        for number, scalers in enumerate(SCALERS)
        for model, target in classes + values
    ]


@pytest.mark.parametrize(("pipeline", "target"), cases())
def test_direct_is_equal(pipeline: Any, target: str) -> None:
    """Rows near the training data, one or many, give what scikit-learn gives; forests of two numbers are left to it."""
    pipeline.fit(ROWS, TARGETS[target])
    found = direct(pipeline, WIDTH)
    if found is None:
        assert target == "two numbers"
        assert "Forest" in str(pipeline) or "Trees" in str(pipeline)
        return
    for rows in (ROWS, ROWS[:1], RANDOM.normal(size=(33, WIDTH)) * 30):
        before = rows.copy()
        np.testing.assert_array_equal(found.predict(rows), pipeline.predict(rows))
        if hasattr(pipeline, "predict_proba"):
            np.testing.assert_array_equal(found.predict_proba(rows), pipeline.predict_proba(rows))
        np.testing.assert_array_equal(rows, before)  # what was given is not written into


class Contrary(LogisticRegression):
    """Predicts the other class."""

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """Turn it around."""
        return 1 - super().predict(X)


class Silent(StandardScaler):
    """A scaler that only looks like one."""

    def transform(self, X: Any, copy: Any = None) -> Any:  # noqa: N803 - scikit-learn's name
        """Do nothing."""
        del copy
        return X


Contrary.__module__ = Silent.__module__ = "sklearn.mine"
Contrary.__qualname__, Silent.__qualname__ = "LogisticRegression", "StandardScaler"


@pytest.mark.parametrize(
    "estimator",
    [
        Contrary(),
        make_pipeline(Silent(), LogisticRegression()),
        make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=3)),
        GradientBoostingClassifier(n_estimators=3),
    ],
)
def test_what_differs_is_left_to_the_estimator(estimator: Any) -> None:
    """Classes that compute something else under a known name are found out; unknown ones are not tried."""
    estimator.fit(ROWS, TARGETS["two"])
    assert direct(estimator, WIDTH) is None
    model = SklearnModel(estimator, ModelSettings())
    np.testing.assert_array_equal(model.predict({INPUT: ROWS}, (LABEL,))[LABEL], estimator.predict(ROWS))


def test_columns_by_name_are_equal() -> None:
    """A pipeline trained on a data frame predicts the same from a bare matrix, and warns of nothing."""
    frame = pd.DataFrame(ROWS, columns=[f"column {i}" for i in range(WIDTH)])
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit(frame, TARGETS["three"])
    assert direct(pipeline, WIDTH) is not None
    found = SklearnModel(pipeline, ModelSettings()).predict({INPUT: ROWS}, (LABEL, PROBABILITIES))
    np.testing.assert_array_equal(found[PROBABILITIES], pipeline.predict_proba(frame))
    np.testing.assert_array_equal(found[LABEL], pipeline.predict(frame))


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e300])
def test_odd_numbers_are_scikit_learns_matter(odd: float) -> None:
    """Rows that are not finite 32-bit floats do what they do in scikit-learn: here an error, or a prediction."""
    rows = ROWS[:3].copy()
    rows[1, 2] = odd
    for estimator in (LogisticRegression(), RandomForestClassifier(3, random_state=0)):
        estimator.fit(ROWS, TARGETS["two"])
        model = SklearnModel(estimator, ModelSettings())
        try:
            expected = estimator.predict(rows)
        except ValueError:
            with pytest.raises(ValueError, match="Input X contains"):
                model.predict({INPUT: rows}, (LABEL,))
        else:
            np.testing.assert_array_equal(model.predict({INPUT: rows}, (LABEL,))[LABEL], expected)
