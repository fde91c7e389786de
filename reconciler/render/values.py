"""How values read: short, on one line, and never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.plan import Change

_SECRET = re.compile(r"(token|secret|password|passwd|api_?key|private_?key|credential)", re.IGNORECASE)
_LONGEST = 96
HIDDEN = "(hidden)"


def shown(path: str, value: Any) -> str:
    """Give a value as people read it.

    Args:
        path: Where it stands; values of environment variables that look secret are hidden.
        value: Plain data.
    """
    if path.startswith("env.") and _SECRET.search(path) and value is not None:
        return HIDDEN
    if path == "traffic":
        return traffic(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={shown(f'{path}.{k}', v)}" for k, v in value.items()) or "{}"
    if isinstance(value, list):
        return ", ".join(shown(path, item) for item in value) or "[]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "(none)", True: "yes", False: "no"}[value]
    text = str(value)
    text = f'"{text}"' if not text or text != text.strip() or "\n" in text else text
    text = text.replace("\n", "\\n")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def traffic(shares: Any) -> str:
    """Give a traffic split, such as `latest 20%, churn-00001-abc 80% (tag stable)`."""
    said = [f"{s['version']} {s['percent']}%" + (f" (tag {s['tag']})" if s["tag"] else "") for s in shares or []]
    return ", ".join(said) or "(none)"


def leaves(record: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Give every value of a plain record that says something, with its path."""
    for name, value in record.items():
        here = f"{path}.{name}" if path else name
        if isinstance(value, Mapping):
            yield from leaves(value, here)
        elif value not in ("", None, [], {}):
            yield here, value


def differences(change: Change) -> Iterator[tuple[str, str, str]]:
    """Give what differs as path, before and after; a list counts as one value."""
    whole: set[str] = set()
    for item in change.changes:
        desired = (change.desired or {}).get(item.field)
        if isinstance(desired, list):
            if item.field not in whole:
                whole.add(item.field)
                before = (change.observed or {}).get(item.field)
                yield item.field, shown(item.field, before), shown(item.field, desired)
        elif isinstance(item.before, Mapping) or isinstance(item.after, Mapping):
            yield from _whole_map(item.path, item.before, item.after)
        else:
            yield item.path, shown(item.path, item.before), shown(item.path, item.after)


def _whole_map(path: str, before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    old, new = dict(leaves(before or {}, path)), dict(leaves(after or {}, path))
    for key in sorted(old.keys() | new.keys()):
        yield key, shown(key, old.get(key)), shown(key, new.get(key))
