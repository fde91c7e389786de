"""Models that BigQuery ML exports: XGBoost 0.82 (`exported/make.py`), with columns and classes beside the booster."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.data.columns import Contradiction
from runtime.frameworks import LoadError, load, xgboost_old
from tests.runtime.offline import ask, loaded, probabilities, settings_of

HERE = Path(__file__).parent / "exported"
ANSWERS = json.loads((HERE / "answers.json").read_text())
WORDS = "_null_filler\nfibre\nDSL \u2028x\nnone\n"
FEATURES = {
    "speed": {"type": "number"},
    "age": {"type": "number", "nullable": True},
    "line": {"type": "category", "values": ["none", "fibre", "DSL \u2028x", "satellite"], "nullable": True},
}
CLASSES = {"classifier": ["3", "2", "1"], "forest": ["stays", "leaves"], "logistic": ["false", "true"]}
PLACES = {1.0: "fibre", 2.0: "DSL \u2028x", 3.0: "none"}
ASKED = [{"speed": row[0], "age": row[1], "line": PLACES[row[2]]} for row in ANSWERS["rows"]]


def export(folder, name, *, words=WORDS, encoding="categorical_label", listed="2_categorical_label.txt", **more):
    """Write a folder as EXPORT MODEL does."""
    shutil.copy(HERE / f"{name}.bst", folder / "model.bst")
    (folder / "main.py").write_text("raise SystemExit('nobody runs this')")
    (folder / "assets").mkdir()
    (folder / "assets" / listed).write_text(words)
    sorts = {"speed": {}, "age": {"encode_type": "numerical_identity"}, "line": {"encode_type": encoding}}
    about = {"label_col": "churned", "feature_names": list(sorts), "features": sorts}
    about |= {"class_names": CLASSES[name]} if name in CLASSES else {}
    (folder / "assets/model_metadata.json").write_text(json.dumps(about | more))


@pytest.mark.parametrize("name", ["regressor", "dart", "classifier", "forest", "logistic"])
def test_an_export_answers_as_the_version_that_wrote_it(tmp_path, name):
    """In the numbers of XGBoost 0.82 itself, with words in place of theirs, whatever the order in the spec."""
    export(tmp_path, name)
    features = dict(reversed(FEATURES.items()))
    told = {"prediction": probabilities()} if name in CLASSES else {}
    found = np.array(ask(loaded(tmp_path, features, **told), ASKED))

    wanted = np.array(ANSWERS[name])
    wanted = np.stack([1 - wanted, wanted], axis=1) if name == "logistic" else wanted
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("listed", ["2_categorical_label.txt", "2.txt"])
def test_a_classifier_gives_the_name_of_the_likeliest_class(tmp_path, listed):
    """Numbers where the label had numbers; the newer and the older name of the list of words."""
    export(tmp_path, "classifier", listed=listed)
    model = load(tmp_path, settings_of(FEATURES))

    rows = np.array([[3.0, 1.0, 2.0]], np.float32)
    given = model.predict({"input": rows}, ("label", "probabilities"))
    assert given["label"].tolist() == [int(["3", "2", "1"][int(given["probabilities"].argmax())])]
    assert [(spec.name, spec.datatype, spec.shape) for spec in model.outputs] == [
        ("label", "INT64", (-1,)),
        ("probabilities", "FP32", (-1, 3)),
    ]


def test_numbers_that_are_too_large_are_names(tmp_path):
    """A label of 20 digits was NUMERIC or text."""
    export(tmp_path, "classifier", class_names=["1", "-2", "9" * 19])
    assert load(tmp_path, settings_of(FEATURES)).outputs[0].datatype == "BYTES"


def test_a_word_that_training_has_not_seen_is_no_value(tmp_path):
    """As Google's own reader has it; words that are all unknown are a mistake."""
    export(tmp_path, "regressor")
    model = loaded(tmp_path, FEATURES)
    row = {"speed": 0.4, "age": 1.0}

    unknown, missing = ask(model, [{**row, "line": "satellite"}, {**row, "line": None}])
    assert unknown == missing
    wrong = {**FEATURES, "line": {"type": "category", "values": ["a", "b"]}}
    with pytest.raises(Contradiction, match="line has the values a, b"):
        loaded(tmp_path, wrong)


def refused(folder, **told):
    with pytest.raises(LoadError) as found:
        load(folder, settings_of(FEATURES, **told))
    return str(found.value)


def test_what_is_not_served_says_why(tmp_path):
    """A SavedModel, TRANSFORM, another encoding, lists that are missing, a description of another model."""
    (tmp_path / "linear").mkdir()
    (tmp_path / "linear/saved_model.pb").write_bytes(b"")
    assert "a TensorFlow SavedModel, which is not served" in refused(tmp_path / "linear")
    for number, (told, words) in enumerate(
        [
            ({"encoding": "categorical_one_hot"}, "CATEGORY_ENCODING_METHOD = 'LABEL_ENCODING'"),
            ({"listed": "1_categorical_label.txt"}, "no words of the column line"),
            ({"feature_names": ["speed"]}, "has 3 columns, and assets/model_metadata.json 1"),
            ({"feature_names": "speed"}, "names no features"),
            ({"class_names": {"a": 1}}, "are no list of names"),
            ({"class_names": "abc"}, "are no list of names"),
            ({"class_names": [["a"], "b", "c"]}, "are no list of names"),
            ({"class_names": ["a", "b", "a"]}, "names one class alone, or one twice"),
            ({"class_names": ["a", "b"]}, "the booster has 3 scores, and assets/model_metadata.json 2 classes"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        export(folder, "classifier", **told)
        assert words in refused(folder)
    (folder / "transform").mkdir()
    assert "trained with TRANSFORM" in refused(folder)


@pytest.mark.parametrize("name", ["classifier", "dart"])
def test_a_file_that_ends_early_or_goes_on_wrong_is_refused(tmp_path, name):
    """By a sentence, wherever it is cut."""
    content = (HERE / f"{name}.bst").read_bytes()
    for length in [*range(200), *range(200, len(content) - 1, 37)]:
        with pytest.raises(xgboost_old.NotOld):
            xgboost_old.as_json(content[:length])
    (tmp_path / "model.bst").write_bytes(b"\x00" * 300)
    assert "XGBoost cannot read model.bst: it is none of XGBoost's formats" in refused(tmp_path)


def within(found):
    """Check that no number of a model leads out of it: XGBoost would follow it."""
    learner = found["learner"]
    made = learner["gradient_booster"]
    model, numbers = made.get("gbtree", made)["model"], learner["learner_model_param"]
    assert len(model["tree_info"]) == len(model["trees"]) == int(model["gbtree_model_param"]["num_trees"])
    assert all(0 <= each < max(int(numbers["num_class"]), 1) for each in model["tree_info"])
    for tree in model["trees"]:
        assert max(tree["left_children"] + tree["right_children"]) < len(tree["left_children"])
        assert max(tree["split_indices"]) < int(numbers["num_feature"])


@given(st.sampled_from(["regressor", "dart", "classifier", "forest", "logistic"]), st.floats(0, 1), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_a_byte_that_is_another_makes_a_model_or_a_sentence(name, place, value):
    """Wherever it is: never another error, a walk without end, or a model that leads out of itself."""
    content = bytearray((HERE / f"{name}.bst").read_bytes())
    content[int(place * (len(content) - 1))] = value
    try:
        found = json.loads(xgboost_old.as_json(bytes(content)))
    except xgboost_old.NotOld:
        return
    within(found)


def test_trees_of_classes_that_only_the_header_has(tmp_path):
    """It says three, of an objective with one score per row: XGBoost would write the others behind its end."""
    content = (HERE / "classifier.bst").read_bytes()
    within(json.loads(xgboost_old.as_json(content)))
    (tmp_path / "model.bst").write_bytes(content.replace(_text("multi:softprob"), _text("reg:squarederror")))
    assert "trees of a class that it has not" in refused(tmp_path)


def _text(word):
    return len(word).to_bytes(8, "little") + word.encode()
