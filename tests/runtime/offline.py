"""A model behind plain JSON without a server: load it as one would, and ask it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import joblib
import msgspec

from runtime.configuration.settings import Feature, ModelSettings, Prediction
from runtime.data.answers import Request
from runtime.data.models import Loaded, Part
from runtime.data.outputs import Outputs
from runtime.data.tensors import joined
from runtime.frameworks import load
from runtime.protocols.plain import PLAIN, PlainCodec
from runtime.serving.catalog import describe, example

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def settings_of(features: Mapping[str, Mapping[str, Any]], **told: Any) -> ModelSettings:
    """Write settings as a spec would."""
    return ModelSettings(features={name: msgspec.convert(one, Feature) for name, one in features.items()}, **told)


def dumped(folder: Path, estimator: Any) -> dict[str, Any]:
    """Write a pickle; gives what the spec must say for it to be loaded."""
    joblib.dump(estimator, folder / "model.joblib")
    digest = hashlib.sha256((folder / "model.joblib").read_bytes()).hexdigest()
    return {"allow_pickle": True, "sha256": digest}


def loaded(folder: Path, features: Mapping[str, Mapping[str, Any]], **told: Any) -> Loaded:
    """Load the model of a folder, and call it once, as the server does before it is ready."""
    settings = settings_of(features, **told)
    found = describe(Part("m", "1", folder, settings), load(folder, settings))
    assert found.layout is not None
    found.model.predict(example(found.layout), (found.prediction.output,))
    return found


def ask(model: Loaded, instances: list[Any]) -> list[Any]:
    """Predict rows in one call."""
    codec = PlainCodec(model, 10_000, PLAIN)
    query = codec.decode(Request(json.dumps({"instances": instances}).encode(), [], ""))
    types = {spec.name: spec.dtype for spec in model.model.inputs}
    inputs = {name: joined([part], types[name]) for name, part in query.inputs.items()}
    outputs = Outputs(model.model.predict(inputs, query.outputs))
    body = codec.encode(query, outputs, 0, query.rows).body
    found: list[Any] = json.loads(body)["predictions"]
    return found


def probabilities() -> Prediction:
    """The prediction of a classifier as its table of probabilities."""
    return Prediction("probabilities")
