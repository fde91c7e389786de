"""`docs/reference.md`: every key of the language, generated from its JSON Schema.

`python -m schemas.reference FILE` writes it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas import units
from schemas.json_schema import Schema, json_schema

FILE = "docs/reference.md"

_INTRODUCTION = """\
# Reference of mlservice.yaml

<!-- Generated from schemas/: `python -m schemas.reference`. Edit the descriptions there. -->

Every key of the language. A key in **bold** is required. `mlservice.schema.json` says the same to editors: put
`# yaml-language-server: $schema=…` into the first line of a file.

- A file may hold several documents, parted by `---`. A folder is searched for files that are specs. `kind` says what a
  document describes: a service (`MLService`, when left out) or the job that reconciles them (`Operator`).
- YAML is read as version 1.2: `no`, `on` and `2026-11-20` are text, and a version `1.10` keeps its zero.
- **Durations** are a number and a unit: `2ms`, `30s`, `4m`, `6h`, `90d`, `1w`; also `1h30m`.
- **Memory** is in binary units: `512Mi`, `16Gi`. **CPU** is in vCPUs, or thousandths of one: `4`, `0.5`, `500m`.
- A key with nothing behind it counts as not written.
- **Environments** are merge patches (RFC 7396): mappings merge, everything else replaces, `null` removes.

## What most people write first

| For | Sections of `spec` |
|---|---|
| what runs | `region`, `model` (the bundled server) or `image`, `env`, `secrets` |
| how big, and how many | [`resources`](#specresources), [`scaling`](#specscaling) |
| who may call | [`access`](#specaccess) |
| how a new version goes out | [`rollout`](#specrollout) |
| a container of your own | [`container`](#speccontainer), [`mounts`](#specmountsname) |
| what is beside and around it | [`sidecars`](#specsidecarsname), [`network`](#specnetwork) |
| is the model still right | [`monitoring`](#specmonitoring) |
| train again | [`triggers`](#spectriggers), [`retraining`](#specretraining) |
| what it may cost, and which images | [`budget`](#specbudget), [`registry`](#specregistry) |
"""

_PATTERNS = {units.DURATION_PATTERN: "duration", units.MEMORY_PATTERN: "memory"}
_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


def reference_markdown(schema: Schema) -> str:
    """A heading and a table per section, in the order of the language."""
    definitions = schema["$defs"]
    service, operator = definitions["MLService"], definitions["Operator"]
    sections = [_section("A service", service, definitions)]
    seen: dict[int, str] = {}
    for key in ("metadata", "spec"):
        sections += _sections(key, _target(service["properties"][key], definitions), definitions, seen=seen)
    sections += _sections("environments.<name>", definitions["Environment"], definitions)
    sections.append(_section("An operator", operator, definitions))
    for key in ("metadata", "spec"):
        target = _target(operator["properties"][key], definitions)
        sections += _sections(key, target, definitions, of=" of an operator")
    return "\n".join([_INTRODUCTION, *sections])


def _sections(
    path: str, schema: Schema, definitions: Schema, *, of: str = "", seen: dict[int, str] | None = None
) -> Iterator[str]:
    """A section and those below it; one that was written before is named, and not written again."""
    seen = {} if seen is None else seen
    seen.setdefault(id(schema), path)
    yield _section(f"`{path}`{of}", schema, definitions)
    new: list[tuple[str, Schema]] = []
    if path.split(".", maxsplit=1)[0] != "environments":
        for key, entry in schema.get("properties", {}).items():
            below, suffix = _below(entry, definitions)
            if below is None:
                continue
            here = f"{path}.{key}{suffix}"
            if (known := seen.setdefault(id(below), here)) == here:
                new.append((here, below))
            else:
                yield f"`{here}` is as [`{known}`](#{_anchor(known)}).\n"
    for here, below in new:
        yield from _sections(here, below, definitions, of=of, seen=seen)


def _anchor(path: str) -> str:
    """How a renderer calls the heading of a section."""
    return "".join(letter for letter in path.lower() if letter.isalnum() or letter in "-_")


def _below(entry: Schema, definitions: Schema) -> tuple[Schema | None, str]:
    """The section of a key's value, or of each of its items."""
    items = (entry, ""), (entry.get("items"), "[]"), (entry.get("additionalProperties"), ".<name>")
    for candidate, suffix in items:
        if isinstance(candidate, dict) and "$ref" in candidate:
            found = _object(_target(candidate, definitions))
            if found is not None:
                return found, suffix
    return None, ""


def _object(schema: Schema) -> Schema | None:
    """The mapping form of a section that may have a shorthand."""
    choices = [schema, *schema.get("anyOf", ())]
    return next((choice for choice in choices if "properties" in choice), None)


def _section(title: str, schema: Schema, definitions: Schema) -> str:
    required = schema.get("required", ())
    lines = [f"## {title}", "", schema.get("description", ""), "", "| Key | Value | Default | |", "|---|---|---|---|"]
    for key, entry in schema["properties"].items():
        name = f"**{key}**" if key in required else key
        cells = (name, _value(entry, definitions), _default(entry), entry.get("description", ""))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def _value(entry: Schema, definitions: Schema) -> str:
    if "$ref" in entry:
        return _named(_target(entry, definitions), definitions)
    if "anyOf" in entry:
        words = dict.fromkeys(_value(choice, definitions) for choice in entry["anyOf"] if choice != {"type": "null"})
        return " or ".join(words)
    if entry.get("type") == "array":
        return f"list: {_value(entry['items'], definitions)}"
    if entry.get("type") == "object":
        inner = entry.get("additionalProperties")
        return f"name: {_value(inner, definitions)}" if isinstance(inner, dict) else "mapping"
    return _scalar(entry)


def _named(target: Schema, definitions: Schema) -> str:
    if "enum" in target:
        return ", ".join(f"`{choice}`" for choice in target["enum"])
    if "anyOf" in target and _object(target) is not target:
        return f"{_value(target['anyOf'][0], definitions)}, or section"
    return "section"


def _scalar(entry: Schema) -> str:
    if "const" in entry:
        return f"`{entry['const']}`"
    kind = entry.get("type", "")
    if isinstance(kind, list):
        return "text"
    word = _PATTERNS.get(str(entry.get("pattern"))) or _TYPES.get(kind, str(kind))
    least, most = entry.get("minimum"), entry.get("maximum")
    if least is not None and most is not None:
        return f"{word}, {least} to {most}"
    return f"{word}, from {least}" if least is not None else word


def _default(entry: Schema) -> str:
    if "default" not in entry or "const" in entry:
        return ""
    value: Any = entry["default"]
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _target(entry: Schema, definitions: Schema) -> Schema:
    found: Schema = definitions[entry["$ref"].rsplit("/", 1)[1]]
    return found


def main() -> None:
    """Write the reference to the file named on the command line, or to where it is committed."""
    text = reference_markdown(json_schema())
    Path(sys.argv[1] if len(sys.argv) > 1 else FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
