"""JSON over HTTP to a request message, and a response message to JSON.

Source: google/api/http.proto (path, query and body mapping), the proto3 JSON mapping, and the field-mask rule that a
JSON mask may be written in either case (recording iam_service_account/basic sends `display_name`).
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from emulator.core.failures import ApiFailure
from emulator.wire.paths import Route
from emulator.wire.table import import_types

SYSTEM = re.compile(
    r"\$.*|alt|key|fields|prettyPrint|quotaUser|callback|access_token|oauth_token|uploadType|upload_protocol"
)
"""Query parameters that belong to Google's front end, not to the request message."""
MASK = "google.protobuf.FieldMask"
CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def read(route: Route, variables: dict[str, str], query: Sequence[tuple[str, str]], body: bytes) -> Any:
    """Build the request message.

    Raises:
        ApiFailure: INVALID_ARGUMENT, with Google's words for unknown fields and broken JSON.
    """
    message = route.method.request()
    fields = [(name, value) for name, value in query if not SYSTEM.fullmatch(name)]
    _merge(message, _body(route, body))
    for name, value in fields:
        _set(message, name, value)
    for name, value in variables.items():
        _set(message, name, value)
    return message


def _body(route: Route, body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error
    if not isinstance(found, dict):
        raise ApiFailure("INVALID_ARGUMENT", "Invalid JSON payload received. The root is not an object.")
    field = route.binding.body
    if field is None:
        return {}
    return found if field == "*" else {field: found}


def _merge(message: Any, found: dict[str, Any]) -> None:
    masks = _take_masks(message.DESCRIPTOR, found)
    _name_enums(message.DESCRIPTOR, found)
    try:
        json_format.ParseDict(found, message)
    except (json_format.ParseError, TypeError) as error:  # TypeError: an object where a wrapped text belongs
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid JSON payload received. {_words(error)}") from error
    for field, text in masks.items():
        getattr(message, field).paths.extend(mask_paths(text))


def _name_enums(descriptor: Descriptor, found: dict[str, Any]) -> None:
    """Write the values of enums as they are declared: `Delete` and `delete` stand for `DELETE`, as gcloud sends it.

    Source: what `gcloud artifacts repositories set-cleanup-policies` sends of a file like those of Google's pages.
    """
    for key, value in found.items():
        field = _field(descriptor, key)
        if field is None:
            continue
        inner, values = field.message_type, value if isinstance(value, list) else [value]
        if inner is not None and inner.GetOptions().map_entry:
            inner, values = (
                inner.fields_by_name["value"].message_type,
                [*value.values()] if isinstance(value, dict) else [],
            )
        if inner is not None and not inner.full_name.startswith("google.protobuf."):
            for each in values:
                if isinstance(each, dict):
                    _name_enums(inner, each)
        elif field.enum_type is not None:
            named = [_declared(field.enum_type, each) for each in values]
            found[key] = named if isinstance(value, list) else named[0]


def _declared(enum: EnumDescriptor, value: Any) -> Any:
    if not isinstance(value, str) or value in enum.values_by_name:
        return value
    snake = CAMEL.sub(r"_\1", value).upper()
    return snake if snake in enum.values_by_name else value


def _words(error: Exception) -> str:
    """Google's wording for the commonest mistake; the parser's own for the others."""
    unknown = re.search(r'no field named "([^"]+)"(?: at "([^"]*)")?', str(error))
    if unknown is None:
        return str(error)
    place = (unknown[2] or "").rpartition(".")[0]
    return f'Unknown name "{unknown[1]}"{f" at {place!r}" if place else ""}: Cannot find field.'


def _take_masks(descriptor: Descriptor, found: dict[str, Any]) -> dict[str, str]:
    """Take the request's own masks out of the body: the JSON parser refuses masks in snake case."""
    masks = {}
    for field in descriptor.fields:
        if field.message_type is not None and field.message_type.full_name == MASK:
            for name in (field.json_name, field.name):
                if isinstance(found.get(name), str):
                    masks[field.name] = found.pop(name)
    return masks


def mask_paths(text: str) -> list[str]:
    """Paths of a mask written as JSON or query text, in snake case."""
    return [CAMEL.sub(lambda hit: "_" + hit[1].lower(), path.strip()) for path in text.split(",") if path.strip()]


def _field(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    found = descriptor.fields_by_name.get(name)
    return found or next((field for field in descriptor.fields if field.json_name == name), None)


def _set(message: Any, path: str, value: str) -> None:
    """Set one field from a path variable or a query parameter."""
    first, _, rest = path.partition(".")
    field = _field(message.DESCRIPTOR, first)
    if field is None:
        raise ApiFailure(
            "INVALID_ARGUMENT",
            f'Invalid JSON payload received. Unknown name "{path}": Cannot bind query parameter. '
            f"Field '{path}' could not be found in request message.",
        )
    if rest:
        _set(getattr(message, field.name), rest, value)
    elif field.message_type is not None and field.message_type.full_name == MASK:
        getattr(message, field.name).paths.extend(mask_paths(value))
    else:
        _put(message, field, value)


def _put(message: Any, field: FieldDescriptor, value: str) -> None:
    """Set a field; of a repeated one each parameter of its name is one value more."""
    parsed = _scalar(field, value)
    before = list(getattr(message, field.name)) if field.is_repeated else []
    try:
        json_format.ParseDict({field.name: [parsed] if field.is_repeated else parsed}, message)
    except json_format.ParseError as error:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid value at '{field.name}': {value!r}") from error
    if before:  # the parser begins afresh
        getattr(message, field.name)[:] = [*before, *getattr(message, field.name)]


def _scalar(field: FieldDescriptor, value: str) -> Any:
    if (
        field.type == FieldDescriptor.TYPE_BOOL
        or (field.message_type or field).full_name == "google.protobuf.BoolValue"
    ):
        return value.lower() in ("true", "1")
    if field.type == FieldDescriptor.TYPE_ENUM and value.lstrip("-").isdigit():
        return int(value)
    return value


def wants_enum_numbers(query: Sequence[tuple[str, str]]) -> bool:
    """Whether the caller asked for `$alt=json;enum-encoding=int`, as Google's REST transports do."""
    return any(name in ("$alt", "alt") and "enum-encoding=int" in value for name, value in query)


def write(message: Any, *, enum_numbers: bool) -> bytes:
    """The answer as JSON; enums by name unless the caller asked for numbers."""
    found = to_dict(message, enum_numbers=enum_numbers)
    return json.dumps(found, ensure_ascii=False).encode()


def to_dict(message: Any, *, enum_numbers: bool = False) -> dict[str, Any]:
    """A message by the JSON mapping, where the type inside an `Any` may not have been imported yet."""
    try:
        return json_format.MessageToDict(message, use_integers_for_enums=enum_numbers)
    except TypeError as error:
        unknown = re.search(r"type_url: \S*/([\w.]+)", str(error))
        if unknown is None or not import_types(unknown[1]):
            raise
        return json_format.MessageToDict(message, use_integers_for_enums=enum_numbers)


def write_failure(failure: ApiFailure) -> bytes:
    """`{"error": {...}}` (kinds.md 1.4)."""
    error: dict[str, Any] = {"code": failure.http, "message": failure.message, "status": failure.code}
    if failure.legacy_reason:
        error["errors"] = [{"domain": "global", "message": failure.message, "reason": failure.legacy_reason}]
    if failure.details:
        error["details"] = [_any(detail) for detail in failure.details]
    return json.dumps({"error": error}, ensure_ascii=False).encode()


def _any(detail: Any) -> dict[str, Any]:
    url = f"type.googleapis.com/{detail.DESCRIPTOR.full_name}"
    return {"@type": url} | to_dict(detail)
