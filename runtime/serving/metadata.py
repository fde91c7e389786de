"""What the server says about itself and its models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from runtime.serving.catalog import example_value

if TYPE_CHECKING:
    from runtime.configuration.settings import Feature
    from runtime.data.models import Loaded
    from runtime.data.tensors import Range, TensorSpec
    from runtime.serving.service import Served, Service

NAME = "mlservice"
EXTENSIONS = ("binary_tensor_data",)


def server_metadata() -> dict[str, Any]:
    """Describe the server, as Open Inference Protocol has it."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - 30 ms that no start-up pays

    try:
        number = version("mlservice")
    except PackageNotFoundError:
        number = "0"
    return {"name": NAME, "version": number, "extensions": list(EXTENSIONS)}


def model_metadata(service: Service, served: Served) -> dict[str, Any]:
    """Describe a version of a model. The protocol's `properties` hold text only, so objects in them are JSON."""
    loaded, part = served.loaded, served.part
    opaque = getattr(loaded.model, "opaque", False)
    return {
        "name": part.name,
        "versions": sorted({s.part.version for s in service.served if s.part.name == part.name}),
        "platform": loaded.model.platform,
        "inputs": [] if opaque else [_tensor(spec) for spec in loaded.model.inputs],
        "outputs": [] if opaque else [_tensor(spec) for spec in loaded.model.outputs],
        "properties": _properties(loaded),
    }


def _properties(loaded: Loaded) -> dict[str, str]:
    model = loaded.model
    found = {"version": loaded.part.version, "device": getattr(model, "device", "cpu")}
    found.update(getattr(model, "memory", dict)())
    if loaded.part.settings.alias:
        found["alias"] = loaded.part.settings.alias
    if loaded.layout is not None:
        found["features"] = json.dumps(instance_schema(loaded)["properties"])
        found["example"] = json.dumps({"instances": [example_row(loaded)]})
    return found


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


def example_row(loaded: Loaded) -> dict[str, Any]:
    """Give a row that the schema allows."""
    assert loaded.layout is not None  # noqa: S101 - the caller looked
    return {name: example_value(feature) for name, feature in loaded.layout.schema.features.items()}


def instance_schema(loaded: Loaded) -> dict[str, Any]:
    """Write the schema of one row by feature name, in JSON Schema."""
    assert loaded.layout is not None  # noqa: S101 - the caller looked
    schema = loaded.layout.schema
    features = schema.features
    return {
        "type": "object",
        "properties": {name: feature_schema(feature, schema.ranges[name]) for name, feature in features.items()},
        "required": [name for name, feature in features.items() if not feature.nullable],
        "additionalProperties": False,
    }


def feature_schema(feature: Feature, held: Range) -> dict[str, Any]:
    """Write the schema of one value. `held` are the numbers that its input holds."""
    kind = {"category": "string"}.get(feature.type, feature.type)
    found: dict[str, Any] = {"type": [kind, "null"] if feature.nullable else kind}
    if feature.values:
        found["enum"] = [*feature.values, None] if feature.nullable else list(feature.values)
    found |= {} if feature.min is None else {"minimum": feature.min}
    found |= {} if feature.max is None else {"maximum": feature.max}
    # Without bounds, whoever draws requests from the schema draws numbers that no 32-bit float or JSON reader holds.
    if kind in {"number", "integer"}:
        largest = 3e38 if kind == "number" else 2**53
        found = {"minimum": max(-largest, held.low), "maximum": min(largest, held.high), **found}
    return found


def encoded(value: object) -> bytes:
    """Write what is said of server and models as JSON."""
    return msgspec.json.encode(value)
