"""XGBoost models in its own formats: `.ubj`, `.json`, and `.bst`, as BigQuery ML exports them."""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import xgboost

from runtime.data.columns import Column, encoding
from runtime.frameworks import LoadError, bigquery_ml, cpus, xgboost_old, xgboost_trees
from runtime.frameworks.boosters import Booster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings
    from runtime.data.tensors import Array

# Its word for a categorical column among the types of features.
CATEGORICAL = "c"
# What XGBClassifier and its like leave in a file that they save.
SAVED_BY_SKLEARN = "scikit_learn"


def load(file: Path, settings: ModelSettings) -> Booster | bigquery_ml.Classifier:
    """Load a booster.

    Raises:
        LoadError: XGBoost refuses the file.
        Contradiction: The file knows other columns than the spec.
    """
    booster = xgboost.Booster({"nthread": cpus()})
    try:
        _check_file(file)
        booster.load_model(_readable(file))
        xgboost_trees.check(bytes(booster.save_raw("ubj")))
    except (xgboost.core.XGBoostError, ValueError, OSError) as error:
        raise LoadError(f"XGBoost cannot read {file.name}: {error}") from error
    if bigquery_ml.exported(file):
        return bigquery_ml.model(file, settings, booster.num_features(), _predict(booster))
    found = encoding(settings.features, columns_of(booster), file.name) if settings.features else None
    return Booster("xgboost", booster.num_features(), "FP32", _predict(booster), found)


def _check_file(file: Path) -> None:
    """Check what XGBoost follows while it reads; a file of the format of old is checked as it is given on.

    Raises:
        Impossible: It leads out of itself.
    """
    content = file.read_bytes()
    if file.suffix == ".bst" and xgboost_old.is_old(content):
        return
    # As XGBoost tells them apart: by the name, and by the second byte where that says nothing.
    is_json = content[1:2].isspace() or content[1:2] == b'"' if file.suffix == ".bst" else file.suffix == ".json"
    (xgboost_trees.check_json if is_json else xgboost_trees.check_binary)(content)


def _readable(file: Path) -> str | bytearray:
    """Give what XGBoost reads: the file, or what a file of the format of old says.

    Raises:
        NotOld: It is said to be of that format, and is not.
    """
    if file.suffix != ".bst":
        return str(file)
    content = file.read_bytes()
    return bytearray(xgboost_old.as_json(content) if xgboost_old.is_old(content) else content)


def _predict(booster: Any) -> Callable[[Array], Any]:
    """Predict as the class does that saved the file: XGBClassifier and its like stop at the best iteration.

    In-place prediction copies nothing into a DMatrix, and is safe from several threads; linear boosters have none.
    """
    if json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear":
        return lambda rows: booster.predict(xgboost.DMatrix(rows), validate_features=False)
    rounds = (0, _best_iteration(booster) + 1)
    return partial(booster.inplace_predict, iteration_range=rounds, validate_features=False)


def _best_iteration(booster: Any) -> int:
    """Give the iteration that early stopping found; -1 for all, as `xgboost.train` and its Booster have it."""
    told = booster.attributes()
    return int(told["best_iteration"]) if {SAVED_BY_SKLEARN, "best_iteration"} <= told.keys() else -1


def columns_of(booster: Any) -> list[Column]:
    """Read names, types and categories out of a booster."""
    unsaid = [""] * booster.num_features()
    names, kinds = booster.feature_names or unsaid, booster.feature_types or unsaid
    categories = _categories(booster) if CATEGORICAL in kinds else {}
    return [
        Column(name)
        if kind != CATEGORICAL
        else Column(name, "category" if place in categories else "coded", categories.get(place))
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]


def _categories(booster: Any) -> dict[int, tuple[Any, ...]]:
    """Read the categories of a data frame, which a file has since XGBoost 3.1; by place of the column."""
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    model = model.get("gbtree", model).get("model", {})  # dart has its trees a level deeper
    columns = (model.get("cats") or {}).get("enc", [])
    return {place: found for place, column in enumerate(columns) if (found := _decoded(column))}


def _decoded(column: dict[str, Any]) -> tuple[Any, ...]:
    """Read the categories of one column: numbers as they are, text as its bytes and where each begins."""
    values = column.get("values", [])
    if "offsets" not in column:
        return tuple(values)
    offsets, text = column["offsets"], bytes(value % 256 for value in values)
    return tuple(text[start:stop].decode() for start, stop in pairwise(offsets))
