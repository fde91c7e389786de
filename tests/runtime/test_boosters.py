"""Boosters answer as the class does that saved them: early-stopped ones, and linear ones."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
import xgboost

from tests.runtime.offline import ask, dumped, loaded, probabilities

RANDOM = np.random.default_rng(8)


@pytest.fixture(scope="module")
def noisy():
    """Rows whose labels no tree can learn for long: inputs, labels, and the rows that are asked about."""
    given = RANDOM.normal(size=(300, 3))
    labels = (given[:, 0] + RANDOM.normal(size=300) > 0).astype(int)
    return given, labels, given[:20]


STOPPING = {"n_estimators": 60, "learning_rate": 0.5, "n_jobs": 1}


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
@pytest.mark.parametrize("ending", ["json", "ubj", "joblib"])
def test_xgboost_classes_stop_at_the_best_iteration(tmp_path, noisy, ending, booster):
    """A file that XGBClassifier saved, and a pickle of it, answer as XGBClassifier does."""
    given, labels, asked = noisy
    model = xgboost.XGBClassifier(early_stopping_rounds=5, booster=booster, **STOPPING)
    model.fit(given[:200], labels[:200], eval_set=[(given[200:], labels[200:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    told = {"prediction": probabilities(), **dumped(tmp_path, model)} if ending == "joblib" else {}
    if ending != "joblib":
        model.save_model(tmp_path / f"model.{ending}")
    found = np.array(ask(loaded(tmp_path, {}, **told), asked.tolist()))

    wanted = model.predict_proba(asked)
    np.testing.assert_allclose(found, wanted if found.ndim > 1 else wanted[:, 1], rtol=1e-6)


def test_a_booster_of_train_answers_with_all_its_trees(tmp_path, noisy):
    """`xgboost.train` gives the last iteration, and its Booster predicts with all; so does the server."""
    given, labels, asked = noisy
    last = (xgboost.DMatrix(given[200:], labels[200:]), "test")
    model = xgboost.train(
        {"objective": "binary:logistic", "eta": 0.5}, xgboost.DMatrix(given[:200], labels[:200]), 60,
        evals=[last], early_stopping_rounds=5, verbose_eval=False,
    )  # fmt: skip
    model.save_model(tmp_path / "model.ubj")

    np.testing.assert_allclose(
        ask(loaded(tmp_path, {}), asked.tolist()), model.predict(xgboost.DMatrix(asked)), rtol=1e-6
    )


@pytest.mark.parametrize("saved", ["best", "all", "joblib"])
def test_lightgbm_stops_where_its_file_does(tmp_path, noisy, saved):
    """LightGBM saves the best iterations unless told otherwise; a file answers as a Booster, a pickle as its class."""
    given, labels, asked = noisy
    model = lightgbm.LGBMClassifier(verbose=-1, **STOPPING)
    stop = lightgbm.early_stopping(5, verbose=False)
    model.fit(given[:200], labels[:200], eval_X=given[200:], eval_y=labels[200:], callbacks=[stop])
    if saved == "joblib":
        told = {"prediction": probabilities(), **dumped(tmp_path, model)}
        np.testing.assert_allclose(ask(loaded(tmp_path, {}, **told), asked.tolist()), model.predict_proba(asked))
        return
    model.booster_.save_model(tmp_path / "model.txt", num_iteration=-1 if saved == "all" else None)

    wanted = lightgbm.Booster(model_file=str(tmp_path / "model.txt")).predict(asked)
    np.testing.assert_allclose(ask(loaded(tmp_path, {}), asked.tolist()), wanted)


def test_a_linear_booster(tmp_path, noisy):
    """XGBoost predicts linear boosters its slower way, and so does the server."""
    given, _, asked = noisy
    model = xgboost.train({"booster": "gblinear"}, xgboost.DMatrix(given, given @ [2.0, -1.0, 0.5]), 20)
    model.save_model(tmp_path / "model.json")

    np.testing.assert_allclose(ask(loaded(tmp_path, {}), asked.tolist()), model.predict(xgboost.DMatrix(asked)))
