"""What a booster of XGBoost consists of, checked: it follows the numbers of a file to wherever in memory they lead.

Its own reader compares the lengths of lists; that a tree stays within itself, its columns and its classes it takes on
trust, and writes out of bounds where it does not. What the reader itself follows is checked in the file, before it
reads; all else in what it has read, which is asked back in its binary JSON before the first row is answered. Arrays of
binary JSON are taken as they lie there: both together are less than a second for a thousand trees. JSON is read number
by number, which takes several times as long, and about four times the file's size in memory until it is checked.

Source: XGBoost 3.2, `src/gbm/gbtree_model.cc`, `src/tree/tree_model.cc`, `src/common/json.cc` (`UBJWriter`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runtime.data.tensors import Array

_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
"""Of UBJSON, whose numbers are big-endian, each by its letter."""
_WORDS = {"T": True, "F": False, "Z": None}


_ROOT = (-1, 2**31 - 1)
"""What is written for the parent of a root."""


class Impossible(ValueError):
    """A booster that leads out of itself. The text says where."""


class _Tree(msgspec.Struct):
    """What is read of a tree; the rest is passed over."""

    id: int
    parents: list[int]
    tree_param: dict[str, str]
    base_weights: list[float]
    categories: list[int] = []
    categories_nodes: list[int] = []
    categories_segments: list[int] = []
    categories_sizes: list[int] = []


class _Model(msgspec.Struct):
    trees: list[_Tree] = []


class _Inner(msgspec.Struct):
    model: _Model = msgspec.field(default_factory=_Model)


class _Booster(_Inner):
    gbtree: _Inner = msgspec.field(default_factory=_Inner)


class _Learner(msgspec.Struct):
    gradient_booster: _Booster


class _Whole(msgspec.Struct):
    learner: _Learner


def check_json(content: bytes) -> None:
    """Check a file of JSON for what XGBoost follows while it reads.

    Raises:
        Impossible: It leads out of itself, or is no booster.
    """
    try:
        # Not msgspec's own reader: XGBoost writes NaN and Infinity, and of two keys of one name each takes another.
        booster = msgspec.convert(json.loads(content, object_pairs_hook=_each_once), _Whole).learner.gradient_booster
        _check_read([msgspec.structs.asdict(each) for each in booster.model.trees or booster.gbtree.model.trees])
    except Impossible:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError, msgspec.MsgspecError) as error:
        raise Impossible(f"it is no booster in JSON: {error}") from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    _check_that(len(found) == len(pairs), "a key that is there twice")
    return found


def check_binary(content: bytes) -> None:
    """Check a file of binary JSON for what XGBoost follows while it reads.

    Raises:
        Impossible: It leads out of itself, or is no booster.
    """
    try:
        made = _Reader(content).value()["learner"]["gradient_booster"]
        _check_read(made.get("gbtree", made)["model"].get("trees", ()))
    except Impossible:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Impossible(f"it is no booster in binary JSON: {error!r}") from error


def _check_read(trees: Sequence[Mapping[str, Any]]) -> None:
    _check_that(sorted(int(tree["id"]) for tree in trees) == list(range(len(trees))), "trees of one number")
    for tree in trees:
        parents = np.asarray(tree["parents"], np.int64)
        nodes = len(parents)
        _check_that(_within(parents[~np.isin(parents, _ROOT)], nodes), "a tree that is none")
        size = int(tree["tree_param"].get("size_leaf_vector", 1))
        _check_that(0 <= size <= 1 or len(tree["base_weights"]) == size * nodes, "leaves without values")
        _check_categories(tree, np.zeros(nodes, bool))


def check(saved: bytes) -> None:
    """Check what a booster consists of.

    Args:
        saved: As `save_raw("ubj")` gives it.

    Raises:
        Impossible: A tree leads out of itself, or asks for a column or a class that is not there.
    """
    learner = _Reader(saved).value()["learner"]
    numbers = learner["learner_model_param"]
    width = int(numbers["num_feature"])
    groups = max(int(numbers.get("num_class", 0)), int(numbers.get("num_target", 1)), 1)
    made = learner["gradient_booster"]
    if "weights" in made.get("model", {}):
        _check_that(len(made["model"]["weights"]) == (width + 1) * groups, "weights for other columns")
        return
    model = made.get("gbtree", made)["model"]  # dart has its trees a level deeper
    trees, classes = model["trees"], np.asarray(model["tree_info"], np.int64)
    _check_that(len(classes) == len(trees) and _within(classes, groups), "trees of a class that it has not")
    _check_that(len(made.get("weight_drop", trees)) == len(trees), "weights for other trees")
    ends = np.asarray(model.get("iteration_indptr", [0, len(trees)]), np.int64)
    ordered = len(ends) > 0 and ends[0] == 0 and ends[-1] == len(trees) and bool((np.diff(ends) >= 0).all())
    _check_that(ordered, "iterations of other trees")
    for tree in trees:
        _check_tree(tree, width, groups)


def _check_tree(tree: Mapping[str, Any], width: int, groups: int) -> None:
    """Check one tree. Each node is the child of one at most, and the root of none: so every way down ends."""
    left, right = (np.asarray(tree[name], np.int64) for name in ("left_children", "right_children"))
    inner = left != -1
    children = np.concatenate([left[inner], right[inner]])
    inside = len(left) == len(right) > 0 and _within(children, len(left))
    _check_that(inside and not (children == 0).any() and _once(children), "a tree that is none")
    columns = np.asarray(tree["split_indices"], np.int64)
    _check_that(len(columns) == len(left) and _within(columns[inner], width), "a column that it has not")
    size = int(tree["tree_param"].get("size_leaf_vector", 1))
    _check_that(size in {0, 1, groups}, "leaves for other classes")
    if size > 1:  # there the right child of a leaf is its place among the values
        _check_that(_within(right[~inner], len(tree["leaf_weights"]) // size), "leaves without values")
    _check_categories(tree, inner)


def _check_categories(tree: Mapping[str, Any], inner: Array) -> None:
    """Check the splits by category: each has its own piece of the list of them."""
    nodes, begin, sizes, listed = (
        np.asarray(tree.get(f"categories{name}", ()), np.int64) for name in ("_nodes", "_segments", "_sizes", "")
    )
    sorts = np.asarray(tree.get("split_type", ()), np.int64)
    pieces = len(nodes) == len(begin) == len(sizes) and _within(nodes, len(inner))
    pieces = pieces and bool(((begin >= 0) & (sizes >= 0) & (begin + sizes <= len(listed))).all())
    pieces = pieces and len(sorts) in {0, len(inner)}
    known = pieces and set(np.flatnonzero(inner[: len(sorts)] & (sorts == 1)).tolist()) <= set(nodes.tolist())
    _check_that(known and not (listed < 0).any(), "categories that it has not")


def _check_that(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition, as in assert
    if not holds:
        raise Impossible(f"it has {otherwise}")


def _within(numbers: Array, most: int) -> bool:
    return bool(((numbers >= 0) & (numbers < most)).all())


def _once(numbers: Array) -> bool:
    return len(np.unique(numbers)) == len(numbers)


class _Reader:
    """Reads UBJSON as XGBoost writes it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def value(self) -> Any:
        sort = self._letter()
        if sort == "{":
            return self._object()
        if sort == "[":
            return self._array()
        if sort == "S":
            return self._text()
        return _WORDS[sort] if sort in _WORDS else self._numbers(sort, 1)[0]

    def _letter(self) -> str:
        self._at += 1
        if self._at > len(self._content):
            raise Impossible("it ends early")
        return chr(self._content[self._at - 1])

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._content[self._at : self._at + 1] != b"}":
            name = self._text()
            if name in found:  # who reads the first, and who the last, is nobody's to guess
                raise Impossible("it says something twice")
            found[name] = self.value()
        self._at += 1
        return found

    def _array(self) -> Any:
        first = self._letter()
        if first == "$":
            sort = self._letter()
            self._letter()  # the sign that a count follows
            return self._numbers(sort, self._count())
        if first == "#":
            return [self.value() for _ in range(self._count())]
        self._at -= 1
        found = []
        while self._content[self._at : self._at + 1] != b"]":
            found.append(self.value())
        self._at += 1
        return found

    def _count(self) -> int:
        """Read a length, with the letter of its sort."""
        found = int(self._numbers(self._letter(), 1)[0])
        if not 0 <= found <= len(self._content):
            raise Impossible("it ends early")
        return found

    def _text(self) -> str:
        length = self._count()
        self._at += length
        return self._content[self._at - length : self._at].decode(errors="replace")

    def _numbers(self, sort: str, count: int) -> Array:
        form = np.dtype(_NUMBERS[sort])
        found = np.frombuffer(self._content, form, count, self._at)
        self._at += form.itemsize * count
        return found
