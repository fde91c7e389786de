"""XGBoost's first binary format, which BigQuery ML exports: read here, and given on as the JSON that XGBoost reads.

XGBoost itself reads it no more from 3.1 on. It is the memory of a little-endian machine, part by part; what it says of
lengths is checked against what is there, and of each tree only what its root leads to is taken.

Source: https://github.com/dmlc/xgboost/tree/v0.82 (`src/learner.cc`, `src/gbm/gbtree_model.h`,
    `include/xgboost/tree_model.h`); .../issues/7547 (its end);
    https://cloud.google.com/bigquery/docs/exporting-models ("Booster (XGBoost 0.82)").
"""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from runtime.data.tensors import Array

OBJECTIVES = {
    "reg:linear": "reg:squarederror",
    "reg:squarederror": "reg:squarederror",
    "reg:logistic": "reg:logistic",
    "binary:logistic": "binary:logistic",
    "multi:softprob": "multi:softprob",
    "multi:softmax": "multi:softmax",
}
"""What is read, and what it is called today."""
_LEARNER = struct.Struct("<fIi3I112x")  # base score, features, classes, attributes, metrics, version of XGBoost
_TREES = struct.Struct("<i156x")
_TREE = struct.Struct("<4xi140x")
_NODE = np.dtype([("parent", "<u4"), ("left", "<i4"), ("right", "<i4"), ("split", "<u4"), ("value", "<f4")])
_STAT = np.dtype([("gain", "<f4"), ("cover", "<f4"), ("weight", "<f4"), ("leaves", "<i4")])
_LEFT = 1 << 31
"""Of a node's split: rows without a value go left. The rest is the column."""
_LONGEST = 100
"""Bytes of a name."""
_WIDEST, _MOST_CLASSES = 1_000_000, 100_000
"""Columns and classes: whoever serves a model makes rows of as many."""


class NotOld(ValueError):
    """A file that is none of this format, or of a model that is not read. The text says why."""


def is_old(content: bytes) -> bool:
    """Tell whether a file may be of this format: JSON and its binary form begin with a brace."""
    return content[:1] != b"{"


def as_json(content: bytes) -> bytes:
    """Give a model of the old format as JSON.

    Raises:
        NotOld: It is not of that format, ends early, or is no boosted trees.
    """
    file = _File(content.removeprefix(b"binf"))
    score, width, classes, _, _, major = file.fields(_LEARNER)
    if not (0 < width <= _WIDEST and 0 <= classes <= _MOST_CLASSES and math.isfinite(score)):
        raise NotOld("it is none of XGBoost's formats")
    name, booster = file.text(), file.text()
    if name not in OBJECTIVES or booster not in {"gbtree", "dart"}:
        raise NotOld(f"it is no boosted trees that are known here, but {name[:40]!r} of {booster[:40]!r}")
    (count,) = file.fields(_TREES)
    trees = [_tree(file, width, place) for place in range(count)]
    groups = file.array(np.dtype("<i4"), count).tolist()
    # Only these have a score per class, whatever the header says of others.
    most = max(classes, 1) if name.startswith("multi:") else 1
    if not all(0 <= each < most for each in groups):
        raise NotOld("it has trees of a class that it has not")
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(count)},
        "tree_info": groups,
        "trees": trees,
    }
    made: dict[str, Any] = {"model": model, "name": "gbtree"}
    if booster == "dart":
        made = {"gbtree": made, "name": "dart", "weight_drop": file.array(np.dtype("<f4"), file.count()).tolist()}
    score = _transformed(score, name) if major == 0 else score
    return json.dumps(_whole(score, width, classes, OBJECTIVES[name], made), allow_nan=True).encode()


class _File:
    """What is left of a file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, length: int) -> bytes:
        """Give the next bytes."""
        if not 0 <= length <= len(self._content) - self._at:
            raise NotOld("it ends early, or is none of XGBoost's formats")
        self._at += length
        return self._content[self._at - length : self._at]

    def fields(self, form: struct.Struct) -> tuple[Any, ...]:
        return form.unpack(self.take(form.size))

    def array(self, form: np.dtype[Any], count: int) -> Array:
        return np.frombuffer(self.take(form.itemsize * count), form)

    def count(self) -> int:
        return int(struct.unpack("<Q", self.take(8))[0])

    def text(self) -> str:
        length = self.count()
        return self.take(length if length < _LONGEST else -1).decode("ascii", "replace")


def _transformed(score: float, objective: str) -> float:
    """Give the score that all rows begin with as it is written since 1.0: as a probability, where it is one."""
    return 1 / (1 + math.exp(-max(score, -500))) if objective.endswith(":logistic") else score


def _tree(file: _File, width: int, place: int) -> dict[str, Any]:
    """Read a tree; its nodes are numbered anew, from the root, since pruned ones are left in files."""
    (count,) = file.fields(_TREE)
    nodes, stats = file.array(_NODE, count), file.array(_STAT, count)
    if not count:
        raise NotOld("it has a tree without nodes")
    parents, order = [int(np.iinfo(np.int32).max)], [0]
    left: list[int] = []
    right: list[int] = []
    for number, node in enumerate(order):  # grows as it is walked
        children = (int(nodes["left"][node]), int(nodes["right"][node]))
        leaf = children[0] == -1
        if not leaf and (len(order) + 2 > count or not all(0 < each < count for each in children)):
            raise NotOld("it has a tree that is none")
        for side, child in zip((left, right), children, strict=True):
            side.append(-1 if leaf else len(order))
            if not leaf:
                order.append(child)
                parents.append(number)
    kept, seen = nodes[order], stats[order]
    split = kept["split"] & (_LEFT - 1)
    split[np.array(left) == -1] = 0
    if int(split.max()) >= width:
        raise NotOld("it asks for a column that it has not")
    zeros = [0] * len(order)
    return {
        "base_weights": seen["weight"].tolist(),
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": ((kept["split"] & _LEFT) != 0).astype(int).tolist(),
        "id": place,
        "left_children": left,
        "loss_changes": seen["gain"].tolist(),
        "parents": parents,
        "right_children": right,
        "split_conditions": kept["value"].tolist(),
        "split_indices": split.tolist(),
        "split_type": zeros,
        "sum_hessian": seen["cover"].tolist(),
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(width),
            "num_nodes": str(len(order)),
            "size_leaf_vector": "1",
        },
    }


def _whole(score: float, width: int, classes: int, objective: str, made: dict[str, Any]) -> dict[str, Any]:
    several = objective.startswith("multi:")
    settings = {"num_class": str(classes)} if several else {"scale_pos_weight": "1"}
    return {
        "learner": {
            "attributes": {},
            "feature_names": [],
            "feature_types": [],
            "gradient_booster": made,
            "learner_model_param": {
                "base_score": repr(score),
                "boost_from_average": "1",
                "num_class": str(classes if several else 0),
                "num_feature": str(width),
                "num_target": "1",
            },
            "objective": {"name": objective, "softmax_multiclass_param" if several else "reg_loss_param": settings},
        },
        "version": [1, 7, 6],
    }
