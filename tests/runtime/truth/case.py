"""A model of the truth table: how it is made, what the spec says of it, and what its library answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

Row = dict[str, Any]
Answer = Callable[[list[Row]], Any]

COUNT = 90
RANDOM = np.random.default_rng(17)
WORDS = np.array(["fast", "slow", "cheap", "dear", "old"])
TABLE = pd.DataFrame({
    "x": RANDOM.normal(0, 2, COUNT),
    "y": RANDOM.uniform(-1, 5, COUNT),
    "n": RANDOM.integers(0, 9, COUNT),
    "flag": RANDOM.choice([True, False], COUNT),
    "kind": RANDOM.choice(["blue", "green", "red"], COUNT),
    "note": [" ".join(RANDOM.choice(WORDS, 3)) for _ in range(COUNT)],
})  # fmt: skip
SCORE = TABLE.x + TABLE.y + 2.0 * (TABLE.kind == "red") + TABLE.flag
UP = SCORE.median() < SCORE
TEXT_LABEL = np.where(UP, "up", "down")
WHOLE_LABEL = np.where(UP, 7, -1)
THREE = np.digitize(SCORE, SCORE.quantile([0.3, 0.6]))
NUMBER: Row = {"type": "number"}
X_Y = {"x": NUMBER, "y": NUMBER}
KIND: Row = {"type": "category", "values": ["red", "green", "blue"]}


@dataclass
class Case:
    """A model in its folder.

    Args:
        features: What the spec says of them; empty where it says nothing.
        answer: What the library gives for rows, each by the names of its features, null as None.
        told: What else the spec says.
        rows: By the names that callers use; left out, those of the table.
    """

    features: dict[str, Row]
    answer: Answer
    told: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = list(self.features)
        self.rows = self.rows or [_plain(row) for row in TABLE[names].head(6).to_dict("records")]


def _plain(row: Row) -> Row:
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}


MODELS: dict[str, Callable[[Path], Case]] = {}
"""By name, in the order of the table."""


def model(make: Callable[[Path], Case]) -> Callable[[Path], Case]:
    """Put a model into the table: the function writes it into a folder. Its name is the function's."""
    MODELS[make.__name__.replace("_", "-")] = make
    return make


def frame(rows: list[Row], like: pd.DataFrame) -> pd.DataFrame:
    """Give rows as the data frame that an estimator was trained on."""
    made = pd.DataFrame(rows, columns=list(like.columns))
    whole = [name for name in like.columns if like[name].dtype.kind not in "iub" or not made[name].isna().any()]
    return made.astype({name: like[name].dtype for name in whole})


def matrix(rows: list[Row], names: list[str], dtype: Any = np.float64) -> np.ndarray:
    """Give rows as a matrix, with NaN for what is missing."""
    with np.errstate(over="ignore"):
        return np.array([[np.nan if row[name] is None else row[name] for name in names] for row in rows], dtype)
