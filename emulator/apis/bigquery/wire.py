"""One call to the REST API and its answer."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from emulator.apis.bigquery import errors, shapes
from emulator.core.json_text import read_json
from emulator.core.world import DEVELOPER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.core.world import World

MAX_JSON_BYTES = 32 * 1024 * 1024
"""Rows that are streamed come in one document; Google takes 10 MB of them."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, matched to a method: `path` holds the decoded variables of its template, `caller` an e-mail."""

    world: World
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: IO[bytes]
    base_url: str = ""
    caller: str = DEVELOPER

    @property
    def project(self) -> str:
        """The id of the project in the path."""
        named = self.path.get("project", "")
        return self.world.project_id(named) or named

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object.

        Raises:
            BigQueryError: 400, it is none.
        """
        text = self.body.read(MAX_JSON_BYTES + 1)
        if len(text) > MAX_JSON_BYTES:
            raise errors.BigQueryError(413, "uploadTooLarge", "Request size is too large.")
        return document(text)

    def flag(self, parameter: str) -> bool:
        """A query parameter that holds a boolean."""
        return self.query.get(parameter, "").lower() == "true"

    def whole_number(self, parameter: str, default: int) -> int:
        """A query parameter that holds a number of 0 or more.

        Raises:
            BigQueryError: 400, it is none.
        """
        text = self.query.get(parameter) or str(default)
        if not text.isdecimal() or len(text) > 18:  # noqa: PLR2004 - the digits of an int64
            raise errors.invalid(f"Invalid value for {parameter}: {text}", parameter)
        return int(text)


@dataclass(slots=True)
class Reply:
    """An answer: a JSON document, or nothing."""

    document: dict[str, Any] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def document(text: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BigQueryError: 400, it is none, or a field is of another type.
    """
    try:
        found = read_json(text or b"{}")
    except ValueError:
        raise errors.BigQueryError(400, "parseError", "Parse Error") from None
    if not isinstance(found, dict):
        raise errors.BigQueryError(400, "parseError", "Parse Error")
    return shapes.check(found)


def failure(error: errors.BigQueryError) -> Reply:
    """The answer for a refusal."""
    return Reply(error.body(), error.code)


def token_of(text: str) -> str:
    """A page token that tells where a list goes on."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_token(token: str | None) -> str:
    """What a page token says.

    Raises:
        BigQueryError: 400, it is none of ours.
    """
    try:
        return base64.urlsafe_b64decode((token or "").encode()).decode()
    except (binascii.Error, ValueError):
        raise errors.invalid("Invalid page token", "pageToken") from None


def page(call: Call, named: Sequence[tuple[str, dict[str, Any]]], most: int) -> tuple[list[dict[str, Any]], str]:
    """The items of a page of a list that is sorted by name, and the token of the next page."""
    after = read_token(call.query.get("pageToken"))
    limit = min(call.whole_number("maxResults", most) or most, most)
    left = [(name, item) for name, item in named if not after or name > after]
    token = token_of(left[limit - 1][0]) if len(left) > limit else ""
    return [item for _, item in left[:limit]], token
