"""How a value is refused: a summary for people, a hint, and a rule name that tools can filter on."""

from typing import Any

from pydantic_core import PydanticCustomError

from schemas.redaction import redacted


def refusal(rule: str, summary: str, hint: str = "") -> PydanticCustomError:
    """The error a validator raises; the loader turns it into a `Problem` with a place.

    Args:
        rule: Stable name in kebab-case, `duration-syntax`.
        summary: One line that begins with the offending value.
        hint: What to do about it.
    """
    return PydanticCustomError("refused", "{summary}", {"rule": rule, "summary": summary, "hint": hint})


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
