"""What we manage of a model monitor, and what its schedules share with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NAME = "vertex_model_monitor"
HOST = "aiplatform.googleapis.com"
VERSION = "v1beta1"
"""The only one with monitors; their schedules are told in full nowhere else."""
NUMBERS = frozenset({"float", "integer"})
"""Types of columns whose distance is that of numbers."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to compare; exactly one of table, query and files.

    Args:
        table: `bq://project.dataset.table`.
        query: GoogleSQL.
        files: `gs://` address, which may have wildcards.
        format: Of files: `CSV`, `JSONL` or `TF_RECORD`.
        time_column: Which tells a row's time; empty for rows of any time.
        offset: How long before a run the window ends, such as `168h`; empty for at the run.
        window: How long it is; empty for rows of any time.
    """

    table: str = ""
    query: str = ""
    files: str = ""
    format: str = ""
    time_column: str = ""
    offset: str = ""
    window: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How distances are measured, and from where on one is told of.

    Args:
        numeric: Name of the distance of numbers.
        categorical: Name of the distance of labels.
        default_numeric: Greatest distance of numbers; None for no limit.
        default_categorical: The same of labels.
        columns: Greatest distance per column, in place of the default.
        only: Columns that are measured; none for all.
    """

    numeric: str
    categorical: str
    default_numeric: float | None
    default_categorical: float | None
    columns: Mapping[str, float]
    only: tuple[str, ...] = ()

    def by_column(self, types: Mapping[str, str]) -> dict[str, float | None]:
        """Give the limit of each column that is measured; None of one without.

        Args:
            types: Of all columns, in Model Monitoring's words.
        """
        defaults = {
            name: self.default_numeric if kind in NUMBERS else self.default_categorical for name, kind in types.items()
        }
        return {name: self.columns.get(name, most) for name, most in defaults.items() if name in (self.only or types)}


def ordered(types: Mapping[str, str], most: float) -> dict[str, float]:
    """Give the greatest distance of order by column: labels have none.

    Args:
        types: Of all columns, in Model Monitoring's words.
        most: Of every number.
    """
    return {name: most for name, kind in types.items() if kind in NUMBERS}


@dataclass(frozen=True, slots=True)
class Objective:
    """What is compared.

    Args:
        features: What goes into the model; None where it is not compared.
        predictions: What comes out of it.
    """

    features: Limits | None
    predictions: Limits | None


@dataclass(frozen=True, slots=True)
class ModelMonitor:
    """The fields we manage. Every other field of the live monitor is left as found.

    Args:
        display_name: Carries our mark: monitors have no labels.
        model: Id of the model in the registry.
        model_version: Its version, as the registry counts.
        features: Type of each column of the model's inputs, in Model Monitoring's words.
        predictions: Type of the column of its answers.
        training: What the model was trained on; None where nothing says so.
        objective: What a job compares that says nothing of its own.
        log: Whether the end of a job is an entry in Cloud Logging.
    """

    display_name: str
    model: str
    model_version: str
    features: Mapping[str, str]
    predictions: Mapping[str, str]
    training: Rows | None
    objective: Objective
    log: bool
