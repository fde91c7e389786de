"""The models of one server: their names, whether they are ready, and why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from runtime.features import Layout, Schema
from runtime.tensors import MATRIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.settings import Feature, ModelSettings, Prediction
    from runtime.tensors import Array, Model, TensorSpec

DEFAULT_NAME = "model"
LOADING = "loading"
READY = "ready"
FAILED = "failed"
BINARY = 2  # classes


@dataclass(slots=True)
class Served:
    """One model under its name. `state` and `reason` are written by the loader, once."""

    name: str
    version: str
    settings: ModelSettings
    state: str = LOADING
    reason: str = ""
    loaded: Loaded | None = field(default=None)

    def set_ready(self, loaded: Loaded) -> None:
        """Note that the model is loaded and warm."""
        self.loaded, self.state = loaded, READY

    def set_failed(self, reason: str) -> None:
        """Note why it will never be ready. The reason is for the log."""
        self.reason, self.state = reason, FAILED


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model with what is known about its rows and its answer."""

    model: Model
    layout: Layout | None
    prediction: Selection


@dataclass(frozen=True, slots=True)
class Selection:
    """Which output is the prediction, and which column of it (None: all of them)."""

    output: str
    column: int | None

    def of(self, outputs: Mapping[str, Array]) -> Array:
        """Take the prediction; an output of one column becomes a plain list of values."""
        found = outputs[self.output]
        if self.column is not None:
            return found[:, self.column]
        return found[:, 0] if found.ndim == MATRIX and found.shape[1] == 1 else found


def describe(model: Model, settings: ModelSettings) -> Loaded:
    """Join a loaded model with the schema and the prediction that the settings declare.

    Raises:
        ValueError: They do not fit the model.
    """
    return Loaded(model, _layout(model, settings), _selection(model.outputs, settings.prediction))


def _layout(model: Model, settings: ModelSettings) -> Layout | None:
    """Take the features as declared, else from the width of the only input, else none: then tensors only."""
    inputs = model.inputs
    width = inputs[0].shape[1] if len(inputs) == 1 and len(inputs[0].shape) == MATRIX else -1
    if not settings.features:
        return Layout(Schema.unnamed(width), inputs) if width > 0 else None
    schema = Schema(settings.features)
    if len(inputs) == 1 and width not in (-1, len(schema.names)):
        raise ValueError(f"the spec has {len(schema.names)} features, the model takes {width}")
    if len(inputs) > 1 and {spec.name for spec in inputs} != set(schema.names):
        raise ValueError(f"the model's inputs are {', '.join(i.name for i in inputs)}: name the features so")
    return Layout(schema, inputs)


def _selection(outputs: tuple[TensorSpec, ...], wanted: Prediction | None) -> Selection:
    """Pick the output of that name; else, for a number, the probabilities (the second class of two); else the first."""
    for spec in outputs:
        if wanted and spec.name == wanted.name:
            return Selection(spec.name, None)
    tables = [spec for spec in outputs if len(spec.shape) == MATRIX and spec.datatype in {"FP32", "FP64"}]
    if wanted and wanted.type == "number" and tables and len(outputs) > 1:
        return Selection(tables[0].name, 1 if tables[0].shape[1] == BINARY else None)
    return Selection(outputs[0].name, None)


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
