"""XGBoost models in its own formats: `.ubj` and `.json`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import xgboost

from runtime.frameworks import LoadError, cpus
from runtime.frameworks.boosters import Booster

if TYPE_CHECKING:
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings


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
    # In-place prediction copies nothing into a DMatrix, and is safe from several threads.
    predict = partial(booster.inplace_predict, validate_features=False)
    return Booster("xgboost", booster.num_features(), "FP32", predict)
