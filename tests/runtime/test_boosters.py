"""Boosters answer as the class does that saved them: early-stopped ones, and linear ones."""

from __future__ import annotations

import contextlib
import json
import math
import re
import struct

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.frameworks import LoadError, xgboost_trees
from tests.late import Late
from tests.runtime.offline import ask, dumped, loaded, probabilities

lightgbm = Late("lightgbm")

RANDOM = np.random.default_rng(8)
FEW = bytes(xgboost.train({"nthread": 1}, xgboost.DMatrix([[0.0], [1.0]], [0.0, 1.0]), 2).save_raw("ubj"))


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
    xgboost_trees.check_json(bytes(booster.save_raw("json")))
    xgboost_trees.check_binary(bytes(booster.save_raw("ubj")))
    xgboost_trees.check(bytes(booster.save_raw("ubj")))


def _first(model, name, value):
    model["trees"][0][name][0] = value


def _binary(value):
    """Write binary JSON as XGBoost does, of lists without types."""
    if isinstance(value, dict):
        return b"{" + b"".join(_binary(name)[1:] + _binary(each) for name, each in value.items()) + b"}"
    if isinstance(value, list):
        return b"[#L" + len(value).to_bytes(8, "big") + b"".join(map(_binary, value))
    if isinstance(value, str):
        return b"SL" + len(value).to_bytes(8, "big") + value.encode()
    return b"L" + value.to_bytes(8, "big", signed=True) if isinstance(value, int) else b"d" + struct.pack(">f", value)


@pytest.mark.parametrize("ending", ["json", "ubj", "bst"])
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda model: model["trees"][1].update(id=0), "trees of one number"),
        (lambda model: model["trees"][1].update(id=9), "trees of one number"),
        (lambda model: model["trees"][0]["parents"].__setitem__(1, 10**8), "a tree that is none"),
        (lambda model: model["trees"][0]["parents"].__setitem__(1, -9), "a tree that is none"),
        (lambda model: model["trees"][0]["tree_param"].update(size_leaf_vector="1000"), "leaves without values"),
        (lambda model: _category(model, categories_segments=[10**8]), "categories that it has not"),
        (lambda model: _category(model, categories_sizes=[10**8]), "categories that it has not"),
        (lambda model: _category(model, categories_nodes=[99]), "categories that it has not"),
        (lambda model: _category(model, categories=[-5]), "categories that it has not"),
        (lambda model: model["trees"][0].pop("parents"), "it is no booster in"),
    ],
)
def test_a_file_that_leads_out_of_itself_is_refused_unread(tmp_path, noisy, ending, harm, words):
    """XGBoost follows these numbers while it reads, and ends the process at best."""
    given, labels, _ = noisy
    told = {"nthread": 1, "max_depth": 2, "objective": "binary:logistic"}
    booster = xgboost.train(told, xgboost.DMatrix(given, labels), 2)
    found = json.loads(booster.save_raw("json"))
    harm(found["learner"]["gradient_booster"]["model"])
    content = json.dumps(found).encode() if ending == "json" else _binary(found)
    (tmp_path / f"model.{ending}").write_bytes(content)
    with pytest.raises(LoadError, match=words):
        loaded(tmp_path, {})


def _category(model, **told):
    whole = {"categories": [5], "categories_nodes": [0], "categories_segments": [0], "categories_sizes": [1]}
    model["trees"][0].update(whole | told)
    model["trees"][0]["split_type"][0] = 1


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_binary_json_of_others_is_read_or_refused(data):
    """Cut, or with another byte: never without end, and never another error."""
    content = bytearray(FEW)
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.sampled_from([len(content), place + 1]))])
    with contextlib.suppress(xgboost_trees.Impossible):
        xgboost_trees.check_binary(content)


def test_what_xgboost_writes_for_no_number_is_read():
    """NaN and Infinity, which are no JSON."""
    content = json.loads(xgboost.Booster(model_file=bytearray(FEW)).save_raw("json"))
    content["learner"]["gradient_booster"]["model"]["trees"][0]["loss_changes"][0] = math.inf
    xgboost_trees.check_json(json.dumps(content).encode())
    with pytest.raises(xgboost_trees.Impossible, match="twice"):
        xgboost_trees.check_json(json.dumps(content).encode().replace(b'"id": 0', b'"id": 9, "id": 0'))
    with pytest.raises(xgboost_trees.Impossible, match="no booster"):
        xgboost_trees.check_json(b"[" * 10_000)


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
    content = json.dumps(found).encode() if ending == "json" else _binary(found)
    (tmp_path / f"model.{ending}").write_bytes(content)
    with pytest.raises(LoadError, match=words):
        loaded(tmp_path, {})


LEADING_OUT = {
    "circle": ("left_child", "0 0 0"),
    "leaf-beyond": ("left_child", "-9000 -9001 -9002"),
    "column": ("split_feature", "5 6 7"),
    "classes": ("num_class", "0"),
    "trees-of-a-round": ("num_tree_per_iteration", "100000"),
    "no-columns": ("max_feature_idx", "-1"),
    "leaves": ("num_leaves", "2000000000"),
    "values": ("leaf_value", "1"),
    "categories": ("decision_type", "1 1 1"),
    "sets": ("cat_boundaries", "0 900"),
    "coefficients": ("leaf_features", "9 9 9 9"),
    "twice": ("shrinkage", "1\nnum_leaves=4"),
    "over-the-end": ("shrinkage", "1\nfoo\n\nleft_child=0 0 0"),
    "behind-the-end": ("shrinkage", "1\nend of trees\nleft_child=0 0 0"),
    "name-behind": ("num_class", "1\n=num_class=0"),
    "no-value": ("num_class", "1\nnum_class"),
}


@pytest.fixture(scope="module")
def text_of_lightgbm() -> str:
    """Trees with all that a tree may have: sets of categories, and leaves of a slope."""
    random = np.random.default_rng(0)
    rows = np.column_stack([random.normal(size=(300, 2)), random.integers(0, 40, 300)])
    told = {"verbose": -1, "num_leaves": 4, "num_threads": 1, "linear_tree": True, "min_data_per_group": 5}
    data = lightgbm.Dataset(rows, rows[:, 0] + 9 * (rows[:, 2] % 3), categorical_feature=[2])
    return lightgbm.train(told, data, 2).model_to_string()


@pytest.mark.parametrize(("name", "value"), LEADING_OUT.values(), ids=LEADING_OUT)
def test_a_text_that_leads_out_of_itself_is_refused(tmp_path, text_of_lightgbm, name, value):
    """Before LightGBM reads it: it would read memory into answers, end the process or never end."""
    # What may be left out is, as a tree with all that it may have takes no line more.
    text = re.sub(r"(?m)^(leaf_weight|leaf_count|internal_\w+)=.*\n", "", text_of_lightgbm)
    edited = re.sub(rf"(?m)^{name}=.*$", f"{name}={value}", text)
    assert edited != text
    (tmp_path / "model.txt").write_text(edited)

    with pytest.raises(LoadError, match=r"LightGBM cannot read model\.txt: it (has|is)"):
        loaded(tmp_path, {})


@pytest.mark.parametrize("line", ["x", "shrinkage=nan", ":", "[a]", "[x:", "[: 1]", "[a:]", "[a: 1", "a: 1]"])
def test_a_parameter_that_is_none_is_refused(tmp_path, text_of_lightgbm, line):
    """LightGBM takes letters of it by their place, also where there are fewer."""
    assert "\nparameters:\n" in text_of_lightgbm
    (tmp_path / "model.txt").write_text(text_of_lightgbm.replace("\nparameters:\n", f"\nparameters:\n\n{line}\n"))

    with pytest.raises(LoadError, match=r"LightGBM cannot read model\.txt: it has a parameter that is none"):
        loaded(tmp_path, {})


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_text_that_was_cut_off_is_refused(tmp_path, text_of_lightgbm, part):
    """The trees that are left would answer, and nobody would see it."""
    trees = text_of_lightgbm.partition("\nend of trees")[0]
    whole = trees.rfind("\n\nTree=", 0, int(len(trees) * part)) if part > 0.5 else -1
    (tmp_path / "model.txt").write_text(trees[:whole] if whole > 0 else trees[: int(len(trees) * part)])

    with pytest.raises(LoadError, match=r"LightGBM cannot read model\.txt: it (has|is)"):
        loaded(tmp_path, {})


def test_a_tree_ends_before_the_next(tmp_path, text_of_lightgbm):
    """LightGBM would take lines of the one for lines of the other, as many as a tree may have."""
    text = re.sub(r"(?m)^(leaf|internal|cat|num_f)\w+=.*\n", "", text_of_lightgbm)
    (tmp_path / "model.txt").write_text(re.sub(r"\n+Tree=1", "\nTree=1", text))

    with pytest.raises(LoadError, match=r"LightGBM cannot read model\.txt: it has a line that is there twice"):
        loaded(tmp_path, {})


def test_a_text_needs_no_places_of_its_trees(tmp_path, text_of_lightgbm):
    """Those are left out, as LightGBM would go where they say; a whole text answers as before."""
    rows = np.random.default_rng(1).normal(size=(9, 3))
    wanted = lightgbm.Booster(model_str=text_of_lightgbm).predict(rows)
    (tmp_path / "model.txt").write_text(re.sub(r"(?m)^tree_sizes=.*$", "tree_sizes=9 900000000", text_of_lightgbm))

    np.testing.assert_allclose(ask(loaded(tmp_path, {}), rows.tolist()), wanted)


def test_an_ordinary_text_is_taken(tmp_path):
    """Columns may be called as lines of the text are, and in any script."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 3))
    names = ["Tree", "end", "Größe\u3000x"]
    told = {"verbose": -1, "num_leaves": 7, "num_threads": 1, "objective": "multiclass", "num_class": 3}
    data = lightgbm.Dataset(rows, random.integers(0, 3, 300), feature_name=names)
    booster = lightgbm.train(told, data, 4)
    booster.save_model(tmp_path / "model.txt")
    assert "\nTree=" in (tmp_path / "model.txt").read_text().partition("feature_importances")[2]

    np.testing.assert_allclose(ask(loaded(tmp_path, {}), rows[:9].tolist()), booster.predict(rows[:9]))
