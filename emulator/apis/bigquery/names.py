"""Ids of datasets, tables and columns, and how a table is written.

Source: constraints.md section 10; bigquery v2 `DatasetReference`, `TableReference`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emulator.apis.bigquery import errors

DATASET = re.compile(r"[A-Za-z0-9_]{1,1024}")
TABLE = re.compile(r"[\w\- ]{1,1024}")
COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
JOB = re.compile(r"[A-Za-z0-9_-]{1,1024}")
RESERVED = ("_PARTITION", "_TABLE_", "_FILE_", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER")
LABEL = re.compile(r"[\w-]{0,63}")
MOST_LABELS = 64


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a table is."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"

    @property
    def key(self) -> str:
        """Under which name it is kept."""
        return f"{self.project}/{self.dataset}/{self.table}"

    @property
    def resource(self) -> dict[str, str]:
        """As a `TableReference`."""
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.table}

    @classmethod
    def of(cls, reference: object, project: str) -> Ref:
        """Of a `TableReference`, whose project may be left out.

        Raises:
            BigQueryError: 400, it names no table.
        """
        found = reference if isinstance(reference, dict) else {}
        dataset, table = str(found.get("datasetId") or ""), str(found.get("tableId") or "")
        if not dataset:
            raise errors.required("datasetId")
        if not table:
            raise errors.required("tableId")
        return cls(str(found.get("projectId") or project), dataset, table)


def check_dataset(name: str) -> None:
    """Refuse an id that no dataset may have. Source: answers quoted in issues of googleapis/python-bigquery."""
    if not DATASET.fullmatch(name):
        text = (
            f'Invalid dataset ID "{name}". Dataset IDs must be alphanumeric (plus underscores) and must be at most 1024'
        )
        raise errors.invalid(f"{text} characters long.")


def check_table(name: str) -> None:
    """Refuse an id that no table may have. Source: answers quoted in issues of googleapis/python-bigquery."""
    if not TABLE.fullmatch(name) or len(name.encode()) > 1024:  # noqa: PLR2004 - as the pattern says, in bytes
        text = f'Invalid table ID "{name}". Table IDs must be alphanumeric (plus underscores) and must be at most 1024'
        raise errors.invalid(f"{text} characters long. Also, Table decorators cannot be used.")


def check_column(name: object) -> str:
    """Refuse a name that no column may have. Source: answers quoted in issues of googleapis/python-bigquery."""
    text = name if isinstance(name, str) else ""
    if not COLUMN.fullmatch(text):
        words = f'Invalid field name "{text}". Fields must contain only letters, numbers, and underscores, start with a'
        raise errors.invalid(f"{words} letter or underscore, and be at most 300 characters long.")
    if text.upper().startswith(RESERVED):
        raise errors.invalid(f'Invalid field name "{text}". The field name is reserved by BigQuery.')
    return text


def check_same(said: object, meant: str, field: str) -> None:
    """Refuse a body that names another place than its path: who may do something here may not do it there."""
    if said and str(said) != meant:
        text = (
            f"Value '{said}' in content does not agree with value '{meant}'. This can happen when a value set through"
        )
        raise errors.invalid(f"{text} a parameter is inconsistent with a value set in the request.", field)


def check_labels(labels: object) -> None:
    """Refuse labels that are none. Source: cloud.google.com/bigquery/docs/labels-intro."""
    if labels is None:
        return
    if not isinstance(labels, dict) or len(labels) > MOST_LABELS:
        raise errors.invalid(f"A resource may have at most {MOST_LABELS} labels.", "labels")
    for key, value in labels.items():
        if value is None:
            continue
        fits = isinstance(value, str) and LABEL.fullmatch(key) and LABEL.fullmatch(value)
        if not fits or not key or key != key.lower() or value != value.lower():
            raise errors.invalid(
                f'Label "{key}:{value}" is not allowed: lower case letters, digits, _ and -.', "labels"
            )
