"""Boosters answer as the class does that saved them: early-stopped ones, and linear ones."""

from __future__ import annotations

import json

import lightgbm
import numpy as np
import pytest
import xgboost

from runtime.frameworks import LoadError, xgboost_trees
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


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2}, "q"),
        ({"booster": "dart", "grow_policy": "lossguide", "max_leaves": 9}, "q"),
        ({"tree_method": "exact", "gamma": 0.3}, "q"),
        ({"max_cat_to_onehot": 1}, "c"),
        ({"multi_strategy": "multi_output_tree", "tree_method": "hist"}, "q"),
        ({"booster": "gblinear"}, "q"),
    ],
)
def test_what_xgboost_makes_is_found_whole(told, kind):
    """Of every sort of booster: classes, forests, pruned trees, categories, several targets, weights."""
    rows = RANDOM.integers(0, 20, (200, 2)).astype(float)
    labels = rows % 3 if "multi_strategy" in told else rows[:, 0] % 3
    asked = xgboost.DMatrix(rows, labels, feature_types=[kind] * 2, enable_categorical=True)
    booster = xgboost.train({"nthread": 1, **told}, asked, 3)
    booster.set_attr(name="\u2028 é")
    xgboost_trees.check(bytes(booster.save_raw("ubj")))


def _first(model, name, value):
    model["trees"][0][name][0] = value


@pytest.mark.parametrize("ending", ["json", "ubj"])
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda model: model.update(tree_info=[0, 1]), "trees of a class that it has not"),
        (lambda model: model.update(tree_info=[0, -9]), "trees of a class that it has not"),
        (lambda model: model.update(iteration_indptr=[-9, 1, 2]), "iterations of other trees"),
        (lambda model: _first(model, "left_children", 99), "a tree that is none"),
        (lambda model: _first(model, "left_children", 0), "a tree that is none"),
        (lambda model: _first(model, "right_children", 1), "a tree that is none"),
        (lambda model: _first(model, "right_children", -9), "a tree that is none"),
        (lambda model: _first(model, "split_indices", 3), "a column that it has not"),
    ],
)
def test_a_booster_that_leads_out_of_itself_is_refused(tmp_path, noisy, ending, harm, words):
    """XGBoost reads it, and would write and read wherever in memory its numbers lead."""
    given, labels, _ = noisy
    told = {"nthread": 1, "max_depth": 2, "objective": "binary:logistic"}
    booster = xgboost.train(told, xgboost.DMatrix(given, labels), 2)
    found = json.loads(booster.save_raw("json"))
    harm(found["learner"]["gradient_booster"]["model"])
    file = tmp_path / f"model.{ending}"
    file.write_text(json.dumps(found))
    if ending == "ubj":
        harmed = xgboost.Booster(model_file=bytearray(file.read_bytes()))
        harmed.save_model(file)
    with pytest.raises(LoadError, match=words):
        loaded(tmp_path, {})
