"""What fitted estimators of scikit-learn know of the columns they were trained on: names, categories, what is missing.

An estimator is looked through from its input: pipelines, column transformers and searches, as far as the step that
sees a column as it comes in. What is not found is unknown, and then the spec is believed.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.data.columns import Column, is_missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runtime.configuration.settings import Feature

# Attributes that hold the estimator which does the work, or several that all see the input.
_INSIDE = ("best_estimator_", "regressor_", "_preprocessor", "calibrated_classifiers_", "estimators_", "estimator")
# Steps behind which a column is where it was before, and text is still text.
_TRANSPARENT = frozenset({"SimpleImputer", "StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler"})


def names_of(estimator: Any) -> list[str]:
    """Give the columns of the data frame it was trained on; empty for a bare matrix."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        inside = next(_inside(estimator), None)
        return names_of(inside) if inside is not None else []
    return [str(name) for name in names]


def columns_of(estimator: Any, width: int, features: Mapping[str, Feature], file: str) -> list[Column]:
    """Say what is known of each of so many columns.

    Raises:
        Contradiction: A booster inside has categories of a data frame, and nobody says of which columns.
    """
    names = names_of(estimator)
    names = names if len(names) == width else [""] * width
    boosters = _Boosters(features, file)
    return [_seen(estimator, place, name, boosters) for place, name in enumerate(names)]


def _seen(estimator: Any, place: int, name: str, boosters: _Boosters) -> Column:
    """Join what the steps say that see a column as it comes in: the first word counts."""
    found = Column(name)
    for step, at in _leaves(estimator, place):
        booster = boosters.columns(step)
        said = booster[at] if at < len(booster) else _said(step, at)
        found = replace(found, missing=said.missing) if found.missing is ... else found
        if said.kind in {"category", "coded"} and found.kind == "unknown":
            found = replace(said, name=name, missing=found.missing)
    return found


def _leaves(estimator: Any, place: int) -> Iterator[tuple[Any, int]]:
    """Give the steps that see a column of the input, and its place among what they are given."""
    if hasattr(estimator, "steps"):
        yield from _along([step for _, step in estimator.steps], place)
    elif hasattr(estimator, "transformers_"):
        places = getattr(estimator, "_transformer_to_input_indices", {})
        for name, step, _ in estimator.transformers_:
            given = list(places.get(name, ()))
            if place in given and not isinstance(step, str):
                yield from _leaves(step, given.index(place))
    elif hasattr(estimator, "transformer_list"):
        for _, step in estimator.transformer_list:
            yield from _leaves(step, place)
    else:
        yield estimator, place
        for inside in _inside(estimator):
            yield from _leaves(inside, place)


def _along(steps: list[Any], place: int) -> Iterator[tuple[Any, int]]:
    """Follow a column through a pipeline, up to the step that makes something else of it."""
    for step in steps:
        if step is None or isinstance(step, str):  # "passthrough"
            continue
        yield from _leaves(step, place)
        if type(step).__name__ not in _TRANSPARENT or _drops(step):
            return


def _drops(step: Any) -> bool:
    """Whether an imputer leaves columns out, as they were empty in training."""
    statistics = getattr(step, "statistics_", ())
    return any(is_missing(value) for value in np.asarray(statistics, object).tolist())


def _inside(estimator: Any) -> Iterator[Any]:
    """Give the estimator inside another one: of several the first, if each sees all columns."""
    if hasattr(estimator, "estimators_features_"):  # each has columns of its own
        return
    steps = getattr(estimator, "steps", None)
    if steps:
        yield steps[0][1]
    for name in _INSIDE:
        inside = getattr(estimator, name, None)
        inside = inside[0] if isinstance(inside, list) and inside else inside
        if hasattr(inside, "get_params"):
            yield inside
            return


def _said(step: Any, at: int) -> Column:
    """Say what an encoder or an imputer knows of one column."""
    categories = getattr(step, "categories_", None)
    if isinstance(categories, list) and at < len(categories):
        known = tuple(np.asarray(categories[at], object).tolist())
        missing = next((category for category in known if is_missing(category)), ...)
        allowed = getattr(step, "handle_unknown", "ignore") != "error"
        return Column(kind="category", categories=known, unknown_allowed=allowed, missing=missing)
    missing = getattr(step, "missing_values", ...)
    return Column(missing=missing if is_missing(missing) else ...)


class _Boosters:
    """Reads the boosters inside LightGBM's and XGBoost's classes, which want categories as pandas has them."""

    def __init__(self, features: Mapping[str, Feature], file: str) -> None:
        self._features = features
        self._file = file
        self._known: dict[int, list[Column]] = {}

    def columns(self, step: Any) -> list[Column]:
        """Give the columns of a booster, once read; none for any other step."""
        if id(step) not in self._known:
            self._known[id(step)] = self._read(step)
        return self._known[id(step)]

    def _read(self, step: Any) -> list[Column]:
        library = type(step).__module__.partition(".")[0]
        found: list[Column] = []
        if library == "lightgbm":
            module = import_module("runtime.frameworks.lightgbm")
            columns = module.columns_of(step.booster_, self._features, self._file)
            # Its categorical columns without categories were whole numbers, and it counts those of pandas.
            found = [replace(column, categorical=column.categories is not None) for column in columns]
        elif library == "xgboost":
            columns = import_module("runtime.frameworks.xgboost").columns_of(step.get_booster())
            found = [replace(column, categorical=True) for column in columns]
        return found
