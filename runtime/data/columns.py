"""What a model file knows of its columns, and whether the spec says the same.

The spec's `features` are what callers write by; the model was trained on columns of its own. Both are compared once,
when the model is loaded: other places are mended, and what contradicts keeps the model from being served, as its
answers would be wrong without anybody noticing.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from runtime.configuration.settings import Feature
    from runtime.data.tensors import Array

# Of names and categories, a sentence lists this many.
LISTED = 10

# `coded`: categories that the file does not name, as it was trained on their codes.
Kind = Literal["unknown", "number", "category", "coded"]


class Contradiction(ValueError):
    """The spec says something else of a column than the model file does. The message names both, and the place."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the model file knows it, in the model's order.

    Args:
        name: Empty where the file has none.
        kind: What the model takes there.
        categories: What the model was trained on, of whatever type; in the order of its codes, for a `category`.
        codes: The codes seen in training, for a `coded` column; empty where the file does not say.
        unknown_allowed: Whether the model has an answer for other categories.
        missing: What stood for nothing in training; `...` where the file does not say.
        categorical: Whether the model takes a categorical column of pandas there.
    """

    name: str = ""
    kind: Kind = "unknown"
    categories: tuple[Any, ...] | None = None
    codes: tuple[int, ...] = ()
    unknown_allowed: bool = False
    missing: Any = ...
    categorical: bool = False


def order_of(names: Sequence[str], columns: Sequence[Column], file: str) -> tuple[int, ...]:
    """Give for each column of the model its place among the features; in order where the file has no names.

    Args:
        names: Of the features, in the spec's order.
        columns: Of the model.
        file: What the columns were read from, for the message.

    Raises:
        Contradiction: The names are not the same.
    """
    known = [column.name for column in columns]
    if not all(known):
        return tuple(range(len(names)))
    for spelling in (str, spelt):  # libraries change characters in names, and a BigQuery column cannot have all of them
        places = {spelling(name): place for place, name in enumerate(names)}
        wanted = [spelling(name) for name in known]
        if len(places) == len(names) == len(set(wanted)) and places.keys() == set(wanted):
            return tuple(places[name] for name in wanted)
    raise Contradiction(
        f"model.features is {_list(names)}, but {file} was trained on {_list(known)}: {_difference(names, known)}"
    )


def spelt(name: str) -> str:
    """Give a name as libraries write it that change characters."""
    return re.sub(r"\W", "_", name)


def _difference(names: Sequence[str], known: Sequence[str]) -> str:
    extra = [name for name in names if name not in known]
    absent = [name for name in known if name not in names]
    parts = [f"the model has no {_list(extra)}"] if extra else []
    return " and ".join([*parts, *([f"the spec has no {_list(absent)}"] if absent else [])])


def _list(values: Iterable[object]) -> str:
    shown = [str(value) for value in values]
    return ", ".join(shown[:LISTED]) + (f" and {len(shown) - LISTED} more" if len(shown) > LISTED else "")


def contradiction(name: str, said: str, file: str, known: str, hint: str = "") -> Contradiction:
    """Make the error for one feature."""
    return Contradiction(f"model.features.{name} {said}, but {file} {known}{f'; {hint}' if hint else ''}")


def number_of(value: str) -> float | None:
    """Read a value of the spec as a number; None for text."""
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def as_numbers(values: Sequence[str]) -> list[float] | None:
    """Read the values of a category as numbers, if all of them are some."""
    found = [number_of(value) for value in values]
    return None if not found or None in found else [value for value in found if value is not None]


def is_missing(value: object) -> bool:
    """Whether a category stands for nothing: None, NaN or pandas' own."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value))


def matched(name: str, feature: Feature, column: Column, file: str) -> dict[str, int]:
    """Find the values of a feature among the categories of a column.

    Returns:
        Places among `column.categories`; a value that the model takes as unknown is left out.

    Raises:
        Contradiction: One is not there and the model has no answer for it, or none is there.
    """
    categories = list(column.categories or ())
    places = places_of(feature.values, categories)
    absent = [value for value, place in places.items() if place < 0]
    if absent and (not column.unknown_allowed or len(absent) == len(places)):
        known = [category for category in categories if not is_missing(category)]
        said = f"has the value{'s' if len(absent) > 1 else ''} {_list(absent)}"
        raise contradiction(name, said, file, f"knows {_list(known)} there")
    return {value: place for value, place in places.items() if place >= 0}


def places_of(values: Sequence[str], categories: Sequence[Any]) -> dict[str, int]:
    """Find each value's first place among categories, -1 without one: the same text, number or boolean.

    By an index for each sort of category: there may be a hundred thousand words on both sides.
    """
    indices: dict[Any, dict[Any, int]] = {}
    for place, known in enumerate(categories):
        if not is_missing(known):
            sort, key = _key(known)
            indices.setdefault(sort, {}).setdefault(key, place)
    return {value: min(_found(value, indices), default=-1) for value in values}


def _key(known: Any) -> tuple[Any, Any]:
    """Give the sort of a category, and what it is found by."""
    if isinstance(known, (bool, np.bool_)):
        return bool, str(known).lower()
    if isinstance(known, (int, float)):
        return float, known
    # Of numpy's own each is compared at its own precision.
    return (type(known), known) if isinstance(known, np.number) else (str, str(known))


def _found(value: str, indices: Mapping[Any, Mapping[Any, int]]) -> Iterator[int]:
    """Give the place of a value in each index that has it."""
    number = number_of(value)
    for sort, index in indices.items():
        key: Any = value if sort is str else value.lower() if sort is bool else number
        if key is not None and issubclass(sort, np.floating):
            with np.errstate(over="ignore"):
                key = sort(key)
        if key is not None and key in index:
            yield index[key]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a table of numbers in the spec's order becomes one in the model's.

    Args:
        order: For each column of the model its place in the spec; None where they are the same.
        tables: By column of the model: for each place among the feature's values, the code that the model knows.
    """

    order: tuple[int, ...] | None
    tables: Mapping[int, Array]

    def apply(self, matrix: Array) -> Array:
        """Give the model's table; a missing value stays NaN."""
        found = matrix.copy() if self.order is None else matrix[:, self.order]
        for place, table in self.tables.items():
            values = found[:, place]
            there = ~np.isnan(values)
            values[there] = table[values[there].astype(np.intp)]  # a view: this writes into the table
        return found


def encoding(features: Mapping[str, Feature], columns: Sequence[Column], file: str) -> Encoding | None:
    """Compare features with the columns of a model that takes numbers; None where nothing is to be done.

    Raises:
        Contradiction: They do not fit each other.
    """
    if not features or len(features) != len(columns):
        if features and all(column.name for column in columns):
            order_of(list(features), columns, file)  # says which are too many
        return None
    names = list(features)
    order = order_of(names, columns, file)
    coded = {
        place: _codes(names[order[place]], features[names[order[place]]], column, file)
        for place, column in enumerate(columns)
    }
    tables = {
        place: np.array(codes, float)
        for place, codes in coded.items()
        if codes is not None and codes != list(range(len(codes)))
    }
    moved = order != tuple(range(len(order)))
    return Encoding(order if moved else None, tables) if moved or tables else None


def _codes(name: str, feature: Feature, column: Column, file: str) -> Sequence[float] | None:
    """Give the model's code of each value, NaN for one that it does not know; None where the numbers are its own."""
    if feature.type == "category" and feature.values:
        if column.categories is not None:
            found = matched(name, feature, column, file)
            return [found.get(value, math.nan) for value in feature.values]
        return codes_without_names(name, feature, column, file)
    if column.kind == "category" and feature.type != "string":  # text is refused by its own sentence
        hint = "write type: category, with values"
        known = f"knows the categories {_list(column.categories or ())} there"
        raise contradiction(name, f"is of type {feature.type}", file, known, hint)
    return None


def check_places(name: str, feature: Feature, file: str) -> None:
    """Check that the values of a category may become their places, for a model that knows numbers only.

    Raises:
        Contradiction: They are other numbers, and the caller may mean either.
    """
    codes_without_names(name, feature, Column(), file)


def check_texts(name: str, feature: Feature, file: str) -> None:
    """Check that the values of a category may go as text to an estimator of which no categories are known.

    Raises:
        Contradiction: They look like numbers, or true and false, which as text would be unknown to an encoder of them.
    """
    values = {value.lower() for value in feature.values}
    kind = "boolean" if values <= {"true", "false"} else "integer"
    if kind == "boolean" or as_numbers(feature.values) is not None:
        said = f"has the values {_list(feature.values)}, which as categories are text"
        known = "does not say which categories it knows there"
        hint = f"write type: {kind} for a model that was trained on these as such, type: string for one trained on text"
        raise contradiction(name, said, file, known, hint)


def codes_without_names(name: str, feature: Feature, column: Column, file: str) -> list[int]:
    """Give the code of each value for a column of numbers, and tell numbers from places where the values may be some.

    Raises:
        Contradiction: Either could be meant, or a code of the model's stands for no value.
    """
    places = list(range(len(feature.values)))
    numbers = as_numbers(feature.values)
    known = sorted(code for code in column.codes if code >= 0)
    if numbers is not None and numbers != places:
        if known and set(numbers) <= set(known):
            return [int(number) for number in numbers]
        said = f"has the values {_list(feature.values)}, which as categories become their places, {_list(places)}"
        taken = f"takes the codes {_list(known)} there" if known else "takes numbers there and names no categories"
        hint = "write type: integer for a model that was trained on these numbers"
        raise contradiction(name, said, file, taken, hint)
    if known and known[-1] >= len(places):
        said = f"has {len(places)} values, whose codes are {_list(places)}"
        raise contradiction(name, said, file, f"takes the codes {_list(known)} there")
    return places
