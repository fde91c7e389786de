"""Estimators in skops: those of scikit-learn load by a list, trees after a look at them, others by the spec's word."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from runtime.configuration.settings import ModelSettings, with_folder
from runtime.frameworks import LoadError, load
from tests.late import Late
from tests.runtime.offline import ask, loaded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

sklearn_trees = Late("runtime.frameworks.sklearn_trees")
SKOPS = Late("skops.io")  # imports all of scikit-learn
RANDOM = np.random.default_rng(2)
ROWS = RANDOM.normal(size=(80, 3))
LABEL = np.where(ROWS[:, 0] > 0, "up", "down")
FEATURES = {name: {"type": "number"} for name in "abc"}
FITTED: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(4, random_state=0).fit(ROWS, LABEL),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=4).fit(ROWS, LABEL),
    "boosting-of-three": lambda: GradientBoostingClassifier(n_estimators=3).fit(ROWS, np.arange(80) % 3),
    "histogram": lambda: HistGradientBoostingClassifier(max_iter=4).fit(ROWS, LABEL),
    "bagging-of-some-columns": lambda: BaggingRegressor(n_estimators=3, max_features=2).fit(ROWS, ROWS[:, 0]),
    "outliers-by-some-columns": lambda: IsolationForest(n_estimators=3, max_features=2).fit(ROWS),
    "neighbours": lambda: KNeighborsClassifier(algorithm="kd_tree").fit(ROWS, LABEL),
    "ball-of-neighbours": lambda: KNeighborsClassifier(algorithm="ball_tree", metric="manhattan").fit(ROWS, LABEL),
    "neighbours-of-whole-numbers": lambda: KNeighborsClassifier().fit(np.rint(ROWS * 9).astype(int), LABEL),
    "neighbours-by-angle": lambda: KNeighborsClassifier(metric="cosine").fit(ROWS, LABEL),
    "neighbours-by-cubes": lambda: KNeighborsClassifier(p=3, algorithm="brute").fit(ROWS, LABEL),
    "neighbours-in-a-sparse-matrix": lambda: make_pipeline(
        OneHotEncoder(handle_unknown="ignore"), KNeighborsClassifier()
    ).fit(np.rint(ROWS), LABEL),
    "calibrated": lambda: CalibratedClassifierCV(LogisticRegression(), cv=2).fit(ROWS, LABEL),
    "network": lambda: MLPClassifier((3,), max_iter=5).fit(ROWS, LABEL),
    "chosen-columns": lambda: make_pipeline(SimpleImputer(), SelectKBest(k=2), DecisionTreeClassifier()).fit(
        ROWS, LABEL
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fit", FITTED.values(), ids=FITTED)
def test_ordinary_estimators_need_no_leave(tmp_path, fit):
    """They load, and answer as they did before."""
    estimator = fit()
    SKOPS.dump(estimator, tmp_path / "model.skops")

    assert ask(loaded(tmp_path, FEATURES), ROWS[:9].tolist()) == estimator.predict(ROWS[:9]).tolist()


def test_a_pipeline_of_columns_with_text(tmp_path):
    """The same of what is trained on a table: encoders, and scikit-learn's own booster with categories of text."""
    table = pd.DataFrame({"a": ROWS[:, 0], "fuel": RANDOM.choice(["x", "y"], 80)})
    features = {"fuel": {"type": "category", "values": ["y", "x"]}, "a": {"type": "number"}}
    shape = ColumnTransformer([("text", OneHotEncoder(), ["fuel"])], remainder="passthrough")
    for name, estimator in {
        "columns": make_pipeline(shape, RandomForestClassifier(3)),
        "histogram": HistGradientBoostingClassifier(max_iter=3, categorical_features=["fuel"]),
    }.items():
        (tmp_path / name).mkdir()
        SKOPS.dump(estimator.fit(table, LABEL), tmp_path / name / "model.skops")
        found = ask(loaded(tmp_path / name, features), table[:9].to_dict("records"))
        assert found == estimator.predict(table[:9]).tolist()


@pytest.mark.parametrize("cluster", [KMeans, MiniBatchKMeans])
def test_clusters_of_short_numbers(tmp_path, cluster):
    """Found among 32-bit floats, as embeddings are: scikit-learn itself takes such alone."""
    model = cluster(3, n_init=1, random_state=0).fit(ROWS.astype(np.float32))
    SKOPS.dump(model, tmp_path / "model.skops")

    for features in (FEATURES, {}):
        found = loaded(tmp_path, features)
        assert found.model.inputs[0].datatype == "FP32"
        assert ask(found, ROWS[:9].tolist()) == model.predict(ROWS[:9].astype(np.float32)).tolist()


def test_a_strange_type_is_named_with_its_remedy(tmp_path):
    """What the server does not know the spec may name, or who started it; the folder itself may not."""
    model = BisectingKMeans(2, random_state=0).fit(ROWS)
    SKOPS.dump(model, tmp_path / "model.skops")
    kinds = [f"sklearn.cluster._bisect_k_means.{kind}" for kind in ("BisectingKMeans", "_BisectingTree")]
    names = [*kinds, "sklearn.cluster._kmeans._kmeans_single_lloyd"]
    (tmp_path / "model.yaml").write_text(f"trustedTypes: [{', '.join(names)}]\n")

    with pytest.raises(LoadError) as refused:
        load(tmp_path, with_folder(ModelSettings(), tmp_path, local=False))

    assert str(refused.value) == (
        f"model.skops holds types that nobody trusts: {names[0]}, {names[1]}, {names[2]}; "
        "if you know what they do, name them in model.trustedTypes of the spec"
    )
    for told in ({"trusted_types": tuple(names)}, {"allow_code": True}):
        assert ask(loaded(tmp_path, FEATURES, **told), ROWS[:9].tolist()) == model.predict(ROWS[:9]).tolist()


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(2, max_depth=3, random_state=0).fit(ROWS, LABEL)


def renoded(tree: Any, **changes: Any) -> None:
    """Write into the root of a tree."""
    state = tree.__getstate__()
    for name, value in changes.items():
        state["nodes"][name][0] = value
    tree.__setstate__(state)


def boosted(**changes: Any) -> Any:
    """Write into the root of a tree of scikit-learn's histogram booster."""
    model = HistGradientBoostingClassifier(max_iter=2).fit(ROWS, LABEL)
    for name, value in changes.items():
        model._predictors[1][0].nodes[name][0] = value
    return model


def narrow(model: Any) -> Any:
    """Let through fewer columns than the trees ask for."""
    model.n_features_in_ = 1
    return model


def with_more_trees(model: Any) -> Any:
    """Put three trees into each stage where there is a place for one."""
    model.estimators_ = np.repeat(model.estimators_, 3, axis=1)
    return model


def near(**changes: Any) -> Any:
    """Write into the nodes of a tree of neighbours."""
    model = KNeighborsClassifier(algorithm="kd_tree", leaf_size=5).fit(ROWS, LABEL)
    rows, places, nodes, *rest = model._tree.__getstate__()
    places = places.copy()
    nodes = nodes.copy()
    for name, value in changes.items():
        if name == "place":
            places[0] = value
        else:
            nodes[name][0] = value
    model._tree.__setstate__((rows, places, nodes, *rest))
    return model


def tampered(edit: Callable[[Any], None], make: Callable[[], Any] = forest) -> Any:
    model = make()
    edit(model)
    return model


def first(model: Any) -> Any:
    return model.estimators_[0].tree_


OUT_OF_ITSELF = {
    "child": lambda: tampered(lambda model: renoded(first(model), left_child=10**6)),
    "no-child": lambda: tampered(lambda model: renoded(first(model), right_child=-7)),
    "circle": lambda: tampered(lambda model: renoded(first(model), left_child=0)),
    "column": lambda: tampered(lambda model: renoded(first(model), feature=3)),
    "narrow-forest": lambda: narrow(forest()),
    "narrow-tree": lambda: narrow(DecisionTreeClassifier().fit(ROWS, np.arange(80) % 3)),
    "narrow-boosting": lambda: narrow(FITTED["boosting"]()),
    "stages": lambda: with_more_trees(FITTED["boosting"]()),
    "histogram-child": lambda: boosted(left=10**6),
    "histogram-circle": lambda: boosted(right=0),
    "histogram-column": lambda: boosted(feature_idx=3),
    "histogram-categories": lambda: boosted(is_categorical=1),
    "narrow-histogram": lambda: narrow(FITTED["histogram"]()),
    "neighbours-end": lambda: near(idx_end=10**6),
    "neighbours-leaf": lambda: tampered(_no_leaves, FITTED["neighbours"]),
    "neighbours-place": lambda: near(place=10**6),
    "called-otherwise": lambda: make_pipeline(FunctionTransformer(forest().predict), LogisticRegression()),
    "shown-another": lambda: tampered(lambda model: setattr(model, "_validate_X_predict", np.float32)),
}


def _no_leaves(model: Any) -> None:
    rows, places, nodes, *rest = model._tree.__getstate__()
    nodes = nodes.copy()
    nodes["is_leaf"] = 0
    model._tree.__setstate__((rows, places, nodes, *rest))


@pytest.mark.parametrize("make", OUT_OF_ITSELF.values(), ids=OUT_OF_ITSELF)
def test_trees_that_lead_out_of_themselves_are_refused(tmp_path, make):
    """Before the first row is answered: the process would read whatever lies there, or never come back."""
    SKOPS.dump(make(), tmp_path / "model.skops")

    with pytest.raises(
        LoadError, match=r"model\.skops (is refused: it has|holds types that nobody trusts: .*\.predict;) "
    ):
        load(tmp_path, ModelSettings())


def schema_edited(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Write a tree whose description was edited."""
    whole = SKOPS.dumps(DecisionTreeClassifier(max_depth=2).fit(ROWS, LABEL))
    with zipfile.ZipFile(io.BytesIO(whole)) as given, zipfile.ZipFile(folder / "model.skops", "w") as written:
        for name in given.namelist():
            content = given.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                edit(_tree_of(schema))
                content = json.dumps(schema).encode()
            written.writestr(name, content)


def _tree_of(state: Any) -> Any:
    """Find the part of a description that a tree is made by."""
    if isinstance(state, dict) and state.get("__loader__") == "TreeNode":
        return state
    inside = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    return next((found for each in inside if (found := _tree_of(each))), None)


def _said(node: dict[str, Any], number: int) -> None:
    """Write a number into a description; by its id it would be another one of the same value."""
    del node["__id__"]
    node["content"] = str(number)


def _more_outputs(tree: dict[str, Any]) -> None:
    _said(tree["__reduce__"]["args"]["content"][2], 10**6)


def _more_nodes(tree: dict[str, Any]) -> None:
    _said(tree["content"]["content"]["node_count"], 10**6)


def _made_otherwise(tree: dict[str, Any]) -> None:
    args = tree["__reduce__"]["args"]
    _said(args["content"][2], 10**6)
    tree.clear()
    tree.update({"__class__": "Tree", "__module__": "sklearn.tree._tree", "__loader__": "ConstructorFromReduceNode"})
    tree["content"] = args


@pytest.mark.parametrize("edit", [_more_outputs, _more_nodes, _made_otherwise])
def test_a_tree_is_checked_before_it_is_made(tmp_path, edit):
    """Its constructor itself reads as many classes as it is told there are outputs."""
    schema_edited(tmp_path, edit)

    with pytest.raises(LoadError, match=r"model\.skops is refused: it (has a tree|says sklearn\.tree\._tree\.Tree) "):
        load(tmp_path, ModelSettings())


def test_all_parts_of_a_model_are_looked_at():
    """Arrays of objects, and estimators within estimators, hide no tree."""
    inner = forest()
    held = FunctionTransformer(kw_args={"a": [(np.array([[inner]], object),)]})

    assert any(part is first(inner) for part in sklearn_trees.parts_of(held))


def _spilling(model: Any, **arrays: Any) -> Any:
    for name, value in arrays.items():
        setattr(model, name, value)
    return model


def _opening(**told: Any) -> Any:
    return CountVectorizer(vocabulary={"a": 0}, **told).fit(["a"])


def _sparse_beyond() -> Any:
    model = LogisticRegression().fit(ROWS, np.arange(80) % 3).sparsify()
    model.coef_.indices[0] = 50_000_000
    return model


def _counted_otherwise() -> Any:
    model = SVC().fit(ROWS, LABEL)
    return _spilling(model, _n_support=model._n_support + np.array([-900, 900], np.int32))


FITTING_NOWHERE: dict[str, Callable[[], Any]] = {
    "opens": lambda: make_pipeline(FeatureUnion([("a", _opening(input="content"))]), LogisticRegression()).set_params(
        featureunion__a__input="filename"
    ),
    "opens-a-file": lambda: _spilling(HashingVectorizer(), input="file"),
    "words-of-other-columns": lambda: _spilling(_opening(), vocabulary_={"a": 9000}),
    "sparse": _sparse_beyond,
    "vectors": _counted_otherwise,
    "intercepts": lambda: _spilling(SVC().fit(ROWS, np.arange(80) % 3), _intercept_=np.zeros(1)),
    "labels": lambda: _spilling(KNeighborsClassifier(algorithm="brute").fit(ROWS, LABEL), _y=np.full(80, 9000)),
    "centers": lambda: _spilling(KMeans(2, n_init=1).fit(ROWS), cluster_centers_=np.zeros((2, 1))),
    "categories": lambda: _spilling(OneHotEncoder().fit([[1], [2], [3]]), _n_features_outs=[1]),
    "powers": lambda: _spilling(PolynomialFeatures().fit(ROWS), _n_out_full=900),
    "hidden": lambda: _spilling(SVC().fit(ROWS, LABEL), _validate_for_predict=np.negative),
    "generator": lambda: _spilling(LogisticRegression(), random_state=_lost()),
}


def _lost() -> Any:
    state = np.random.RandomState(0).get_state(legacy=False)
    state["state"]["pos"] = -9000
    made = np.random.RandomState()
    try:
        made.set_state(state)
    except ValueError:
        pytest.skip("this numpy makes no such generator, and reads none")
    return made


@pytest.mark.parametrize("make", FITTING_NOWHERE.values(), ids=FITTING_NOWHERE)
def test_what_opens_files_or_leads_out_of_its_arrays_is_refused(tmp_path, make):
    """Wherever it is in an object, and before a row is answered."""
    SKOPS.dump(make(), tmp_path / "model.skops")

    with pytest.raises(LoadError, match=r"model\.skops is refused: it has "):
        load(tmp_path, ModelSettings())


def rewritten(file: Path, edit: Callable[[str], str]) -> None:
    """Change the description of what a file holds."""
    with zipfile.ZipFile(file) as given:
        held = {name: given.read(name) for name in given.namelist()}
    held["schema.json"] = edit(held["schema.json"].decode()).encode()
    with zipfile.ZipFile(file, "w") as written:
        for name, content in held.items():
            written.writestr(name, content)


def test_a_file_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path):
    """Its description would be read into memory whole, before anything of it is looked at."""
    SKOPS.dump(LogisticRegression().fit(ROWS, LABEL), tmp_path / "model.skops")
    with zipfile.ZipFile(tmp_path / "model.skops") as given:
        held = {name: given.read(name) for name in given.namelist()}
    with zipfile.ZipFile(tmp_path / "model.skops", "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in held.items():
            written.writestr(name, content + b" " * (65 << 20 if name == "schema.json" else 0))

    with pytest.raises(LoadError, match=r"model\.skops is refused: it unpacks to 65 MiB, which no model needs"):
        load(tmp_path, ModelSettings())


def test_what_is_made_is_what_was_named(tmp_path):
    """A trusted name makes nothing else trusted."""
    SKOPS.dump(LogisticRegression().fit(ROWS, LABEL).sparsify(), tmp_path / "model.skops")
    assert load(tmp_path, ModelSettings())
    rewritten(
        tmp_path / "model.skops",
        lambda text: text.replace('"csr_matrix"', '"spmatrix"').replace("scipy.sparse._csr", "scipy.sparse._matrix"),
    )

    with pytest.raises(LoadError, match=r"is refused: it says scipy\.sparse\._matrix\.spmatrix where SparseMatrix"):
        load(tmp_path, ModelSettings())


def test_what_is_referred_to_twice_is_looked_at_once(tmp_path):
    """Each level doubles what skops would walk: this ends, or the suite does not."""
    model = LogisticRegression().fit(ROWS, LABEL)
    model.seen_ = []
    SKOPS.dump(model, tmp_path / "model.skops")
    kind = {"__module__": "builtins", "__class__": "list", "__loader__": "ListNode"}
    held: dict[str, Any] = {**kind, "__id__": 10**15, "content": []}
    for level in range(1, 60):
        held = {**kind, "__id__": 10**15 + level, "content": [held, {**kind, "__id__": held["__id__"]}]}

    def doubled(text: str) -> str:
        schema = json.loads(text)
        schema["content"]["content"]["seen_"] = held
        return json.dumps(schema)

    rewritten(tmp_path / "model.skops", doubled)

    assert load(tmp_path, ModelSettings())
