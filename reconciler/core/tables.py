"""BigQuery's tables: what it calls the types of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
"""BigQuery answers with the older names of types (kinds.md 11.2)."""


def type_of(column: Mapping[str, Any]) -> str:
    """Give the type of a column of a live table; one that may not be null, or is a list, says so: `INT64 REPEATED`."""
    kind, mode = str(column.get("type", "")).upper(), str(column.get("mode") or "NULLABLE").upper()
    return _NAMES.get(kind, kind) + ("" if mode == "NULLABLE" else f" {mode}")
