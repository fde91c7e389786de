"""Which values of records are hidden from plans, logs and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas import redaction
from schemas.redaction import HIDDEN

_NAMED = ("env",)
"""Maps whose keys are names that people chose, and that say what the value is."""


def looks_secret(path: str, value: Any) -> bool:
    """Tell whether a whole value is to be hidden: an environment variable whose name or value says secret.

    Args:
        path: Where it stands in its record, such as `env.API_TOKEN`.
        value: Plain data; None, which is absent, hides nothing.
    """
    section, _, name = path.partition(".")
    return section in _NAMED and bool(name) and value is not None and redaction.looks_secret(name, str(value))


def masked(path: str, value: Any) -> Any:
    """Give plain data with everything hidden in it that looks secret.

    Args:
        path: Where `value` stands in its record; empty for the record itself.
        value: Plain data.
    """
    if isinstance(value, Mapping):
        return {key: masked(f"{path}.{key}" if path else str(key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(path, item) for item in value]
    if looks_secret(path, value):
        return HIDDEN
    return redaction.redacted(value) if isinstance(value, str) else value
