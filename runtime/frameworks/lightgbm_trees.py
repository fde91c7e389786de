"""What a text of LightGBM consists of, checked before LightGBM reads it: it follows its numbers wherever they lead.

Its reader compares the lengths of some lists, and takes children, columns, categories and counts on trust: a file could
read memory of the process into answers, end the process or never end. What the text says is read here first.

Source: LightGBM 4.7, `src/io/tree.cpp` (`Tree::Tree(const char*, size_t*)`), `src/boosting/gbdt_model_text.cpp`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from runtime.data.tensors import Array

_MOST = 1_000_000
_WORD = 32
_SORTS = 16
_CATEGORICAL = 1
_SIZES = re.compile(r"^tree_sizes=.*$", re.MULTILINE)
_WHOLE = re.compile(r"-?[0-9]{1,10}")
_NAME = re.compile(r"[A-Za-z_]+")
_TREE_AGAIN = re.compile(r"(?m)^[^\S\n]+Tree")
# Lines of a tree that LightGBM reads, with the one that names it.
_LINES = 23
# Settings of the training, from which LightGBM takes letters by their place.
_SETTING = re.compile(r"\[\w+: .*\]", re.ASCII)
_OBJECTIVE_CLASSES = re.compile(r"\bnum_class:(\S+)")


class Impossible(ValueError):
    """A booster that leads out of itself. The text says where."""


def checked(content: bytes) -> str:
    """Give the text as LightGBM may read it: whole, and without the places of trees, which it finds by itself.

    Raises:
        Impossible: It leads out of itself, or is no booster.
    """
    try:
        text = content.decode().replace("\r\n", "\n")
        _check_that("\0" not in text and "\r" not in text, "letters that end it elsewhere")
        head, first, rest = text.partition("\nTree=")
        # What comes behind the trees is for people: a column may be called Tree.
        inside, end, _ = rest.partition("\n\nend of trees\n")
        _check_that(end or not first or "\nversion=v2\n" in head, "no end: it was cut off")  # v2 did not write one
        trees = inside.split("\n\nTree=") if first else []
        # What is read of a tree ends with an empty line.
        trees = ["Tree=" + tree.partition("\n\n")[0].removesuffix("\n") for tree in trees]
        _check_that(not _TREE_AGAIN.search(text), "lines that are none of a tree's")
        _check(_lines(head), [_lines_of_tree(tree) for tree in trees])
        said = ("\n" + text).partition("\nparameters:\n")[2].partition("\nend of parameters")[0].split("\n")
        _check_that(all(_SETTING.fullmatch(line) for line in said if line), "a parameter that is none")
    except Impossible:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise Impossible(f"it is no booster in text: {error!r}") from error
    return _SIZES.sub("", head) + text[len(head) :]


def _lines(text: str) -> dict[str, str]:
    """Read the lines `name=value`, or `name`; of two of one name nobody knows which counts."""
    pairs = [line.partition("=") for line in text.split("\n") if line]
    found = {name.strip(): value for name, _, value in pairs}
    _check_that("" not in found, "a line without a name")  # LightGBM takes what follows for the name
    _check_that(len(found) == len(pairs), "a line that is there twice")
    return found


def _lines_of_tree(text: str) -> dict[str, str]:
    """Read the lines of a tree, all `name=value`.

    From one that is another LightGBM would go on to the next `=`, and over the empty line that ends the tree.
    """
    lines = text.split("\n")
    whole = all(_NAME.fullmatch(line.partition("=")[0]) and "=" in line for line in lines) and len(lines) <= _LINES
    # Letters, numbers and spaces of other scripts are none of its, though Python reads them.
    _check_that(whole and text.isascii() and "".join(lines).isprintable(), "lines that are none of a tree's")
    return _lines(text)


def _check(head: dict[str, str], trees: list[dict[str, str]]) -> None:
    width, classes = _int(head["max_feature_idx"]), _int(head["num_class"])
    each = _int(head.get("num_tree_per_iteration", head["num_class"]))
    _check_that(0 <= width < _MOST, "no columns")
    _check_that(0 < classes <= _MOST and each == classes, "no classes")
    _check_that(len(trees) % each == 0 and (each == 1 or len(trees) > 0), "trees of other classes")
    for name in ("feature_names", "feature_infos"):
        _check_that(len(_words(head[name])) == width + 1, "names of other columns")
    said = _OBJECTIVE_CLASSES.findall(head.get("objective", ""))
    _check_that(all(_int(each) == classes for each in said), "an objective of other classes")
    places = [_int(tree["Tree"]) for tree in trees]
    _check_that(places == list(range(len(trees))), "trees of other numbers")
    for tree in trees:
        _check_tree(tree, width + 1)


def _check_tree(tree: dict[str, str], width: int) -> None:
    leaves, sets = _int(tree["num_leaves"]), _int(tree["num_cat"])
    _check_that(0 < leaves <= _MOST and 0 <= sets < leaves, "a tree without leaves")
    _check_that(len(_words(tree["leaf_value"])) == leaves, "leaves without values")
    _check_counts(tree, leaves)
    if leaves > 1:
        left, right, columns, sorts = (
            _whole(tree, name) for name in ("left_child", "right_child", "split_feature", "decision_type")
        )
        thresholds = _words(tree["threshold"])
        sizes = {len(one) for one in (left, right, columns, sorts, thresholds)}
        _check_that(sizes == {leaves - 1}, "nodes that lack a half")
        # Each node but the root, and each leaf, is the child of one: so every way down ends.
        children = np.sort(np.concatenate([left, right]))
        wanted = np.concatenate([np.arange(-leaves, 0), np.arange(1, leaves - 1)])
        _check_that(np.array_equal(children, wanted), "a tree that is none")
        _check_that(bool(((columns >= 0) & (columns < width)).all()), "a column that it has not")
        _check_that(bool(((sorts >= 0) & (sorts < _SORTS)).all()), "a split of no sort")
        chosen = [thresholds[place] for place in np.flatnonzero(sorts & _CATEGORICAL)]
        _check_categories(tree, np.array(list(map(_float, chosen)), np.float64), sets)
    if _int(tree.get("is_linear", "0")):
        _check_linear(tree, leaves, width)


def _check_counts(tree: dict[str, str], leaves: int) -> None:
    """Check what nobody needs to predict, and LightGBM reads nevertheless."""
    for name in ("leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count", "split_gain"):
        words = _words(tree.get(name, ""))
        _check_that(len(words) in {0, leaves - (name[0] in "is")}, f"another {name}")


def _check_categories(tree: dict[str, str], chosen: Array, sets: int) -> None:
    inside = bool(((chosen >= 0) & (chosen < sets) & (chosen == np.floor(chosen))).all())
    _check_that(inside, "categories that it has not")
    if sets:
        bounds, words = _whole(tree, "cat_boundaries"), _whole(tree, "cat_threshold")
        rising = len(bounds) == sets + 1 and bounds[0] == 0 and bool((np.diff(bounds) >= 0).all())
        _check_that(rising and bounds[-1] == len(words), "categories that it has not")
        _check_that(bool(((words >= 0) & (words < 1 << _WORD)).all()), "categories that are none")


def _check_linear(tree: dict[str, str], leaves: int, width: int) -> None:
    counts, columns = _whole(tree, "num_features"), _whole(tree, "leaf_features")
    _check_that(len(counts) == len(_words(tree["leaf_const"])) == leaves, "leaves without values")
    whole = bool(((counts >= 0) & (counts <= width)).all()) and int(counts.sum()) == len(columns)
    _check_that(whole and len(_words(tree["leaf_coeff"])) == len(columns), "leaves of other columns")
    _check_that(bool(((columns >= 0) & (columns < width)).all()), "a column that it has not")


def _int(word: str) -> int:
    """Read a whole number as LightGBM does, which knows no underscores."""
    _check_that(_WHOLE.fullmatch(word.strip(" ")), f"{word[:20]!r} for a number")
    return int(word)


def _float(word: str) -> float:
    _check_that("_" not in word, f"{word[:20]!r} for a number")  # Python would read `1_0`
    return float(word)


def _words(value: str) -> list[str]:
    return [word for word in value.split(" ") if word]


def _whole(tree: dict[str, str], name: str) -> Array:
    words = _words(tree[name])
    _check_that(all(map(_WHOLE.fullmatch, words)), f"a {name} of no numbers")
    return np.array(list(map(int, words)), np.int64)


def _check_that(holds: object, otherwise: str) -> None:
    if not holds:
        raise Impossible(f"it has {otherwise}")
