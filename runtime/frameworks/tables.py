"""Rows of text and numbers as an estimator was trained on them: each column of one type, whatever a batch holds.

A batch that has no number in a column, or nothing but whole ones, must not make another type of it: an encoder would
take its values for others than they are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.data.columns import check_texts, codes_without_names, contradiction, is_missing, matched, number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runtime.configuration.settings import Feature
    from runtime.data.columns import Column
    from runtime.data.tensors import Array

    Convert = Callable[[list[Any]], Any]

_NUMERIC = frozenset({"number", "integer", "boolean"})


class Table:
    """Makes what an estimator takes of rows in the spec's order.

    Args:
        features: By name, in the spec's order.
        columns: What the estimator knows, in its own order.
        order: For each of its columns the place among the features.
        file: What the columns were read from, for messages.

    Raises:
        Contradiction: The estimator knows other categories than the spec.
    """

    def __init__(
        self, features: Mapping[str, Feature], columns: Sequence[Column], order: Sequence[int], file: str
    ) -> None:
        names = list(features)
        self._order = order
        self._names = [column.name for column in columns]
        self._framed = all(self._names)
        self._converts = [
            _convert(names[place], features[names[place]], column, file, framed=self._framed)
            for place, column in zip(order, columns, strict=True)
        ]

    def of(self, rows: Array) -> Any:
        """Give a data frame, or a matrix of objects where the estimator was trained on no names."""
        converted = [
            convert(rows[:, place].tolist()) for place, convert in zip(self._order, self._converts, strict=True)
        ]
        if self._framed:
            import pandas as pd  # noqa: PLC0415 - only estimators that select columns by name need it

            return pd.DataFrame(dict(zip(self._names, converted, strict=True)))
        found = np.empty((len(rows), len(converted)), object)
        for place, column in enumerate(converted):
            found[:, place] = column
        return found


def check_types(features: Mapping[str, Feature], columns: Sequence[Column], order: Sequence[int], file: str) -> None:
    """Compare the types of features with what a model was trained on.

    Raises:
        Contradiction: Numbers for categories of text, or text for categories of numbers.
    """
    names = list(features)
    for place, column in zip(order, columns, strict=True):
        feature = features[names[place]]
        known = [category for category in column.categories or () if not is_missing(category)]
        text = {isinstance(category, str) for category in known}
        if text == {feature.type in _NUMERIC}:  # all are text where the spec has numbers, or none where it has text
            if feature.type == "category":
                continue  # its values are compared one by one
            shown = ", ".join(map(str, known[:10]))
            raise contradiction(names[place], f"is of type {feature.type}", file, f"knows the categories {shown} there")


def _convert(name: str, feature: Feature, column: Column, file: str, *, framed: bool) -> Convert:
    """Choose how the checked values of one feature become a column."""
    missing = (math.nan if framed else None) if column.missing is ... else column.missing
    if feature.type == "category" and feature.values:  # noqa: PD011 - a feature of the spec, nothing of pandas
        return _category(name, feature, column, file, missing)
    if feature.type in {"category", "string"}:
        return _texts(missing) if framed else _objects(missing)
    if feature.type == "boolean":
        return _objects(missing) if feature.nullable else lambda values: np.array(values, np.bool_)
    whole = feature.type == "integer" and not feature.nullable
    return _numbers(missing, np.dtype(np.int64 if whole else np.float64))


def _category(name: str, feature: Feature, column: Column, file: str, missing: Any) -> Convert:
    """Choose what becomes of the values of a category, by what is known of the column."""
    if column.categorical and column.kind != "unknown":
        return _categorical(name, feature, column, file)
    if column.categories is not None:
        return _encoded(name, feature, column, file, missing)
    if column.kind == "coded":
        return _coded(name, feature, column, file, missing)
    check_texts(name, feature, file)
    return _objects(missing) if column.name == "" else _texts(missing)


def _coded(name: str, feature: Feature, column: Column, file: str, missing: Any) -> Convert:
    """Give the codes that a booster was trained on: to LightGBM only what pandas calls categorical has categories."""
    codes = _by_code(name, feature, column, file)
    numbers = _numbers(missing, np.dtype(np.float64 if feature.nullable else np.int64))
    return lambda values: numbers([None if value is None else codes[value] for value in values])


def _by_code(name: str, feature: Feature, column: Column, file: str) -> dict[str, int]:
    values = feature.values  # noqa: PD011 - a feature of the spec, nothing of pandas
    return dict(zip(values, codes_without_names(name, feature, column, file), strict=True))


def _numbers(missing: Any, dtype: np.dtype[Any]) -> Convert:
    """Numbers; what is missing is NaN, unless the model was trained on something else."""
    if missing is None or type(missing).__name__ == "NAType":
        plain = dtype.type
        return lambda values: _object([missing if value is None else plain(value).item() for value in values])
    return lambda values: np.array([math.nan if value is None else value for value in values], dtype)


def _objects(missing: Any) -> Convert:
    return lambda values: _object([missing if value is None else value for value in values])


def _texts(missing: Any) -> Convert:
    """Text of a data frame, in the type that pandas itself gives to text; None is kept by objects only."""
    import pandas as pd  # noqa: PLC0415 - only estimators that select columns by name need it

    native = pd.Series(["text"]).dtype if isinstance(missing, float) else np.dtype(object)
    objects = _objects(missing)
    return lambda values: pd.Series(objects(values), dtype=native)


def _encoded(name: str, feature: Feature, column: Column, file: str, missing: Any) -> Convert:
    """Give an encoder the very categories that it knows: its numbers for the spec's text."""
    table = _known(name, feature, column, file)
    if all(isinstance(known, str) for known in table.values()):
        objects = _objects(missing)
        return objects if column.name == "" else _texts(missing)
    dtype = _dtype(list(table.values()), missing if feature.nullable else ...)
    return lambda values: _object([missing if value is None else table[value] for value in values]).astype(dtype)


def _dtype(categories: list[Any], missing: Any) -> np.dtype[Any]:
    """Choose the type of a column of categories, as pandas would have read it in training."""
    if not all(isinstance(category, (int, float)) for category in categories):
        return np.dtype(object)
    found = np.array(categories).dtype
    if missing is ...:
        return found
    return np.dtype(np.float64) if isinstance(missing, float) and found.kind in "if" else np.dtype(object)


def _known(name: str, feature: Feature, column: Column, file: str) -> dict[str, Any]:
    """Give for each value of a feature the model's own category; where it has none, the value itself."""
    values = feature.values  # noqa: PD011 - a feature of the spec, nothing of pandas
    if column.categories is None:
        codes_without_names(name, feature, column, file)  # the codes are places, unless the values are other numbers
        return {value: value for value in values}
    places = matched(name, feature, column, file)
    numeric = not any(isinstance(category, str) for category in column.categories)
    unknown = {value: number_of(value) if numeric else value for value in values}
    return {value: column.categories[places[value]] if value in places else unknown[value] for value in values}


def _categorical(name: str, feature: Feature, column: Column, file: str) -> Convert:
    """Categories as pandas has them, which is what LightGBM's and XGBoost's own classes want."""
    import pandas as pd  # noqa: PLC0415 - only these classes need it

    table = _known(name, feature, column, file)
    dtype = pd.CategoricalDtype(list(table.values() if column.categories is None else column.categories))
    return lambda values: pd.Categorical([None if value is None else table[value] for value in values], dtype=dtype)


def _object(values: list[Any]) -> Array:
    found = np.empty(len(values), object)
    found[:] = values
    return found
