"""The JSON Schema of `mlservice.yaml`, for editors and other tools: generated from the models.

It knows the shape: keys, types, choices, defaults, descriptions. What goes together is for `mlservice validate`.
`python -m schemas.json_schema FILE` writes it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.environments import Environment
from schemas.fields import type_at
from schemas.operator import Operator
from schemas.section import yaml_value
from schemas.sections.budget import Budget
from schemas.sections.container import Port
from schemas.sections.image import Image
from schemas.sections.mounts import Mount
from schemas.sections.resources import Gpu
from schemas.service import MLService

DOCUMENTS: tuple[type[BaseModel], ...] = (MLService, Operator)
FILE = "schemas/mlservice.schema.json"

Schema = dict[str, Any]
_WHICH = "What the document describes."
# A single value may stand for the whole section: model -> the key it stands for.
SHORTHANDS: dict[type[BaseModel], str] = {
    Image: "uri",
    Gpu: "type",
    Budget: "amount",
    Mount: "bucket",
    Port: "containerPort",
}


def json_schema() -> Schema:
    """The schema as data. The same call gives the same order, so that it can be compared as text."""
    definitions: Schema = {}
    for document in DOCUMENTS:
        schema = document.model_json_schema(by_alias=True, mode="validation")
        definitions |= {**schema.pop("$defs"), document.__name__: schema}
    for model in dict.fromkeys(each for document in DOCUMENTS for each in _models(document)):
        _describe(definitions[model.__name__], model)
    for definition in definitions.values():
        without_titles(definition)
    for model, key in SHORTHANDS.items():
        definitions[model.__name__] = _with_shorthand(definitions[model.__name__], key)
    definitions["Spec"]["anyOf"] = [{"required": ["image"]}, {"required": ["model"]}]
    definitions["MLService"]["required"] = ["apiVersion", "metadata", "spec"]
    definitions["Operator"]["required"] = ["apiVersion", "kind", "metadata", "spec"]
    patches = {name: definitions[name] for name in _patched_names(definitions) if name not in ("MLService", "Operator")}
    definitions |= {f"{name}Patch": _patch(each, definitions) for name, each in patches.items()}
    for document, environment in zip(DOCUMENTS, ("Environment", "OperatorEnvironment"), strict=True):
        described = definitions[document.__name__]["properties"]
        described["environments"] = _environments(definitions, environment, described)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlservice.yaml",
        "if": {"properties": {"kind": {"const": "Operator", "description": _WHICH}}, "required": ["kind"]},
        "then": {"$ref": "#/$defs/Operator"},
        "else": {"$ref": "#/$defs/MLService"},
        "$defs": dict(sorted(definitions.items())),
    }


def json_schema_text() -> str:
    """The schema as the committed file has it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and those below it, each once."""
    seen: dict[type[BaseModel], None] = {}
    waiting = [model]
    while waiting:
        found = waiting.pop()
        if found in seen:
            continue
        seen[found] = None
        below = (_model_below(found, str(field.alias)) for field in found.model_fields.values())
        waiting += [each for each in below if each is not None]
    return iter(seen)


def _model_below(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The model of a key's value, or of its items."""
    for path in ((key,), (key, 0), (key, "any")):
        found = type_at(path, model)
        if isinstance(found, type) and issubclass(found, BaseModel):
            return found
    return None


def _describe(definition: Schema, model: type[BaseModel]) -> None:
    for attribute, field in model.model_fields.items():
        entry = definition["properties"][field.alias]
        _without_null(entry)
        entry.pop("default", None)
        entry["description"] = field.description  # pydantic leaves out what equals the section's own
        default = _default(attribute, field)
        if default not in (None, [], {}):
            entry["default"] = default
        if field.examples:
            entry["examples"] = field.examples


def _without_null(entry: Schema) -> None:
    """`X | None` means that the key may be left out, which `required` says already."""
    choices = [choice for choice in entry.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del entry["anyOf"]
        entry |= {key: value for key, value in choices[0].items() if key not in {"ge", "le"} and key not in entry}


def _default(attribute: str, field: FieldInfo) -> Any:
    """The default as YAML writes it: durations with their unit."""
    if field.is_required() or field.default_factory is not None or field.default is None:
        return None
    value = yaml_value(attribute, field.default)
    return list(value) if isinstance(value, tuple) else value


def without_titles(schema: Any) -> None:
    """Take away the titles of properties: Pydantic gives each its own name, which is noise in an editor."""
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for value in schema.values():
            without_titles(value)
    elif isinstance(schema, list):
        for value in schema:
            without_titles(value)


def _with_shorthand(definition: Schema, key: str) -> Schema:
    short = {name: value for name, value in definition["properties"][key].items() if name != "default"}
    return {"description": definition["description"], "anyOf": [short, definition]}


def _environments(definitions: Schema, name: str, document: Schema) -> Schema:
    """Merge patches: every key optional, null removes."""
    patch = Environment.model_json_schema(by_alias=True)
    _describe(patch, Environment)
    for key in ("metadata", "spec"):
        target = f"{document[key]['$ref']}Patch"
        described = {"description": patch["properties"][key]["description"], "$ref": target}
        patch["properties"][key] = _nullable(described)
    without_titles(patch)
    definitions[name] = patch
    description = "The same somewhere else: changes per environment, chosen with `--environment`."
    return {"type": "object", "description": description, "additionalProperties": {"$ref": f"#/$defs/{name}"}}


def _patched_names(definitions: Schema) -> list[str]:
    return [name for name, definition in definitions.items() if "enum" not in definition]


def _patch(schema: Any, definitions: Schema) -> Any:
    if isinstance(schema, list):
        return schema  # lists are replaced as a whole
    patched = {key: value for key, value in schema.items() if key not in {"required", "default"}}
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if "required" not in choice or "properties" in choice]
        patched["anyOf"] = [_patch(choice, definitions) for choice in choices]
        if not patched["anyOf"]:
            del patched["anyOf"]
    if "$ref" in schema and "enum" not in definitions[_name(schema["$ref"])]:
        patched["$ref"] = f"{schema['$ref']}Patch"
    if "properties" in schema:
        patched["properties"] = {
            key: _nullable(_patch(value, definitions)) for key, value in schema["properties"].items()
        }
    if isinstance(schema.get("additionalProperties"), dict):
        patched["additionalProperties"] = _nullable(_patch(schema["additionalProperties"], definitions))
    return patched


def _nullable(schema: Schema) -> Schema:
    """The schema or null; the description stays outside, where editors look."""
    description = {key: schema[key] for key in ("description",) if key in schema}
    return {**description, "anyOf": [{k: v for k, v in schema.items() if k != "description"}, {"type": "null"}]}


def _name(reference: str) -> str:
    return reference.rsplit("/", 1)[1]


def main() -> None:
    """Write the schema to the file named on the command line, or to where it is committed."""
    Path(sys.argv[1] if len(sys.argv) > 1 else FILE).write_text(json_schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
