"""One call to the JSON API and its answer, free of any HTTP library so that a batch can hold many."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, cast

from emulator.apis.storage import errors, shapes
from emulator.core.json_text import read_json
from emulator.core.world import DEVELOPER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from emulator.core.world import World

MAX_JSON_BYTES = 4 * 1024 * 1024
PAGE_MOST = 1000
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A request, matched to a method: `path` holds the decoded variables of its template, `caller` an e-mail."""

    world: World
    verb: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: IO[bytes]
    base_url: str
    caller: str = DEVELOPER

    def json(self, shape: dict[str, Any]) -> dict[str, Any]:
        """The body as a JSON object of a shape; an empty body is an empty object.

        Raises:
            StorageError: 400, the body is not such an object.
        """
        text = self.body.read(MAX_JSON_BYTES)
        if not text:
            return {}
        try:
            document = read_json(text)
        except ValueError:
            raise errors.StorageError(400, "parseError", "Parse Error") from None
        if not isinstance(document, dict):
            raise errors.StorageError(400, "parseError", "Parse Error")
        return shapes.check(document, shape)

    def flag(self, parameter: str) -> bool:
        """A query parameter that holds a boolean; clients write "true" and "True"."""
        return self.query.get(parameter, "").lower() == "true"

    def page_size(self) -> int:
        """How many items a page may hold: at most 1000.

        Raises:
            StorageError: 400, `maxResults` is no number or below 0.
        """
        asked = self.whole_number("maxResults") or PAGE_MOST
        if asked < 0:
            raise errors.invalid(f"Invalid value for parameter maxResults: '{asked}'")
        return min(asked, PAGE_MOST)

    def whole_number(self, parameter: str) -> int | None:
        """A query parameter that holds an int64, or None where it is absent.

        Raises:
            StorageError: 400, it is no whole number.
        """
        text = self.query.get(parameter)
        if text is None:
            return None
        if not re.fullmatch(r"-?\d{1,19}", text):
            raise errors.invalid(f"Invalid value for parameter {parameter}: '{text}'")
        return int(text)


@dataclass(slots=True)
class Reply:
    """An answer: a JSON document, a stream of bytes with its length, or nothing."""

    document: dict[str, Any] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = None


def failure(error: errors.StorageError) -> Reply:
    """The answer for a refusal; 304 has no body."""
    return Reply(None if error.code == HTTPStatus.NOT_MODIFIED else error.body(), error.code)


def rfc3339(when: datetime) -> str:
    """Milliseconds and a Z, as Cloud Storage writes times: 2026-01-02T03:04:05.678Z."""
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def etag(*numbers: int) -> str:
    """The etag of a bucket (metageneration) or object (generation, metageneration).

    Source:
        Seen on the live service: "CAE=" is a protobuf message with field 1 set to 1, and an object's holds its
        generation in field 1 and its metageneration in field 2.
    """
    encoded = bytearray()
    for position, number in enumerate(numbers, start=1):
        encoded.append(position << 3)
        while number >> 7:
            encoded.append(number & 127 | 128)
            number >>= 7  # noqa: PLW2901 - the varint is taken off the number
        encoded.append(number)
    return base64.b64encode(bytes(encoded)).decode()


def select(document: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """Leave in what the `fields` parameter names: `a,b/c,items(name,size)`; `*` and nothing are everything.

    Source:
        cloud.google.com/storage/docs/json_api, "Partial response".
    """
    if not fields:
        return document
    return cast("dict[str, Any]", _pick(document, _parse_fields(fields)))


def _pick(value: Any, wanted: dict[str, Any]) -> Any:
    if not wanted or "*" in wanted:
        return value
    if isinstance(value, list):
        return [_pick(item, wanted) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _pick(item, wanted[key]) for key, item in value.items() if key in wanted}


def _parse_fields(text: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    stack, here = [tree], tree
    for word in re.findall(r"[^,()/\s]+|[,()/]", text):
        if word == "(":
            stack.append(here)
        elif word == ")":
            stack, here = (stack[:-1], stack[-2]) if len(stack) > 1 else (stack, tree)
        elif word == ",":
            here = stack[-1]
        elif word != "/":
            here = here.setdefault(word, {})
    return tree
