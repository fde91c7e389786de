"""The OpenAPI document: FastAPI's own, with bodies, answers and examples of the models that are served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from runtime.serving.metadata import example_row, instance_schema
from runtime.serving.routes import EVENTS, PREDICT

if TYPE_CHECKING:
    from fastapi import FastAPI

    from runtime.data.models import Loaded
    from runtime.serving.service import Service

_ERRORS = {
    "400": "The body is malformed.",
    "401": "No key, or an unknown one.",
    "404": "No such model or version.",
    "405": "Another method.",
    "413": "The body, or the number of rows, is beyond the bounds.",
    "415": "The content encoding is none that is taken.",
    "422": "A value does not fit the schema.",
    "429": "Too many requests are waiting; see Retry-After.",
    "500": "The model failed.",
    "503": "Not ready, or going away; see Retry-After.",
    "504": "No prediction in time.",
}
_READ_ERRORS = ("401", "404", "503")


def document(app: FastAPI, service: Service) -> dict[str, Any]:
    """Make the document. It is made anew once models are ready, since it holds their schemas."""
    if app.openapi_schema is None or app.openapi_schema["info"]["x-state"] != service.state:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes, description=_DESCRIPTION)
        made["info"]["x-state"] = service.state
        made.setdefault("components", {}).setdefault("schemas", {}).update(_schemas(service))
        for path, methods in made["paths"].items():
            for method, operation in methods.items():
                _complete(path, method, operation, service)
        app.openapi_schema = made
    return app.openapi_schema


_DESCRIPTION = "Predictions in plain JSON, Open Inference Protocol v2, KServe v1 and Vertex AI's container contract."


def _complete(path: str, method: str, operation: dict[str, Any], service: Service) -> None:
    operation["parameters"] = [_parameter(name, service) for name in ("name", "version") if f"{{{name}}}" in path]
    errors = _ERRORS if method == "post" else {code: _ERRORS[code] for code in _READ_ERRORS}
    media = "text/plain" if _is_text(path) else "application/json"
    answer = {"schema": _answer_schema(path, method)}
    operation["responses"] = {
        "200": {"description": "The answer.", "content": {media: answer}},
        **{code: {"description": text, "content": _error_content(path)} for code, text in errors.items()},
    }
    if path == EVENTS:
        operation["responses"]["204"] = {"description": "The answer was published."}
    if method == "post":
        operation["requestBody"] = {"required": True, "content": _request(path, service)}


def _parameter(name: str, service: Service) -> dict[str, Any]:
    """Describe a parameter of a path, with the values there are."""
    parts = [served.part for served in service.served]
    values = {part.name for part in parts} if name == "name" else {known for part in parts for known in part.names}
    schema = {"type": "string", "enum": sorted(values)} if values else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _error_content(path: str) -> dict[str, Any]:
    if path.startswith("/v2/health"):
        return {"application/json": {"schema": {"type": "object"}}}
    if "health" in path:
        return {"text/plain": {"schema": {"type": "string"}}}
    return {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}


def _answer_schema(path: str, method: str) -> dict[str, Any]:
    if path.endswith("/infer"):
        return {"$ref": "#/components/schemas/InferenceResponse"}
    if method == "post":
        return {"$ref": "#/components/schemas/Predictions"}
    return {"type": "string"} if _is_text(path) else {"type": "object"}


def _is_text(path: str) -> bool:
    """Whether a path is answered in plain text: probes are, but those of Open Inference Protocol."""
    return path == "/metrics" or ("health" in path and not path.startswith("/v2/"))


def _request(path: str, service: Service) -> dict[str, Any]:
    if path.endswith("/infer"):
        return {"application/json": {"schema": {"$ref": "#/components/schemas/InferenceRequest"}}}
    if path == EVENTS:
        return {"application/json": {"schema": {"$ref": "#/components/schemas/PubSubPush"}}}
    body: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Instances"}}
    loaded = _only(service)
    if loaded is not None and path == PREDICT:
        body["example"] = {"instances": [example_row(loaded)]}
    return {"application/json": body}


def _only(service: Service) -> Loaded | None:
    """Give the model that the paths without a name are for."""
    newest = list(service.newest().values())
    alone = len(newest) == 1 and newest[0].loaded.layout is not None
    return newest[0].loaded if alone else None


def _schemas(service: Service) -> dict[str, Any]:
    loaded = _only(service)
    row: dict[str, Any] = {} if loaded is None else {"anyOf": [instance_schema(loaded), _row_schema(loaded)]}
    rows: dict[str, Any] = {"type": "array", "minItems": 1, "maxItems": service.options.max_rows, "items": row}
    return {
        "Instances": {
            "type": "object",
            "properties": {"instances": rows, "parameters": {"type": ["object", "null"]}},
            "required": ["instances"],
            "additionalProperties": False,
        },
        "Predictions": {
            "type": "object",
            "properties": {"predictions": {"type": "array"}},
            "required": ["predictions"],
        },
        "Error": {"type": "object", "properties": {"error": {}}, "required": ["error"]},
        **_V2_SCHEMAS,
    }


def _row_schema(loaded: Loaded) -> dict[str, Any]:
    """Write the schema of one row by position."""
    values = list(instance_schema(loaded)["properties"].values())
    return {"type": "array", "prefixItems": values, "minItems": len(values), "maxItems": len(values)}


_TENSOR = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string"},
        "parameters": {"type": "object"},
        "data": {"type": "array"},
    },
    "required": ["name", "shape", "datatype"],
}
_V2_SCHEMAS: dict[str, Any] = {
    "InferenceRequest": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": _TENSOR},
            "outputs": {
                "type": "array",
                "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            },
        },
        "required": ["inputs"],
    },
    "InferenceResponse": {
        "type": "object",
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": _TENSOR},
        },
        "required": ["model_name", "outputs"],
    },
    "PubSubPush": {
        "type": "object",
        "properties": {
            "message": {
                "type": "object",
                "properties": {
                    "data": {"type": "string", "format": "byte"},
                    "messageId": {"type": "string"},
                    "attributes": {"type": "object", "additionalProperties": {"type": "string"}},
                },
                "required": ["data"],
            },
            "subscription": {"type": "string"},
        },
        "required": ["message"],
    },
}
