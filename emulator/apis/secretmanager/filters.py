"""The `filter` of the two lists.

Source:
    cloud.google.com/secret-manager/docs/filtering: terms `name:part`, `state:ENABLED`, `labels.key=value`,
    `labels:key`, joined by AND. The rest of that language is refused.
"""

import re
from typing import Any

from emulator.core.failures import ApiFailure

TERM = re.compile(r'(name|state|labels(?:\.[\w-]+)?)\s*([:=])\s*"?([^"\s()]+)"?')


def matching(messages: list[Any], text: str) -> list[Any]:
    """Those that the filter lets through; all for an empty one.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a filter that is not understood.
    """
    terms = [parse(term) for term in re.split(r"\s+AND\s+", text.strip())] if text.strip() else []
    return [message for message in messages if all(holds(message, *term) for term in terms)]


def parse(term: str) -> tuple[str, str, str]:
    """Field, operator and value of one term."""
    match = TERM.fullmatch(term.strip())
    if match is None:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid filter: {term}")
    return match[1], match[2], match[3]


def holds(message: Any, field: str, operator: str, value: str) -> bool:
    """Whether one term is true of a secret or a version."""
    if field == "name":
        last = message.name.rpartition("/")[2]
        return value in message.name if operator == ":" else value in {message.name, last}
    if field == "state":
        return bool(type(message).State.Name(getattr(message, "state", 0)) == value)
    if field == "labels":
        return value in message.labels
    found = message.labels.get(field.partition(".")[2])
    return found is not None and (value in found if operator == ":" else value == found)
