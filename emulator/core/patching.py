"""JSON merge patches (RFC 7396), which the APIs without field masks take."""

from collections.abc import Mapping
from typing import Any


def merge(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a patch: null removes, objects are merged, everything else replaces.

    Source:
        cloud.google.com/storage/docs/json_api, "Patch semantics".
    """
    merged = dict(document)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            old = merged.get(key)
            merged[key] = merge(old if isinstance(old, dict) else {}, value)
        else:
            merged[key] = value
    return merged
