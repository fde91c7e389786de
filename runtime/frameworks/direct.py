"""What scikit-learn computes, without what it does around it, for the estimators that are served most.

For a small batch, scikit-learn spends nine tenths of `predict` on finding out what it was given: tags, data frames,
array libraries, one task per tree. The server knows: a matrix of finite 64-bit floats. The functions here do the same
operations in the same order on the fitted attributes, so the results are equal to the last bit. That is not believed
but tried: when a model is loaded, both ways predict the same rows, and any difference leaves the model to scikit-learn
(another version of it, say, or a setting not thought of here). See docs/decisions/033-direct-estimators.md.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.data.tensors import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.data.tensors import Array

    Step = Callable[[Array], Array]

log = logging.getLogger("runtime")

# Rows that both ways predict: many magnitudes, as a forest and a logistic curve are dull far from their data.
_TRIED = 64
_MAGNITUDES = np.logspace(-2, 3, _TRIED)[:, None]


class Direct:
    """A fitted estimator as plain functions of a matrix. `probabilities` is None where it has none."""

    def __init__(self, steps: list[Step], label: Step, probabilities: Step | None) -> None:
        self._steps = steps
        self._label = label
        self._probabilities = probabilities

    def takes(self, rows: Array) -> bool:
        """Whether the rows are finite, as 32-bit floats too; scikit-learn has its own opinion about others."""
        return bool(rows.max() <= LARGEST and rows.min() >= -LARGEST)

    def predict(self, rows: Array) -> Array:
        """Give labels, or a regression's values."""
        return self._label(self._prepared(rows))

    def predict_proba(self, rows: Array) -> Array:
        """Give one column per class.

        Raises:
            TypeError: The estimator gives no probabilities.
        """
        if self._probabilities is None:
            raise TypeError("this estimator gives no probabilities")
        return self._probabilities(self._prepared(rows))

    def _prepared(self, rows: Array) -> Array:
        for step in self._steps:
            rows = step(rows)
        return rows


def direct(estimator: Any, width: int) -> Direct | None:
    """Make the direct way of an estimator; None where there is none, or where it differs.

    Args:
        estimator: Fitted. A pipeline, or a single estimator.
        width: Columns it takes.
    """
    *before, last = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    if _name(last) not in _LAST or any(_name(step) not in _BEFORE for step in before) or width < 1:
        return None
    try:
        found = Direct([_BEFORE[_name(step)](step) for step in before], *_LAST[_name(last)](last))
        return found if _agrees(found, estimator, width) else None
    except Exception:  # an attribute that is not there, or has another shape, in a version not known here
        log.info("scikit-learn predicts itself", exc_info=True)
        return None


def _agrees(found: Direct, estimator: Any, width: int) -> bool:
    rows = np.random.default_rng(0).standard_normal((_TRIED, width)) * _MAGNITUDES
    names = getattr(estimator, "feature_names_in_", None)
    given = rows if names is None else _frame(rows, names)
    ways = ["predict", "predict_proba"] if hasattr(estimator, "predict_proba") else ["predict"]
    return all(np.array_equal(getattr(found, way)(rows), getattr(estimator, way)(given)) for way in ways)


def _frame(rows: Array, names: Array) -> Any:
    import pandas as pd  # noqa: PLC0415 - only for estimators that were trained on data frames

    return pd.DataFrame(rows, columns=list(names))


def _name(estimator: Any) -> str:
    """Name a class. A subclass is another class: it may do something else."""
    kind = type(estimator)
    return kind.__qualname__ if kind.__module__.startswith("sklearn.") else ""


def _standard(scaler: Any) -> Step:
    mean = scaler.mean_ if scaler.with_mean else None
    scale = scaler.scale_ if scaler.with_std else None

    def transform(rows: Array) -> Array:
        rows = rows if mean is None else rows - mean
        return rows if scale is None else rows / scale

    return transform


def _minmax(scaler: Any) -> Step:
    low, high = scaler.feature_range

    def transform(rows: Array) -> Array:
        rows = rows * scaler.scale_ + scaler.min_
        return np.clip(rows, low, high) if scaler.clip else rows

    return transform


def _scores(model: Any) -> Step:
    weights, bias = model.coef_.T, model.intercept_
    return lambda rows: rows @ weights + bias


def _regression(model: Any) -> tuple[Step, None]:
    return _scores(model), None


def _classifier(model: Any) -> tuple[Step, None]:
    """Linear classifiers: the sign of one score, or the largest of several."""
    scores, classes = _scores(model), model.classes_

    def label(rows: Array) -> Array:
        found = scores(rows).reshape(len(rows), -1)
        chosen: Array = found.argmax(axis=1) if found.shape[1] > 1 else (found[:, 0] > 0).astype(np.intp)
        return classes.take(chosen)  # type: ignore[no-any-return]  # scikit-learn has no types

    return label, None


def _logistic(model: Any) -> tuple[Step, Step]:
    from scipy.special import expit  # noqa: PLC0415 - scikit-learn brings it

    scores = _scores(model)

    def probabilities(rows: Array) -> Array:
        found = scores(rows)
        if found.shape[1] == 1:
            second = expit(found[:, 0])
            return np.vstack([1 - second, second]).T
        shares: Array = np.exp(found - found.max(axis=1, keepdims=True))
        total: Array = shares.sum(axis=1, keepdims=True)
        return shares / total

    return _classifier(model)[0], probabilities


def _forest(model: Any) -> Step:
    """Sum the trees in their order, then divide: floats add up differently in another."""
    trees = [tree.tree_ for tree in model.estimators_]

    def mean(rows: Array) -> Array:
        narrow = rows.astype(np.float32)
        total: Array = trees[0].predict(narrow)
        for tree in trees[1:]:
            total += tree.predict(narrow)
        total /= len(trees)
        return total

    return mean


def _forest_classifier(model: Any) -> tuple[Step, Step]:
    mean, classes = _forest(model), model.classes_
    return lambda rows: classes.take(mean(rows).argmax(axis=1)), mean


def _forest_regressor(model: Any) -> tuple[Step, None]:
    mean = _forest(model)
    return lambda rows: mean(rows)[:, 0], None


_BEFORE: dict[str, Callable[[Any], Step]] = {"StandardScaler": _standard, "MinMaxScaler": _minmax}
_LAST: dict[str, Callable[[Any], tuple[Step, Step | None]]] = {
    **dict.fromkeys(("LinearRegression", "Ridge", "Lasso", "ElasticNet"), _regression),
    **dict.fromkeys(("RidgeClassifier", "LinearSVC", "Perceptron"), _classifier),
    "LogisticRegression": _logistic,
    **dict.fromkeys(("RandomForestClassifier", "ExtraTreesClassifier"), _forest_classifier),
    **dict.fromkeys(("RandomForestRegressor", "ExtraTreesRegressor"), _forest_regressor),
}
