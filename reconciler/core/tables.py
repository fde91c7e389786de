"""BigQuery's tables: how specs name them, and what BigQuery calls the types of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
"""BigQuery answers with the older names of types (kinds.md 11.2)."""


def split_table(table: str, project: str) -> tuple[str, str, str]:
    """Divide a table as specs write it into project, dataset and name. A project of a domain has dots itself.

    Args:
        table: `dataset.table`, or `project.dataset.table`.
        project: Whose it is where it names none.
    """
    *named, dataset, name = table.rsplit(".", 2)
    return named[0] if named else project, dataset, name


def full_table(table: str, project: str) -> str:
    """Give a table's name with its project: a table without one is of the service's."""
    return ".".join(split_table(table, project))


def type_of(column: Mapping[str, Any]) -> str:
    """Give the type of a column of a live table; one that may not be null, or is a list, says so: `INT64 REPEATED`."""
    kind, mode = str(column.get("type", "")).upper(), str(column.get("mode") or "NULLABLE").upper()
    return _NAMES.get(kind, kind) + ("" if mode == "NULLABLE" else f" {mode}")
