"""XGBoost models in its own formats: `.ubj` and `.json`."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import xgboost

from runtime.frameworks import LoadError, cpus
from runtime.frameworks.boosters import Booster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings
    from runtime.data.tensors import Array

# What XGBClassifier and its like leave in a file that they save.
SAVED_BY_SKLEARN = "scikit_learn"


def load(file: Path, settings: ModelSettings) -> Booster:
    """Load a booster.

    Raises:
        LoadError: XGBoost refuses the file.
    """
    del settings
    booster = xgboost.Booster({"nthread": cpus()})
    try:
        booster.load_model(str(file))
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise LoadError(f"XGBoost cannot read {file.name}: {error}") from error
    return Booster("xgboost", booster.num_features(), "FP32", _predict(booster))


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
