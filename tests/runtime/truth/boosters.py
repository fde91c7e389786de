"""XGBoost and LightGBM, in their own formats and in pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xgboost

from runtime.configuration.settings import Prediction
from tests.late import Late
from tests.runtime.offline import dumped
from tests.runtime.truth.case import (
    KIND,
    NUMBER,
    SCORE,
    TABLE,
    TEXT_LABEL,
    THREE,
    UP,
    X_Y,
    Case,
    Row,
    matrix,
    model,
)  # fmt: skip

if TYPE_CHECKING:
    from pathlib import Path

lightgbm = Late("lightgbm")

NAMES = ["x", "y"]
BARE = TABLE[NAMES].to_numpy(np.float32)
KINDS = pd.CategoricalDtype(["blue", "green", "red"])
CATEGORIES = TABLE[["kind", "x"]].astype({"kind": KINDS})
WITH_KIND: dict[str, Row] = {"kind": {**KIND, "nullable": True}, "x": {"type": "number", "nullable": True}}
NULLABLE = {name: {**NUMBER, "nullable": True} for name in NAMES}
GROUPS = np.repeat(10, 9)


def of_kinds(rows: list[Row]) -> pd.DataFrame:
    """Give rows as the boosters' own data frame."""
    return pd.DataFrame(rows, columns=["kind", "x"]).astype({"kind": KINDS, "x": float})


def extreme(
    folder: Path, label: Any = SCORE, ending: str = "json", features: dict[str, Row] = NULLABLE, **told: Any
) -> Case:
    """XGBoost in a format of its own."""
    data = xgboost.DMatrix(BARE, label)
    if told.get("objective", "").startswith("rank:"):
        data.set_group(GROUPS)
    booster = xgboost.train({"nthread": 1, "max_depth": 2, **told}, data, 6)
    booster.save_model(folder / f"model.{ending}")
    predict = (
        booster.inplace_predict
        if told.get("booster") != "gblinear"
        else lambda rows: booster.predict(xgboost.DMatrix(rows))
    )
    return Case(features, lambda rows: predict(matrix(rows, NAMES, np.float32)))


@model
def xgboost_regression(folder: Path) -> Case:
    return extreme(folder)


@model
def xgboost_binary(folder: Path) -> Case:
    return extreme(folder, UP, "ubj", objective="binary:logistic")


@model
def xgboost_three(folder: Path) -> Case:
    return extreme(folder, THREE, objective="multi:softprob", num_class=3)


@model
def xgboost_three_labels(folder: Path) -> Case:
    return extreme(folder, THREE, objective="multi:softmax", num_class=3)


@model
def xgboost_ranking(folder: Path) -> Case:
    return extreme(folder, THREE, objective="rank:pairwise")


@model
def xgboost_dart(folder: Path) -> Case:
    return extreme(folder, booster="dart")


@model
def xgboost_linear(folder: Path) -> Case:
    return extreme(folder, features=X_Y, booster="gblinear")


@model
def xgboost_of_two_targets(folder: Path) -> Case:
    return extreme(folder, np.column_stack([SCORE, -SCORE]), multi_strategy="multi_output_tree", tree_method="hist")


@model
def xgboost_categories(folder: Path) -> Case:
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(CATEGORIES, SCORE, enable_categorical=True), 5)
    booster.save_model(folder / "model.ubj")
    return Case(WITH_KIND, lambda rows: booster.predict(xgboost.DMatrix(of_kinds(rows), enable_categorical=True)))


@model
def xgboost_early_stopped(folder: Path) -> Case:
    fitted = xgboost.XGBClassifier(n_estimators=40, learning_rate=0.7, early_stopping_rounds=2, n_jobs=1)
    fitted.fit(BARE[:60], UP[:60], eval_set=[(BARE[60:], UP[60:])], verbose=False)
    fitted.save_model(folder / "model.json")
    return Case(NULLABLE, lambda rows: fitted.predict_proba(matrix(rows, NAMES, np.float32))[:, 1])


@model
def xgboost_class(folder: Path) -> Case:
    fitted = xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(BARE, THREE)
    told = {**dumped(folder, fitted), "prediction": Prediction("probabilities")}
    return Case(X_Y, lambda rows: fitted.predict_proba(matrix(rows, NAMES)), told)


def light(folder: Path, label: Any = SCORE, **told: Any) -> Case:
    """LightGBM in its text format."""
    given = {"group": GROUPS} if told.get("objective") == "lambdarank" else {}
    data = lightgbm.Dataset(BARE.astype(float), label, **given)
    booster = lightgbm.train({"verbose": -1, "num_threads": 1, "num_leaves": 4, "min_data_in_leaf": 5, **told}, data, 6)
    booster.save_model(folder / "model.txt")
    return Case(NULLABLE, lambda rows: booster.predict(matrix(rows, NAMES), num_threads=1))


@model
def lightgbm_regression(folder: Path) -> Case:
    return light(folder)


@model
def lightgbm_binary(folder: Path) -> Case:
    return light(folder, UP, objective="binary")


@model
def lightgbm_three(folder: Path) -> Case:
    return light(folder, THREE, objective="multiclass", num_class=3)


@model
def lightgbm_ranking(folder: Path) -> Case:
    return light(folder, THREE, objective="lambdarank")


@model
def lightgbm_dart(folder: Path) -> Case:
    return light(folder, boosting="dart")


@model
def lightgbm_categories(folder: Path) -> Case:
    told = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    booster = lightgbm.train(told, lightgbm.Dataset(CATEGORIES, SCORE), 5)
    booster.save_model(folder / "model.txt")
    return Case(WITH_KIND, lambda rows: booster.predict(of_kinds(rows), num_threads=1))


@model
def lightgbm_class(folder: Path) -> Case:
    fitted = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, n_jobs=1, min_child_samples=5)
    fitted.fit(BARE.astype(float), TEXT_LABEL)
    return Case(X_Y, lambda rows: fitted.predict(matrix(rows, NAMES)), dumped(folder, fitted))
