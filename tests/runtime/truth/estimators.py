"""scikit-learn: classifiers and regressors, labels of every sort, tables with gaps and text, pipelines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

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
    WHOLE_LABEL,
    X_Y,
    Case,
    frame,
    matrix,
    model,
)  # fmt: skip

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

SKOPS = Late("skops.io")  # imports all of scikit-learn
NAMES = ["x", "y"]
BARE = TABLE[NAMES].to_numpy()
FRAME = TABLE[NAMES]
PROBABILITIES = {"prediction": Prediction("probabilities")}
TWO_LABELS = np.column_stack([TEXT_LABEL, np.array(["a", "b", "c"])[THREE]])


def bare(folder: Path, estimator: Any, label: Any, way: str = "predict", *, pickled: bool = False) -> Case:
    """An estimator of a matrix, in skops."""
    fitted = estimator.fit(BARE, label)
    told = dumped(folder, fitted) if pickled else {}
    if not pickled:
        SKOPS.dump(fitted, folder / "model.skops")
    told |= PROBABILITIES if way == "predict_proba" else {}
    return Case(X_Y, lambda rows: getattr(fitted, way)(matrix(rows, NAMES)), told)


def framed(
    folder: Path,
    estimator: Any,
    features: dict[str, Any],
    label: Any = TEXT_LABEL,
    *,
    way: str = "predict",
    table: pd.DataFrame = TABLE,
) -> Case:
    """An estimator of a data frame, in skops."""
    like = table[list(features)]
    fitted = estimator.fit(like, label)
    SKOPS.dump(fitted, folder / "model.skops")
    told = PROBABILITIES if way == "predict_proba" else {}
    return Case(features, lambda rows: getattr(fitted, way)(frame(rows, like)), told)


def texts(folder: Path, estimator: Any, way: str = "predict", features: dict[str, Any] | None = None) -> Case:
    """A pipeline that takes a list of texts."""
    fitted = estimator.fit(TABLE.note.tolist(), TEXT_LABEL)
    SKOPS.dump(fitted, folder / "model.skops")
    told = PROBABILITIES if way == "predict_proba" else {}
    rows = [{"note": note} for note in TABLE.note[:6]]
    given = {"note": {"type": "string"}} if features is None else features
    name = next(iter(given), "f0")
    rows = [{name: row["note"]} for row in rows]
    return Case(given, lambda rows: getattr(fitted, way)([row[name] for row in rows]), told, rows)


@model
def linear(folder: Path) -> Case:
    return bare(folder, LinearRegression(), SCORE)


@model
def linear_of_two(folder: Path) -> Case:
    return bare(folder, LinearRegression(), np.column_stack([SCORE, -SCORE]))


@model
def ridge_scaled(folder: Path) -> Case:
    return bare(folder, make_pipeline(StandardScaler(), Ridge()), SCORE)


@model
def elastic_net(folder: Path) -> Case:
    return bare(folder, make_pipeline(MinMaxScaler(), ElasticNet(0.1)), SCORE)


@model
def poisson(folder: Path) -> Case:
    return bare(folder, PoissonRegressor(), np.abs(SCORE))


@model
def logistic_text(folder: Path) -> Case:
    return bare(folder, LogisticRegression(), TEXT_LABEL)


@model
def logistic_whole(folder: Path) -> Case:
    return bare(folder, LogisticRegression(), WHOLE_LABEL)


@model
def logistic_bool(folder: Path) -> Case:
    return bare(folder, LogisticRegression(), UP.to_numpy())


@model
def logistic_probabilities(folder: Path) -> Case:
    return bare(folder, make_pipeline(StandardScaler(), LogisticRegression()), THREE, "predict_proba")


@model
def ridge_classifier(folder: Path) -> Case:
    return bare(folder, RidgeClassifier(), THREE)


@model
def linear_svc(folder: Path) -> Case:
    return bare(folder, LinearSVC(), TEXT_LABEL)


@model
def svc(folder: Path) -> Case:
    return bare(folder, make_pipeline(StandardScaler(), SVC()), TEXT_LABEL)


@model
def svr(folder: Path) -> Case:
    return bare(folder, SVR(), SCORE)


@model
def sgd_classifier(folder: Path) -> Case:
    return bare(folder, SGDClassifier(loss="log_loss", random_state=0), TEXT_LABEL, "predict_proba")


@model
def naive_bayes(folder: Path) -> Case:
    return bare(folder, GaussianNB(), TEXT_LABEL, "predict_proba")


@model
def chain_of_flags(folder: Path) -> Case:
    """One table of probabilities with a column for each label, though it has classes of each."""
    flags = np.column_stack([UP, SCORE > 1]).astype(int)
    return bare(folder, ClassifierChain(LogisticRegression()), flags, "predict_proba")


@model
def neighbours(folder: Path) -> Case:
    return bare(folder, KNeighborsClassifier(), TEXT_LABEL, "predict_proba")


@model
def neighbours_regression(folder: Path) -> Case:
    return bare(folder, KNeighborsRegressor(weights="distance"), SCORE)


@model
def tree_bool(folder: Path) -> Case:
    return bare(folder, DecisionTreeClassifier(max_depth=3), UP.to_numpy())


@model
def tree_regression(folder: Path) -> Case:
    return bare(folder, DecisionTreeRegressor(max_depth=3), SCORE)


@model
def forest(folder: Path) -> Case:
    return bare(folder, RandomForestClassifier(4, random_state=0), TEXT_LABEL, "predict_proba")


@model
def forest_behind_a_narrow_scale(folder: Path) -> Case:
    shrunk = make_pipeline(MinMaxScaler((0, 1e12)), RandomForestRegressor(3, random_state=0))
    return bare(folder, shrunk, SCORE)


@model
def extra_trees(folder: Path) -> Case:
    return bare(folder, ExtraTreesRegressor(4, random_state=0), SCORE)


@model
def forest_of_two_labels(folder: Path) -> Case:
    return bare(folder, RandomForestClassifier(3, random_state=0), TWO_LABELS)


@model
def forest_of_two_numbers(folder: Path) -> Case:
    return bare(folder, RandomForestRegressor(3, random_state=0), np.column_stack([SCORE, -SCORE]))


@model
def two_labels(folder: Path) -> Case:
    return bare(folder, MultiOutputClassifier(LogisticRegression()), TWO_LABELS)


@model
def two_numbers(folder: Path) -> Case:
    return bare(folder, MultiOutputRegressor(Ridge()), np.column_stack([SCORE, -SCORE]))


@model
def boosting(folder: Path) -> Case:
    return bare(folder, GradientBoostingClassifier(n_estimators=4), THREE, "predict_proba")


@model
def boosting_regression(folder: Path) -> Case:
    return bare(folder, GradientBoostingRegressor(n_estimators=4), SCORE)


@model
def ada_boost(folder: Path) -> Case:
    return bare(folder, AdaBoostClassifier(n_estimators=4), TEXT_LABEL)


@model
def bagging(folder: Path) -> Case:
    return bare(folder, BaggingClassifier(n_estimators=3, random_state=0), TEXT_LABEL)


@model
def voting(folder: Path) -> Case:
    parts = [("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=2))]
    return bare(folder, VotingClassifier(parts, voting="soft"), TEXT_LABEL, "predict_proba")


@model
def stacking(folder: Path) -> Case:
    return bare(folder, StackingClassifier([("a", GaussianNB())], LogisticRegression(), cv=2), TEXT_LABEL)


@model
def calibrated(folder: Path) -> Case:
    return bare(folder, CalibratedClassifierCV(GaussianNB(), cv=2), TEXT_LABEL, "predict_proba")


@model
def search(folder: Path) -> Case:
    return bare(folder, GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2), SCORE, pickled=True)


@model
def network(folder: Path) -> Case:
    return bare(
        folder,
        make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(3,), max_iter=9, random_state=0)),
        SCORE,
    )


@model
def gaussian_process(folder: Path) -> Case:
    return bare(folder, GaussianProcessRegressor(), SCORE)


@model
def components(folder: Path) -> Case:
    return bare(folder, make_pipeline(PCA(1), LinearRegression()), SCORE)


@model
def polynomial(folder: Path) -> Case:
    return bare(folder, make_pipeline(PolynomialFeatures(2), Ridge()), SCORE)


@model
def clusters(folder: Path) -> Case:
    return bare(folder, KMeans(3, n_init=1, random_state=0), None)


@model
def outliers(folder: Path) -> Case:
    return bare(folder, IsolationForest(n_estimators=5, random_state=0), None)


@model
def constant(folder: Path) -> Case:
    return bare(folder, DummyClassifier(), TEXT_LABEL)


@model
def logarithm_of_the_target(folder: Path) -> Case:
    return bare(folder, TransformedTargetRegressor(LinearRegression(), transformer=MinMaxScaler()), SCORE)


@model
def named_columns(folder: Path) -> Case:
    return framed(folder, make_pipeline(StandardScaler(), LogisticRegression()), {"y": NUMBER, "x": NUMBER})


MIXED = {
    "kind": KIND,
    "x": {"type": "number", "nullable": True},
    "n": {"type": "integer"},
    "flag": {"type": "boolean"},
}


def columns(unknown: str = "ignore") -> Any:
    """Encode text, fill and scale numbers."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    shape = [("text", OneHotEncoder(handle_unknown=unknown), ["kind"]), ("numbers", numbers, ["x", "n"])]
    return ColumnTransformer(shape, remainder="passthrough")


@model
def table_of_everything(folder: Path) -> Case:
    return framed(folder, make_pipeline(columns(), LogisticRegression()), MIXED, way="predict_proba")


@model
def table_into_a_forest(folder: Path) -> Case:
    return framed(folder, make_pipeline(columns("error"), RandomForestClassifier(3, random_state=0)), MIXED)


@model
def gaps_in_text(folder: Path) -> Case:
    gaps = TABLE[["kind", "x"]].copy()
    gaps.loc[::4, "kind"] = np.nan
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    shape = ColumnTransformer([("text", filled, ["kind"])], remainder=SimpleImputer())
    features = {"kind": {**KIND, "nullable": True}, "x": {"type": "number", "nullable": True}}
    return framed(folder, make_pipeline(shape, LogisticRegression()), features, table=gaps)


@model
def ordinal(folder: Path) -> Case:
    shape = ColumnTransformer([("text", OrdinalEncoder(), ["kind"])], remainder="passthrough")
    return framed(
        folder, make_pipeline(shape, GradientBoostingRegressor(n_estimators=3)), {"kind": KIND, "x": NUMBER}, SCORE
    )


@model
def free_text_in_a_table(folder: Path) -> Case:
    shape = ColumnTransformer([("note", TfidfVectorizer(), "note")], remainder=StandardScaler())
    return framed(folder, make_pipeline(shape, LogisticRegression()), {"note": {"type": "string"}, "x": NUMBER})


@model
def histogram(folder: Path) -> Case:
    features = {"x": {"type": "number", "nullable": True}, "y": NUMBER}
    return framed(folder, HistGradientBoostingClassifier(max_iter=4), features, THREE, way="predict_proba")


@model
def histogram_with_text(folder: Path) -> Case:
    booster = HistGradientBoostingRegressor(max_iter=4, categorical_features=["kind"])
    return framed(folder, booster, {"kind": KIND, "x": NUMBER}, SCORE)


@model
def text_tfidf(folder: Path) -> Case:
    return texts(folder, make_pipeline(TfidfVectorizer(), LogisticRegression()), "predict_proba")


@model
def text_without_features(folder: Path) -> Case:
    return texts(folder, make_pipeline(TfidfVectorizer(), LogisticRegression()), features={})


@model
def text_counts(folder: Path) -> Case:
    return texts(folder, make_pipeline(CountVectorizer(), SGDClassifier(random_state=0)))


@model
def text_hashed(folder: Path) -> Case:
    return texts(folder, make_pipeline(HashingVectorizer(n_features=64), LogisticRegression()))


@model
def text_two_ways(folder: Path) -> Case:
    both = make_union(TfidfVectorizer(), CountVectorizer(analyzer="char", ngram_range=(1, 2)))
    return texts(folder, make_pipeline(both, LogisticRegression()))


@model
def mappings(folder: Path) -> Case:
    features = {"kind": {"type": "string"}, "x": {"type": "number", "nullable": True}, "n": {"type": "integer"}}
    given = TABLE[list(features)].to_dict("records")
    fitted = make_pipeline(DictVectorizer(), LinearRegression()).fit(given, SCORE)
    SKOPS.dump(fitted, folder / "model.skops")

    def answer(rows: list[dict[str, Any]]) -> Any:
        return fitted.predict([{name: value for name, value in row.items() if value is not None} for row in rows])

    return Case(features, answer)
