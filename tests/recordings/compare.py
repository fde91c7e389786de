"""Where an answer differs from the recorded one, once what is random has been hidden. Nothing else is hidden."""

from __future__ import annotations

import json
import re
from typing import Any

HIDDEN_GENERATION = "12345678901234"  # what the recording project wrote over some
HIDDEN_ID = "000000000000000000000"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PERSON = re.compile(r"user\d*@example\.com|developer@example\.com|\$\{creatorID\}")
# Fields (a namespace is the project's number) whose value another run of the same requests would have chosen otherwise.
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
RANDOM = frozenset(
    {
        "creationTime",  # of BigQuery, whose times are numbers
        "creator",
        "lastModifiedTime",
        "lastModifier",
        "etag",
        "namespace",
        "uid",
        "uniqueId",
        "oauth2ClientId",
        "resourceVersion",
        "serviceUid",
        "vertex-ai-pipelines-run-billing-id",
    }
)
WHOLE = ((TIME, "<time>"), (PERSON, "<person>"), (UUID, "<uuid>"))
NUMBER = (
    r"(?<=projects/)\d{10,13}(?=/)|(?<=namespaces/)\d{10,13}(?=/)|\d{10,13}(?=-compute@)"
    r"|(?<=-)\d{10,13}(?=\.[a-z0-9-]+\.run\.app)"
)
PARTS = (
    (re.compile(r"(?<=operations/)[^/]+$"), "<operation>"),
    (re.compile(rf"(?<=builds/){UUID.pattern}$"), "<build>"),
    (re.compile(r"(?<=Account deleted: )\d+"), "<uniqueId>"),
    (re.compile(NUMBER), "<number>"),
    (re.compile(r"(?<=-\d{5}-)[a-z]{3}\b"), "<suffix>"),
)
# Members, bindings and the access of datasets have no order to rely on: kinds.md 1.1.
UNORDERED = frozenset({"members", "bindings", "access"})


def differences(recorded: Any, answer: Any, path: str = "", key: str = "") -> list[str]:
    """One line per difference: its path, then what was recorded and what came."""
    if isinstance(recorded, dict) and isinstance(answer, dict):
        return _of_objects(recorded, answer, path)
    if isinstance(recorded, list) and isinstance(answer, list):
        return _of_lists(recorded, answer, path, key)
    if key == "generation" and recorded == HIDDEN_GENERATION and str(answer).isdigit():
        return []
    if key == "id" and recorded == HIDDEN_ID and answer:
        return []
    left, right = hidden(recorded, key), hidden(answer, key)
    return [] if left == right else [f"{path}: recorded {_short(left)}, got {_short(right)}"]


def hidden(value: Any, key: str = "") -> Any:
    """A value with what is random in it replaced by a word."""
    if not isinstance(value, str):
        return value
    if key in RANDOM:
        return f"<{key}>"
    for pattern, word in WHOLE:
        if pattern.fullmatch(value):
            return word
    for pattern, word in PARTS:
        value = pattern.sub(word, value)
    return value


def _of_objects(recorded: dict[str, Any], answer: dict[str, Any], path: str) -> list[str]:
    found = []
    for key in sorted(recorded.keys() | answer.keys()):
        below = f"{path}.{key}".lstrip(".")
        if key not in answer:
            found.append(f"{below}: recorded {_short(hidden(recorded[key], key))}, got nothing")
        elif key not in recorded:
            found.append(f"{below}: recorded nothing, got {_short(hidden(answer[key], key))}")
        else:
            found.extend(differences(recorded[key], answer[key], below, key))
    return found


def _of_lists(recorded: list[Any], answer: list[Any], path: str, key: str) -> list[str]:
    if len(recorded) != len(answer):
        return [f"{path}: recorded {len(recorded)} items, got {len(answer)}"]
    if key in UNORDERED:
        recorded, answer = sorted(recorded, key=_place), sorted(answer, key=_place)
    pairs = enumerate(zip(recorded, answer, strict=True))
    return [line for index, (left, right) in pairs for line in differences(left, right, f"{path}[{index}]", key)]


def _place(value: Any) -> str:
    """Where a member of a list without order is put: by its role, then by what it says, in whatever order it does."""
    role = value.get("role", "") if isinstance(value, dict) else ""
    return json.dumps([role, _ordered(value)], sort_keys=True)


def _ordered(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _ordered(each, name) for name, each in value.items()}
    if isinstance(value, list):
        found = [_ordered(each, key) for each in value]
        return sorted(found, key=lambda each: json.dumps(each, sort_keys=True)) if key in UNORDERED else found
    return hidden(value, key)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else text[:160] + "…"
