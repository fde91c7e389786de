"""Boosted trees and random forests as BigQuery ML exports them: a booster, and beside it what columns and classes are.

The folder's `main.py` and its package for trying the model are never run, nor read.

Source: https://cloud.google.com/bigquery/docs/exporting-models; Google's own reader of such folders,
bigquery-ml-utils 1.5, `inference/xgboost_predictor/predictor.py`: a word of a column is its place in a list, and an
unknown word is no value.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.data.columns import Column, encoding
from runtime.data.tensors import TensorSpec, datatype_of
from runtime.frameworks import LoadError
from runtime.frameworks.boosters import INPUT, Booster
from runtime.frameworks.sklearn import LABEL, PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings
    from runtime.data.columns import Encoding
    from runtime.data.tensors import Array

ABOUT = "assets/model_metadata.json"
LARGEST = 64 << 20
"""Bytes of a file beside the booster: the words of one column."""
_AS_IT_IS, _BY_PLACE = frozenset({"", "numerical_identity"}), frozenset({"categorical_label", "ohe"})
"""How columns are encoded. What is in neither makes several columns of one."""
_INT64 = re.compile(r"-?[0-9]{1,19}")


class Classifier:
    """A booster whose scores are the probabilities of classes that have names."""

    platform = "xgboost"
    batchable = True
    calls_at_once = 1

    def __init__(
        self, classes: Sequence[str], width: int, predict: Callable[[Array], Any], found: Encoding | None
    ) -> None:
        self._classes = _values(classes)
        self._predict = predict
        self._encoding = found
        self.inputs = (TensorSpec(INPUT, "FP32", (-1, width)),)
        self.outputs = (
            TensorSpec(LABEL, datatype_of(self._classes), (-1,)),
            TensorSpec(PROBABILITIES, "FP32", (-1, len(classes))),
        )
        scores = self._scores(np.zeros((1, width), np.float32))
        if scores.shape != (1, len(classes)):
            raise LoadError(f"the booster has {scores.size} scores, and {ABOUT} {len(classes)} classes")

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Give the most probable class, the first of several, and the probability of each."""
        rows = inputs[INPUT]
        scores = self._scores(rows if self._encoding is None else self._encoding.apply(rows))
        found = {LABEL: self._classes[scores.argmax(axis=1)], PROBABILITIES: scores}
        return {name: found[name] for name in outputs}

    def _scores(self, rows: Array) -> Array:
        scores = np.asarray(self._predict(rows))
        return scores if scores.ndim > 1 else np.stack([1 - scores, scores], axis=1)


def _values(classes: Sequence[str]) -> Array:
    """Give classes as the label had them: whole numbers where all are, else text."""
    if all(_INT64.fullmatch(name) and str(int(name)) == name and abs(int(name)) < 1 << 63 for name in classes):
        return np.array([int(name) for name in classes], np.int64)
    return np.array(classes, object)


def exported(file: Path) -> bool:
    """Tell whether a booster is one that BigQuery ML exported."""
    return file.suffix == ".bst" and (file.parent / ABOUT).is_file()


def model(file: Path, settings: ModelSettings, width: int, predict: Callable[[Array], Any]) -> Booster | Classifier:
    """Give the model around an exported booster.

    Args:
        file: The booster; what is about it lies beside it.
        settings: Of the spec.
        width: Columns of the booster.
        predict: Asks the booster.

    Raises:
        LoadError: What lies beside it is missing, no description of this booster, or of a sort that is not served.
        Contradiction: The model was trained on other columns than the spec has.
    """
    about = _about(file)
    columns = [_column(file, place, name, about) for place, name in enumerate(about["feature_names"])]
    if len(columns) != width:
        raise LoadError(f"{file.name} has {width} columns, and {ABOUT} {len(columns)}")
    found = encoding(settings.features, columns, file.name) if settings.features else None
    classes = _classes(about.get("class_names"))
    return Classifier(classes, width, predict, found) if classes else Booster("xgboost", width, "FP32", predict, found)


def _classes(told: object) -> list[str]:
    """Give the names of classes; none where the booster is no classifier."""
    if told is None:
        return []
    if not isinstance(told, list) or not all(isinstance(each, (str, int, float)) for each in told):
        raise LoadError(f"the class_names of {ABOUT} are no list of names")
    names = [str(each) for each in told]
    if len(names) == 1 or len(set(names)) < len(names):
        raise LoadError(f"{ABOUT} names one class alone, or one twice")
    return names


def _about(file: Path) -> dict[str, Any]:
    if (file.parent / "transform").exists():
        raise LoadError(
            "the model was trained with TRANSFORM, whose export is a TensorFlow program beside it that is not served: "
            "write what it does into the query's SELECT"
        )
    try:
        found = json.loads(_read(file.parent / ABOUT))
    except (ValueError, RecursionError) as error:
        raise LoadError(f"{ABOUT} is no JSON: {error}") from error
    names = found.get("feature_names") if isinstance(found, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LoadError(f"{ABOUT} names no features")
    return dict(found)


def _column(file: Path, place: int, name: str, about: Mapping[str, Any]) -> Column:
    """Give what the export says of one column."""
    told = about.get("features")
    said = told.get(name) if isinstance(told, dict) else None
    how = str(said.get("encode_type") or "") if isinstance(said, dict) else ""
    if how in _AS_IT_IS:
        return Column(name)
    if how not in _BY_PLACE:
        raise LoadError(
            f"the column {name} is encoded as {how}, which is not served: of columns that hold one value, models with "
            "CATEGORY_ENCODING_METHOD = 'LABEL_ENCODING' are"
        )
    # The second is the older name.
    for written in (f"{place}_categorical_label.txt", f"{place}.txt"):
        words = file.parent / "assets" / written
        if words.is_file():
            # Not at every line break of Unicode: words may hold those.
            listed = tuple(_read(words).removesuffix("\n").split("\n"))
            return Column(name, "category", listed, unknown_allowed=True)
    raise LoadError(f"assets/ has no words of the column {name}")


def _read(file: Path) -> str:
    try:
        with file.open("rb") as content:
            found = content.read(LARGEST + 1)
    except OSError as error:
        raise LoadError(f"{file.name} cannot be read: {error}") from error
    if len(found) > LARGEST:
        raise LoadError(f"{file.name} has more than {LARGEST} bytes")
    try:
        return found.decode()
    except UnicodeDecodeError as error:
        raise LoadError(f"{file.name} is no UTF-8 text") from error
