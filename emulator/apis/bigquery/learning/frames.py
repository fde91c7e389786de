"""Rows as numbers: which columns are features, and how each is encoded.

Source: cloud.google.com/bigquery/docs/auto-preprocessing: numbers that are missing become the mean for linear models;
text and truth values are one column per value for linear models, and one number for trees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.schema import Field

NUMBERS, WORDS = frozenset({"INTEGER", "FLOAT", "NUMERIC"}), frozenset({"STRING", "BOOLEAN"})
MOST_WORDS = 10_000
"""Different values of a column of text."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A column that a model looks at.

    Attributes:
        name: Of the column.
        kind: Its type.
        mean: Of a number, in training.
        words: Of text: the values seen in training, sorted.
    """

    name: str
    kind: str
    mean: float = 0.0
    words: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return self.kind in NUMBERS

    def spread(self, values: Sequence[Any]) -> list[list[float]]:
        """The column for a linear model: itself, or one column per word."""
        if self.is_number:
            return [[self.mean if value is None else float(value) for value in values]]
        texts = [None if value is None else spelt(value) for value in values]
        return [[float(text == word) for text in texts] for word in self.words]

    def single(self, values: Sequence[Any]) -> list[float]:
        """The column for trees: itself, or the place of its word, from 1; what is missing or new is no number.

        Source: bigquery-ml-utils, `xgboost_predictor`: the first place is kept for a filler (`exporting.FILLER`).
        """
        if self.is_number:
            return [math.nan if value is None else float(value) for value in values]
        places = {word: float(place) for place, word in enumerate(self.words, 1)}
        return [math.nan if value is None else places.get(spelt(value), math.nan) for value in values]


def feature_of(field: Field, values: Sequence[Any]) -> Feature:
    """What training learns of a column itself.

    Raises:
        BigQueryError: Its type is none that the emulator trains on, or it has too many words.
    """
    if field.mode == "REPEATED" or field.kind not in NUMBERS | WORDS:
        kind = "ARRAY" if field.mode == "REPEATED" else field.kind
        raise errors.unimplemented(f"features of the type {kind} (column {field.name})")
    given = [value for value in values if value is not None]
    if field.kind in NUMBERS:
        return Feature(field.name, field.kind, mean=sum(map(float, given)) / len(given) if given else 0.0)
    words = tuple(sorted({spelt(value) for value in given}))
    if len(words) > MOST_WORDS:
        raise errors.unimplemented(f"columns with more than {MOST_WORDS} words (column {field.name})")
    return Feature(field.name, field.kind, words=words)


def spelt(value: Any) -> str:
    """A value of a column of text or truth values, as BigQuery writes it as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def columns_of(fields: Sequence[Field], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """The values of each column, by its name in small letters."""
    return {field.name.lower(): [row[index] for row in rows] for index, field in enumerate(fields)}
