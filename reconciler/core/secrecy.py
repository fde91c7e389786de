"""Which values of records are hidden from plans, logs and errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from schemas import redaction
from schemas.redaction import HIDDEN

_NAMED = ("env", "httpHeaders", "headers", "annotations")
"""Maps whose keys are names that people chose, and that say what the value is."""
_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
"""Headers that are secret whatever stands in them."""
_TOLD = "environment"
"""Variables of our making: settings as JSON, in which the words of a spec are again."""
_CHOSEN = ("parameters", "env")
"""Maps in such settings whose keys are names that people chose."""


def looks_secret(path: str, value: Any) -> bool:
    """Tell whether a whole value is to be hidden: an environment variable whose name or value says secret.

    Args:
        path: Where it stands in its record, such as `env.API_TOKEN`.
        value: Plain data; None, which is absent, hides nothing.
    """
    name = _name(path)
    return bool(name) and value is not None and (name.lower() in _HEADERS or redaction.looks_secret(name, str(value)))


def _name(path: str) -> str:
    """Give the name that people chose for a value, and that says what it is; nothing where there is none."""
    parts = path.split(".")
    for place, part in enumerate(parts[:-1]):
        if part in _NAMED:
            return ".".join(parts[place + 1 :])
    return ""


def _follows_a_flag(items: list[Any], place: int) -> bool:
    """Tell whether an argument is the value of the one before it, whose name says secret: `--password`, `x`."""
    before, item = (items[place - 1] if place else None), items[place]
    if not isinstance(before, str) or not isinstance(item, str) or not before.startswith("-") or "=" in before:
        return False
    return redaction.looks_secret(before.lstrip("-"), item)


def masked(path: str, value: Any) -> Any:
    """Give plain data with everything hidden in it that looks secret.

    Args:
        path: Where `value` stands in its record; empty for the record itself.
        value: Plain data.
    """
    if isinstance(value, Mapping):
        return {key: masked(f"{path}.{key}" if path else str(key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [HIDDEN if _follows_a_flag(value, place) else masked(path, item) for place, item in enumerate(value)]
    if looks_secret(path, value):
        return HIDDEN
    return redaction.redacted(_told(path, value)) if isinstance(value, str) else value


def _told(path: str, text: str) -> str:
    """Hide what is secret in settings that are a variable's text; any other text is left."""
    if path.partition(".")[0] != _TOLD or not text.startswith("{"):
        return text
    try:
        said = json.loads(text)
        shown = _settings("", said)
    except (ValueError, RecursionError):
        return text
    return text if shown == said else json.dumps(shown, sort_keys=True, separators=(",", ":"))


def _settings(within: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_settings(within, item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: HIDDEN if _hidden(within, key, item) else _settings(key, item) for key, item in value.items()}


def _hidden(within: str, key: str, item: Any) -> bool:
    """Tell whether a setting is secret. Whoever has the address of a webhook may call it: all of it is."""
    if (within, key) == ("webhook", "url"):
        return True
    return within in _CHOSEN and isinstance(item, str) and redaction.looks_secret(key, item)
