"""What trees of scikit-learn consist of, checked: prediction follows the numbers of a file wherever they lead.

skops looks at types, not at what is in them, and scikit-learn takes nodes as they are: a tree that leads out of itself,
or asks for a column that its rows have not, reads whatever lies there. What is followed while a tree is made is checked
before it is; the rest before the first row is answered.

Source: scikit-learn 1.9, `tree/_tree.pyx`, `ensemble/_gradient_boosting.pyx`,
    `ensemble/_hist_gradient_boosting/_predictor.pyx`, `neighbors/_binary_tree.pxi.tp`.
"""

from __future__ import annotations

import gc
from functools import partial
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runtime.data.tensors import Array

TREE = "sklearn.tree._tree.Tree"
PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
NEIGHBOURS = ("sklearn.neighbors._kd_tree.KDTree", "sklearn.neighbors._ball_tree.BallTree")
METRICS = tuple(f"sklearn.metrics._dist_metrics.{name}Distance64" for name in ("Euclidean", "Manhattan", "Chebyshev"))
"""Of these trees: they look at nothing but the two rows."""
CHECKED = (TREE, PREDICTOR, *NEIGHBOURS, *METRICS)
"""Types whose content is looked at here."""
# Words of a set of categories, 32 bits each.
_WORDS = 8
_LEAF = -1
# What leads out of a model: to the interpreter, and to all that was ever imported.
_OUTSIDE = (type, ModuleType, FunctionType, np.ufunc)


class Impossible(ValueError):
    """A tree that leads out of itself. The text says what is wrong."""


def check_made_of(arguments: Any, state: Any) -> None:
    """Check what a `Tree` is about to be made of.

    Args:
        arguments: Columns, classes of each output, outputs.
        state: Its nodes and their values.

    Raises:
        Impossible: Its constructor would read beyond what is there.
    """
    try:
        _, classes, outputs = arguments
        nodes, values = state["nodes"], state["values"]
        arrays = all(isinstance(one, np.ndarray) for one in (classes, nodes, values))
        _check_that(arrays and classes.ndim == 1 and classes.dtype.kind in "iu", "a tree without arrays")
        _check_that(len(classes) == int(outputs) > 0 and bool((classes > 0).all()), "a tree of other outputs")
        _check_that(nodes.ndim == 1 and len(nodes) == int(state["node_count"]) > 0, "a tree of other nodes")
        _check_that(values.shape == (len(nodes), int(outputs), int(classes.max())), "a tree of other values")
    except (LookupError, TypeError, AttributeError) as error:
        raise Impossible(f"it has a tree that is none: {error!r}") from error


def check(estimator: Any) -> None:
    """Check all trees of an estimator.

    Raises:
        Impossible: One leads out of itself, or out of the rows that it is given.
    """
    parts = list(parts_of(estimator))
    owners = [part for part in parts if _name(_own(part).get("tree_")) == TREE]
    ensembles = [part for part in parts if _hands_rows_on(part)]
    boosters = [part for part in parts if "_predictors" in _own(part)]
    if any(_name(part) in CHECKED for part in parts):
        _check_called(parts, [*owners, *ensembles, *boosters])
    widths: dict[int, int] = {}
    for owner in owners:
        _note(widths, owner, _width(owner))
    for ensemble in ensembles:
        _note_members(widths, ensemble)
    for part in parts:
        if _name(part) == TREE:
            _check_that(id(part) in widths, "a tree of unknown columns")
            _check_tree(part, widths[id(part)])
        elif _name(part) in NEIGHBOURS:
            _check_neighbours(part)
    for booster in boosters:
        _check_histogram(booster)
    for ensemble in ensembles:
        _check_stages(ensemble)


def _check_called(parts: list[Any], owners: list[Any]) -> None:
    """Check that trees are called as scikit-learn's own classes call them, which look at the rows before."""
    owner = next((part for part in parts if _is_bound(part)), None)
    _check_that(owner is None, f"trees, and a function of its own: {owner!r}")
    for part in owners:
        instead = [name for name in _own(part) if callable(getattr(type(part), name, None))]
        _check_that(not instead, f"another {', '.join(instead)} in an estimator of trees")


def _is_bound(part: Any) -> bool:
    """Whether it is a method of an object: as a step of a pipeline it would be called with whatever rows."""
    owner = getattr(part, "__self__", None)
    return callable(part) and owner is not None and not isinstance(owner, (ModuleType, type))


def parts_of(estimator: Any) -> Iterator[Any]:
    """Give all objects of a model, each once."""
    waiting, seen = [estimator], set[int]()
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, _OUTSIDE):
            continue
        seen.add(id(part))
        yield part
        # An array does not tell the collector what it holds.
        held = part.reshape(-1).tolist() if isinstance(part, np.ndarray) and part.dtype.hasobject else []
        waiting += [*gc.get_referents(part), *held]


def _name(part: Any) -> str:
    return f"{type(part).__module__}.{type(part).__qualname__}"


def _own(part: Any) -> Mapping[str, Any]:
    """Give what an object has in itself, and not by its class: a property may say anything."""
    return getattr(part, "__dict__", {})


def _width(owner: Any) -> int:
    """Give the columns that an estimator lets through."""
    width = _own(owner).get("n_features_in_")
    if not isinstance(width, (int, np.integer)) or width <= 0:
        raise Impossible("it has trees of unknown columns")
    return int(width)


def _note(widths: dict[int, int], owner: Any, width: int) -> None:
    tree = id(_own(owner)["tree_"])
    widths[tree] = min(width, widths.get(tree, width))


def _hands_rows_on(part: Any) -> bool:
    """Whether an ensemble gives its trees rows without another look at their width."""
    if "estimators_" not in _own(part):
        return False
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - a second that other models need not pay
    from sklearn.ensemble._forest import BaseForest  # noqa: PLC0415 - the same
    from sklearn.ensemble._gb import BaseGradientBoosting  # noqa: PLC0415 - the same

    return isinstance(part, (BaseForest, BaseGradientBoosting, IsolationForest))


def _members(ensemble: Any) -> list[Any]:
    found = _own(ensemble)["estimators_"]
    members: Any = found.reshape(-1).tolist() if isinstance(found, np.ndarray) else found
    whole = isinstance(members, list) and all(_name(_own(one).get("tree_")) == TREE for one in members)
    _check_that(whole and len(members) > 0, "an ensemble without trees")
    return list(members)


def _note_members(widths: dict[int, int], ensemble: Any) -> None:
    members, chosen = _members(ensemble), _own(ensemble).get("estimators_features_")
    every = [_width(ensemble)] * len(members) if chosen is None else [len(columns) for columns in chosen]
    _check_that(len(every) == len(members), "trees of other columns")
    for member, width in zip(members, every, strict=True):
        _note(widths, member, width)


def _check_stages(ensemble: Any) -> None:
    """Check that what a boosted ensemble adds up has a place for each tree of a stage: it writes there."""
    if not hasattr(ensemble, "_raw_predict_init"):
        return
    stages = _own(ensemble)["estimators_"]
    _check_that(isinstance(stages, np.ndarray) and stages.ndim == 2, "stages that are none")  # noqa: PLR2004 - by class
    begun = ensemble._raw_predict_init(np.zeros((1, _width(ensemble)), np.float32))  # noqa: SLF001 - what it writes into
    _check_that(begun.shape == (1, stages.shape[1]), "trees of other classes")


def _check_tree(tree: Any, width: int) -> None:
    # Its arrays are as long as it says: without this they would be read beyond their end here.
    _check_that(0 < tree.node_count == tree.capacity, "a tree of other nodes")
    left, right, inner = tree.children_left, tree.children_right, tree.children_left != _LEAF
    _check_nodes(left[inner], right[inner], tree.feature[inner], len(left), width)


def _check_histogram(booster: Any) -> None:
    own = _own(booster)
    width = _width(booster)
    _check_that(_encoded_width(own.get("_preprocessor"), width) == width, "other columns than it takes")
    mapper = _own(own.get("_bin_mapper"))
    categorical = np.asarray(mapper.get("is_categorical_"))
    _check_that(categorical.shape == (width,), "categories of other columns")
    for predictor in (one for stage in own["_predictors"] for one in stage):
        _check_predictor(predictor, categorical.astype(bool))


def _check_predictor(predictor: Any, categorical: Array) -> None:
    nodes, sets = predictor.nodes, np.asarray(predictor.raw_left_cat_bitsets)
    _check_that(isinstance(nodes, np.ndarray) and nodes.ndim == 1 and len(nodes) > 0, "a tree of other nodes")
    inner = nodes[nodes["is_leaf"] == 0]
    columns = inner["feature_idx"].astype(np.int64)
    _check_nodes(inner["left"].astype(np.int64), inner["right"].astype(np.int64), columns, len(nodes), len(categorical))
    split = inner["is_categorical"] != 0
    known = bool(categorical[columns[split]].all()) and _within(inner["bitset_idx"][split].astype(np.int64), len(sets))
    _check_that(known and sets.shape[1:] == (_WORDS,), "categories that it has not")


def _check_neighbours(tree: Any) -> None:
    """Check a tree of rows: its nodes are two to each one that is no leaf, and each is a piece of the list of rows."""
    rows, places, nodes, bounds, *_, metric, _ = tree.__getstate__()
    begin, end = nodes["idx_start"].astype(np.int64), nodes["idx_end"].astype(np.int64)
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    pieces = bool(((begin >= 0) & (begin <= end) & (end <= len(places))).all()) and _within(places, len(rows))
    whole = len(nodes) > 0 and _within(2 * inner + 2, len(nodes)) and bounds.shape[1:] == (len(nodes), rows.shape[1])
    _check_that(pieces and whole and len(places) == len(rows), "a tree of neighbours that is none")
    _check_that(bounds.shape[0] == 1 + (_name(tree) == NEIGHBOURS[0]), "bounds of other neighbours")
    _check_that(_name(metric) in METRICS, "another distance")


def _encoded_width(encoder: Any, width: int) -> int:
    """Count the columns that come out of what a histogram booster puts before itself; 0 where that is not known."""
    if encoder is None:
        return width
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415 - only boosters with categories of text need it

    if type(encoder) is not ColumnTransformer:
        return 0
    return sum(_columns_of(step, chosen) for _, step, chosen in _own(encoder).get("transformers_", ()))


def _columns_of(step: Any, chosen: Any) -> int:
    """Count the columns that a step gives of those that it is given."""
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder  # noqa: PLC0415 - as above

    if step == "drop":
        return 0
    if type(step) is not OrdinalEncoder and not _keeps(step, FunctionTransformer):
        raise Impossible("it has a step of its own before a booster")
    columns = np.asarray(chosen)
    return int(columns.sum() if columns.dtype == bool else columns.size)


def _keeps(step: Any, kind: type) -> bool:
    """Whether a step gives as many columns as it gets: it does nothing, or checks what it got."""
    from sklearn.utils import check_array  # noqa: PLC0415 - as above

    func = _own(step).get("func")
    checks = type(func) is partial and func.func is check_array and not func.args
    return type(step) is kind and (func is None or checks)


def _check_nodes(left: Array, right: Array, columns: Array, nodes: int, width: int) -> None:
    """Check that inner nodes lead to others and to columns that are there.

    Each node is the child of one at most, and the root of none: so every way down ends.
    """
    children = np.concatenate([left, right])
    inside = _within(children, nodes) and not (children == 0).any() and len(np.unique(children)) == len(children)
    _check_that(inside, "a tree that is none")
    _check_that(_within(columns, width), "a column that it has not")


def _check_that(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition, as in assert
    if not holds:
        raise Impossible(f"it has {otherwise}")


def _within(numbers: Array, most: int) -> bool:
    return bool(((numbers >= 0) & (numbers < most)).all())
