"""The models of one server: which version is the latest, and how model, schema and prediction fit each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from runtime.data.columns import LISTED, check_places
from runtime.data.features import Layout, Schema, is_table
from runtime.data.models import Loaded, Selection
from runtime.data.tensors import MATRIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runtime.configuration.settings import Feature, ModelSettings, Prediction
    from runtime.data.models import Part
    from runtime.data.tensors import Array, Model, TensorSpec

BINARY = 2  # classes
ONNX = "onnx_onnxv1"  # platform of graphs, whose text is never null
# Platforms whose files know no categories of an input of numbers.
NAMELESS = frozenset({ONNX, "pytorch_export", "pytorch_torchscript"})
# How the outputs of one class each are called, by the datatype of the label.
_PER_CLASS = {"INT64": re.compile(r"i-?\d+"), "BYTES": re.compile(r"s.*", re.DOTALL)}


def latest(parts: Iterable[Part]) -> dict[str, Part]:
    """Give the latest version of each model: numbers in a version count as numbers."""
    found: dict[str, Part] = {}
    for part in sorted(parts, key=lambda p: natural(p.version)):
        found[part.name] = part
    return found


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key under which v10 comes after v9."""
    return [
        (int(piece), "") if piece.isascii() and piece.isdigit() else (-1, piece)
        for piece in re.split(r"(\d+)", text)
        if piece
    ]


def describe(part: Part, model: Model) -> Loaded:
    """Join a loaded model with the schema and the prediction that its settings declare.

    Raises:
        ValueError: They do not fit the model.
    """
    return Loaded(part, model, _layout(model, part.settings), _selection(model.outputs, part.settings.prediction))


def _layout(model: Model, settings: ModelSettings) -> Layout | None:
    """Take the features as declared, else from the width of the only input, else none: then tensors only."""
    inputs = model.inputs
    if not inputs:
        raise ValueError("the model has no inputs: name the features in the spec")
    if getattr(model, "opaque", False):
        return None
    width = inputs[0].shape[1] if len(inputs) == 1 and len(inputs[0].shape) == MATRIX else -1
    if not settings.features and width > 0:
        return Layout(Schema.unnamed(width, inputs[0]), inputs)
    if not settings.features:
        return Layout(Schema.of_inputs(inputs), inputs) if all(map(_is_column, inputs)) else None
    names = tuple(settings.features)
    if len(inputs) == 1 and width not in (-1, len(names)):
        raise ValueError(f"the spec has {len(names)} features, the model takes {width}")
    if len(inputs) > 1 and {spec.name for spec in inputs} != set(names):
        known = ", ".join(spec.name for spec in inputs)
        raise ValueError(
            f"model.features is {', '.join(names)}, but the model's inputs are {known}: name the features so"
        )
    by_name = {spec.name: spec for spec in inputs}
    into = dict.fromkeys(names, inputs[0]) if is_table(inputs) else by_name
    for name, feature in settings.features.items():
        if name in into:
            _check_null(name, feature, into[name], model)
            _check_text(name, feature, into[name])
            _check_kind(name, feature, into[name], model)
    return Layout(Schema(settings.features, into), inputs)


def _is_column(spec: TensorSpec) -> bool:
    """Whether an input takes one value a row: then its name and its datatype are those of a feature."""
    return spec.shape in {(-1,), (-1, 1)}


def _check_null(name: str, feature: Feature, spec: TensorSpec, model: Model) -> None:
    """Refuse a nullable feature whose input would take another value for null: true, or the text `None`."""
    if not feature.nullable or spec.dtype.kind == "f":
        return
    if spec.dtype.kind != "O" or model.platform == ONNX:
        raise ValueError(f"feature {name!r} is nullable, but {spec.datatype} of input {spec.name!r} has no null")


def _check_text(name: str, feature: Feature, spec: TensorSpec) -> None:
    """Refuse text for an input of numbers, but for categories: they become their places among the values."""
    text = feature.type == "string" or (feature.type == "category" and not feature.values)
    if text and spec.dtype.kind != "O":
        hint = "; name its values" if feature.type == "category" else ""
        raise ValueError(f"feature {name!r} is text, but input {spec.name!r} takes {spec.datatype}{hint}")


def _check_kind(name: str, feature: Feature, spec: TensorSpec, model: Model) -> None:
    """Refuse what an input would take for something else without a word: any number for true, a place for a number."""
    places = len(feature.values)
    if spec.datatype == "BOOL" and feature.type != "boolean" and not (feature.values and places <= BINARY):
        raise ValueError(f"feature {name!r} is of type {feature.type}, but input {spec.name!r} takes BOOL")
    if feature.values and spec.dtype.kind in "iu" and places - 1 > spec.range.high:
        raise ValueError(
            f"feature {name!r} has {places} values, more than {spec.datatype} of input {spec.name!r} holds"
        )
    if feature.values and spec.dtype.kind != "O" and model.platform in NAMELESS:
        check_places(name, feature, f"input {spec.name!r}")


def _selection(outputs: tuple[TensorSpec, ...], wanted: Prediction | None) -> Selection:
    """Pick the output of that name; else, for a number, the probabilities (the second class of two); else the first."""
    for spec in outputs:
        if wanted and spec.name == wanted.name:
            return Selection(spec.name, None)
    tables = [spec for spec in outputs if len(spec.shape) == MATRIX and spec.datatype in {"FP32", "FP64"}]
    several = len(outputs[0].shape) == MATRIX and outputs[0].shape[1] > 1  # labels, with a table of probabilities each
    if wanted and wanted.type == "number" and tables and len(outputs) > 1 and not (several and len(tables) > 1):
        if tables[0].shape[1] < 0 and len(outputs[0].shape) < MATRIX:
            raise ValueError(
                f"nobody knows how many classes output {tables[0].name!r} has: name the values of model.features, "
                "or one output with prediction.name"
            )
        return Selection(tables[0].name, 1 if tables[0].shape[1] == BINARY and not several else None)
    classes = _classes(outputs)
    if wanted and wanted.type == "number" and classes:
        if len(classes) != BINARY:
            raise ValueError(
                f"the probabilities are outputs of their own, {', '.join(classes[:LISTED])}: "
                "convert with zipmap=False, or name one with prediction.name"
            )
        return Selection(classes[1], None)
    return Selection(outputs[0].name, None)


def _classes(outputs: tuple[TensorSpec, ...]) -> list[str]:
    """Name the outputs of a graph that are a class's probability each, behind the label: skl2onnx's zipmap="columns".

    It calls them after the class: `i0` and `i1` for whole numbers, `syes` and `sno` for text.
    """
    label, *others = outputs
    named = _PER_CLASS.get(label.datatype)
    floats = all(len(spec.shape) == 1 and spec.datatype in {"FP32", "FP64"} for spec in others)
    if named is None or len(others) < BINARY or not floats or not all(named.fullmatch(spec.name) for spec in others):
        return []
    return [spec.name for spec in others]


def example(layout: Layout, rows: int = 1) -> dict[str, Array]:
    """Make rows that pass the schema: for warming up, and for the documentation."""
    columns = {name: [example_value(f)] * rows for name, f in layout.schema.features.items()}
    return {name: np.ascontiguousarray(a) for name, a in layout.arrays(columns).items()}


def example_value(feature: Feature) -> str | float | bool:
    """Give a value that the feature allows."""
    if feature.values:
        return feature.values[0]
    if feature.type == "string":
        return "text"
    if feature.type == "boolean":
        return False
    low = max(feature.min if feature.min is not None else 0.0, 0.0)
    value = low if feature.max is None else min(low, feature.max)
    return round(value) if feature.type == "integer" else value
