"""Filters of lists: `type = "email" AND user_labels.team = "a"`.

Source: https://cloud.google.com/monitoring/api/v3/sorting-and-filtering. Comparisons with = and != joined by AND are
understood, the rest of that language is refused.
"""

import re
from typing import Any

from google.protobuf.wrappers_pb2 import BoolValue

from emulator.core.failures import ApiFailure
from emulator.core.resources import field_of, is_map

TERM = re.compile(
    r'(?P<field>[a-z_]+)(?:\.(?P<key>[\w-]+|"[^"]*"))?\s*(?P<sign>!?=)\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>\w+))'
)
AND = re.compile(r"\s+AND\s+")


def refused(text: str, why: Exception, field: str = "filter") -> ApiFailure:
    """How Monitoring refuses a filter."""
    return ApiFailure("INVALID_ARGUMENT", f'Field {field} had an invalid value of "{text[:300]}": {why}.')


def matching(messages: list[Any], text: str) -> list[Any]:
    """Those that the filter lets through; all for an empty one.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a filter that is not understood.
    """
    terms = parse(text.strip()) if text.strip() else []
    return [message for message in messages if all(holds(message, term) for term in terms)]


def parse(text: str) -> list[re.Match[str]]:
    """The comparisons of a filter. They are read one after the other, since a quoted text may hold an AND."""
    terms, at = [], 0
    while (term := TERM.match(text, at)) is not None:
        terms.append(term)
        if term.end() == len(text):
            return terms
        at = joint.end() if (joint := AND.match(text, term.end())) is not None else len(text)
    raise ApiFailure("INVALID_ARGUMENT", f"The emulator does not understand the filter {text!r}.")


def holds(message: Any, term: re.Match[str]) -> bool:
    """Whether a comparison is true of a message: of a text, a flag, or one key of a map."""
    found = value_of(message, term["field"], term["key"])
    wanted = term["quoted"] if term["quoted"] is not None else term["bare"]
    return (found == wanted) == (term["sign"] == "=")


def value_of(message: Any, name: str, key: str | None) -> str | None:
    """What is compared; None for a key that is not there.

    Raises:
        ApiFailure: INVALID_ARGUMENT for what one cannot filter by.
    """
    field = field_of(message, name)
    found: Any = getattr(message, field.name) if field is not None else None
    if field is not None and is_map(field) and key is not None:
        return dict(found).get(key.strip('"'))
    if isinstance(found, str) and key is None:
        return found
    if isinstance(found, BoolValue) and key is None:
        return str(found.value).lower()
    raise ApiFailure("INVALID_ARGUMENT", f"One cannot filter by {name!r}.")
