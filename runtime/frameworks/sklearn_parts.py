"""What estimators of scikit-learn hold, checked: some open files, some follow the numbers of a file in C.

A list of reviewed classes, and for those of them that trust what they hold, a look at it. The others, whose code was
not followed to its end, the spec has to name.

Source: scikit-learn 1.9; `svm/src/libsvm`, `metrics/_pairwise_distances_reduction`, `cluster/_k_means_lloyd.pyx`,
    `feature_extraction/text.py`, `preprocessing/_encoders.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.frameworks.sklearn_trees import Impossible, parts_of
from runtime.frameworks.skops_nodes import SPARSE

if TYPE_CHECKING:
    from collections.abc import Collection

# Whole modules whose classes compute in Python and numpy, or are looked at here or in `sklearn_trees`.
_MODULES = frozenset({"calibration", "compose", "cross_decomposition", "discriminant_analysis", "dummy", "ensemble",
                      "feature_selection", "gaussian_process", "isotonic", "linear_model", "mixture",
                      "model_selection", "multiclass", "multioutput", "naive_bayes", "pipeline", "preprocessing",
                      "random_projection", "svm", "tree"})  # fmt: skip
# Of other modules, those that were looked at.
_CLASSES = frozenset({"CountVectorizer", "DictVectorizer", "EllipticEnvelope", "EmpiricalCovariance", "FactorAnalysis",
                      "FastICA", "FeatureHasher", "HashingVectorizer", "IncrementalPCA", "KMeans", "KNNImputer",
                      "KNeighborsClassifier", "KNeighborsRegressor", "MLPClassifier", "MLPRegressor", "MinCovDet",
                      "MiniBatchKMeans", "MissingIndicator", "PCA", "SimpleImputer", "TfidfTransformer",
                      "TfidfVectorizer", "TruncatedSVD"})  # fmt: skip
# Of those modules, those that were not.
_NOT = frozenset(
    {"KernelCenterer", "MultiLabelBinarizer", "RandomTreesEmbedding", "SplineTransformer", "TargetEncoder"}
)
_OPENS = frozenset({"file", "filename"})
_METRICS = frozenset({"chebyshev", "cityblock", "cosine", "euclidean", "l1", "l2", "manhattan", "minkowski"})
_KERNELS = frozenset({"linear", "poly", "rbf", "sigmoid"})
# Parameters that are attributes of the class as well.
_PARAMETERS = frozenset({"positive"})
_COLUMNS = 2**31 - 1


def reviewed(names: Collection[str]) -> set[str]:
    """Give those of skops' list whose content was reviewed, or is checked."""
    return {name for name in names if _is_reviewed(name)}


def _is_reviewed(name: str) -> bool:
    _, module, *_, kind = name.split(".")
    return kind not in _NOT and (module in _MODULES or kind in _CLASSES or module == "_loss" or kind == "_BinMapper")


def check(estimator: Any, named: Collection[str]) -> None:
    """Check all that an estimator consists of, and let nothing of it start processes or write a cache.

    Args:
        estimator: As the file has it.
        named: Types that the spec trusts, whose content is its business.

    Raises:
        Impossible: A part opens files, or has arrays that do not fit each other.
    """
    for part in parts_of(estimator):
        kind, own = type(part), getattr(part, "__dict__", {})
        name = f"{kind.__module__}.{kind.__qualname__}"
        if not kind.__module__.startswith("sklearn.") or name in named or not isinstance(own, dict):
            continue
        hidden = [each for each in own if each not in _PARAMETERS and _of_the_class(kind, each)]
        _check_that(not hidden, f"a {kind.__qualname__} with {', '.join(map(str, hidden))} of its own")
        _check_that(_text(own.get("input")) not in _OPENS, f"a {kind.__qualname__} that opens files")
        if own.get("n_jobs") is not None:
            own["n_jobs"] = 1
        if own.get("memory") is not None:
            own["memory"] = None
        try:
            for base in kind.__mro__:
                _LOOKS.get(base.__name__, _nothing)(part, own)
        except Impossible:
            raise
        except Exception as error:  # a file may hold anything in any place
            raise Impossible(f"it has a {kind.__qualname__} that does not fit together: {error!r}") from error


def _of_the_class(kind: type, name: Any) -> bool:
    return not isinstance(name, str) or any(name in vars(base) for base in kind.__mro__ if base is not object)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, (str, bytes, np.ndarray)) else value if value is None else repr(value)


def _nothing(part: Any, own: Any) -> None:
    del part, own


def _check_vectorizer(part: Any, own: Any) -> None:
    del part
    _check_that(own.get("input", "content") == "content", "a vectorizer that opens files")


def _check_vocabulary(part: Any, own: Any) -> None:
    """Check that each word has a column that is there: a matrix of counts is made of them as they are."""
    del part
    known = own.get("vocabulary_", {})
    places = list(known.values())
    whole = type(known) is dict and all(isinstance(place, (int, np.integer)) for place in places)
    _check_that(whole and sorted(map(int, places)) == list(range(len(places))), "a vocabulary of other columns")


def _check_hashed(part: Any, own: Any) -> None:
    del part
    columns = own["n_features"]
    _check_that(isinstance(columns, (int, np.integer)) and 0 < columns <= _COLUMNS, "a hash into no columns")


def _check_one_hot(part: Any, own: Any) -> None:
    """Check that each category has a column that is there: a sparse matrix is made of them as they are."""
    if "categories_" not in own:
        return
    known, width = own["categories_"], own["n_features_in_"]
    _check_that(isinstance(known, list) and len(known) == width, "categories of other columns")
    sizes = []
    mappings = own.get("_default_to_infrequent_mappings") if own.get("_infrequent_enabled") else None
    for place, one in enumerate(known):
        _check_that(isinstance(one, np.ndarray) and one.ndim == 1 and len(one) > 0, "categories that are none")
        rising = one[:-1] if one.dtype.kind == "f" and np.isnan(one[-1]) else one
        _check_that(one.dtype.kind not in "biufc" or bool((rising[:-1] < rising[1:]).all()), "unsorted categories")
        mapping = mappings[place] if mappings is not None else None
        fits = mapping is None or (mapping.shape == one.shape and bool((mapping >= 0).all()))
        _check_that(fits, "infrequent categories that it has not")
        sizes.append(len(one) if mapping is None else int(mapping.max()) + 1)
    dropped = own.get("_drop_idx_after_grouping")
    places = [None] * width if dropped is None else list(dropped)
    inside = all(place is None or 0 <= place < size for place, size in zip(places, sizes, strict=True))
    sizes = [size - (place is not None) for size, place in zip(sizes, places, strict=True)]
    _check_that(inside and list(own["_n_features_outs"]) == sizes, "categories without columns")
    del part


def _check_polynomial(part: Any, own: Any) -> None:
    """Check that all columns are written that are given: the others would be whatever lay there."""
    if "n_features_in_" not in own:
        return
    made = type(part)(**part.get_params()).fit(np.zeros((1, own["n_features_in_"]), np.float32))
    same = all(own.get(name) == value for name, value in vars(made).items() if name.startswith(("_n", "_m", "n_o")))
    _check_that(same, "powers of other columns")


def _check_support(part: Any, own: Any) -> None:
    """Check what libsvm is given: it counts its vectors by class, and trusts every length."""
    if "support_vectors_" not in own:
        return
    vectors, sizes = own["support_vectors_"], own["_n_support"]
    count = len(own["support_"])
    classes = len(own["classes_"]) if part._impl in {"c_svc", "nu_svc"} else 2  # noqa: SLF001 - of the class
    pairs = classes * (classes - 1) // 2
    shapes: dict[str, set[Any]] = {
        "support_vectors_": {(count, own["n_features_in_"])},
        "support_": {(count,)},
        "_n_support": {(classes,)},
        "_dual_coef_": {(classes - 1, count)},
        "dual_coef_": {(classes - 1, count)},
        "_intercept_": {(pairs,)},
        "intercept_": {(pairs,)},
        "_probA": {(0,), (pairs,)},
        "_probB": {np.shape(own["_probA"])},
    }
    _check_that(own["_sparse"] is False and own["kernel"] in _KERNELS, "vectors of another kernel")
    for name, fitting in shapes.items():
        array = own[name]
        _check_that(type(array) is np.ndarray and array.shape in fitting, f"other {name} than vectors")
    # Of regression all are of the first class, and the second number is never read, nor always written.
    counted = sizes if part._impl in {"c_svc", "nu_svc"} else sizes[:1]  # noqa: SLF001 - as above
    _check_that(classes > 1 and vectors.dtype == np.float64, "vectors of no classes")
    _check_that(bool((counted >= 0).all()) and int(counted.astype(np.int64).sum()) == count, "vectors of other classes")


def _check_centers(part: Any, own: Any) -> None:
    del part
    if "cluster_centers_" not in own:
        return
    centers = own["cluster_centers_"]
    _check_that(type(centers) is np.ndarray and centers.ndim == 2 and len(centers) > 0, "centers that are none")  # noqa: PLR2004 - rows and columns
    _check_that(centers.shape[1] == own["n_features_in_"] and centers.dtype.kind == "f", "centers of other columns")
    own["_n_threads"] = 1


def _check_near(part: Any, own: Any) -> None:
    """Check rows, their labels and their distance."""
    del part
    if "_fit_X" not in own:
        return
    rows, labels, classes = own["_fit_X"], own["_y"], own.get("classes_")
    # Places of a sparse matrix were looked at before it was made.
    sparse = f"{type(rows).__module__}.{type(rows).__qualname__}" in SPARSE
    _check_that((sparse or type(rows) is np.ndarray) and rows.dtype.kind in "biuf", "neighbours that are no rows")
    _check_that(rows.shape == (own["n_samples_fit_"], own["n_features_in_"]), "neighbours of other columns")
    _check_that(own["effective_metric_"] in _METRICS and own["metric"] in _METRICS, "another distance")
    told = own["effective_metric_params_"] or {}
    plain = set(told) <= {"p", "w"} and told.get("w") is None and not own["metric_params"]
    _check_that(plain, "a distance with words of its own")
    tree, method = own["_tree"], own["_fit_method"]
    brute = method == "brute" and tree is None
    _check_that(brute or (method in {"kd_tree", "ball_tree"} and tree is not None), "neighbours in no tree")
    _check_that(brute or tree.__getstate__()[0].shape == rows.shape, "a tree of other rows")
    count = rows.shape[0]
    _check_that(0 < own["n_neighbors"] <= count, "more neighbours than rows")
    _check_that(type(labels) is np.ndarray and len(labels) == count, "labels of other rows")
    if classes is not None:
        columns = labels.reshape(count, -1)
        each = classes if isinstance(classes, list) else [classes]
        _check_that(labels.dtype.kind in "iu" and columns.shape[1] == len(each), "labels of other classes")
        inside = all(
            0 <= column.min() <= column.max() < len(known) for column, known in zip(columns.T, each, strict=True)
        )
        _check_that(inside, "labels of other classes")


def _check_that(holds: Any, otherwise: str) -> None:
    if not holds:
        raise Impossible(f"it has {otherwise}")


_LOOKS = {
    "BaseLibSVM": _check_support,
    "CountVectorizer": _check_vocabulary,
    "DictVectorizer": _check_vocabulary,
    "FeatureHasher": _check_hashed,
    "HashingVectorizer": _check_hashed,
    "KNeighborsMixin": _check_near,
    "OneHotEncoder": _check_one_hot,
    "PolynomialFeatures": _check_polynomial,
    "_BaseKMeans": _check_centers,
    "_VectorizerMixin": _check_vectorizer,
}
