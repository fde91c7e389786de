"""Values as messages show them. Imports nothing but what finds secrets: the model server reads its YAML with it."""

from typing import Any

from schemas.redaction import redacted


def shown(value: Any, limit: int = 60) -> str:
    """A value as a message shows it: strings in quotes, the rest as written, at most `limit` characters, no secrets."""
    text = f'"{value}"' if isinstance(value, str) else _plain(value)
    line = redacted(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit - 2]}…" + ('"' if isinstance(value, str) else "")


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return str(value).lower() if isinstance(value, bool) else str(value)
