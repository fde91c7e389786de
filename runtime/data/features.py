"""The feature schema: turns rows or columns of JSON values into the arrays a model takes, or says what is wrong.

Rows of numbers in plain JSON do not come here: their decoder checks them while it reads (see `protocols.plain`).
Everything else, and what that decoder refused, is looked at value by value, so that the error names row and feature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.configuration.settings import Feature
from runtime.data.tensors import LARGEST, MATRIX, Array, Range, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# An answer names this many problems; the count of all would cost a scan of a body that is wrong anyway.
MAX_PROBLEMS = 20
# A sentence names so many, and counts the others.
NAMED = 3
# Of a caller's value, an answer repeats this many characters.
SHOWN = 40


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the input. `row` counts from 0; None means the input as a whole."""

    row: int | None
    feature: str | None
    message: str


class InvalidInput(ValueError):
    """The input does not fit the schema."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        more = [f"and {len(problems) - NAMED} more"] if len(problems) > NAMED else []
        super().__init__("; ".join([*(describe(p) for p in problems[:NAMED]), *more]))
        self.problems = tuple(problems)


def describe(problem: Problem) -> str:
    """Say a problem in one line."""
    where = [] if problem.row is None else [f"row {problem.row}"]
    where += [] if problem.feature is None else [f"feature {problem.feature!r}"]
    return f"{', '.join(where)}: {problem.message}" if where else problem.message


def wrong(message: str, row: int | None = None, feature: str | None = None) -> InvalidInput:
    """Make the error for one problem."""
    return InvalidInput([Problem(row, feature, message)])


class Schema:
    """The columns of a model, in order.

    Args:
        features: By name, in column order.
        inputs: What each feature goes into, by its name; without, a number goes into 32-bit floats.
    """

    def __init__(self, features: Mapping[str, Feature], inputs: Mapping[str, TensorSpec] | None = None) -> None:
        self.features = dict(features)
        self.ranges = {name: _range(feature, (inputs or {}).get(name)) for name, feature in features.items()}
        self.names = tuple(features)
        self.numeric = all(f.type == "number" and not f.nullable for f in features.values())
        self._countable = all(f.type in {"number", "integer"} and not f.nullable for f in features.values())
        self.bounds = [_bounds(feature, self.ranges[name]) for name, feature in features.items()]
        self._low, self._high = np.array(self.bounds, float).reshape(-1, 2).T

    @classmethod
    def unnamed(cls, width: int, into: TensorSpec | None = None) -> Schema:
        """Make the schema of a model that declares none: so many values that its input can hold."""
        feature = _feature_for("FP32" if into is None else into.datatype)
        names = [f"f{i}" for i in range(width)]
        return cls(dict.fromkeys(names, feature), None if into is None else dict.fromkeys(names, into))

    @classmethod
    def of_inputs(cls, inputs: Sequence[TensorSpec]) -> Schema:
        """Make the schema of a model that declares none and takes each column by itself: what each input can hold."""
        return cls({spec.name: _feature_for(spec.datatype) for spec in inputs}, {spec.name: spec for spec in inputs})

    def check_table(self, matrix: Array) -> None:
        """Check a table that came as a tensor. In a table of numbers a category is its place in `values`.

        Raises:
            InvalidInput: With at most `MAX_PROBLEMS` problems.
        """
        whole = matrix.dtype.kind in "iu"  # then every value is an integer, and finite
        if (self._countable if whole else self.numeric) and matrix.dtype.kind != "O" and self._within(matrix).all():
            return
        self.check_inputs(dict(zip(self.names, matrix.T, strict=True)))

    def check_inputs(self, inputs: Mapping[str, Array]) -> None:
        """Check tensors that came as one input per feature.

        Raises:
            InvalidInput: With at most `MAX_PROBLEMS` problems.
        """
        self._check({name: _column(inputs[name], feature) for name, feature in self.features.items()})

    def _within(self, matrix: Array) -> Array:
        found: Array = np.isfinite(matrix) & (matrix >= self._low) & (matrix <= self._high)
        return found

    def columns(self, instances: object) -> dict[str, list[Any]]:
        """Check every value and give them by column.

        Args:
            instances: A list of rows (lists or objects), or one object of columns.

        Raises:
            InvalidInput: With at most `MAX_PROBLEMS` problems, in row order.
        """
        if isinstance(instances, dict):
            return self._check(self._from_columns(instances))
        if not isinstance(instances, list):
            raise wrong("instances must be a list of rows, or an object of columns")
        return self._check(self._from_rows(instances))

    def _from_rows(self, rows: list[Any]) -> dict[str, list[Any]]:
        problems: list[Problem] = []
        columns: dict[str, list[Any]] = {name: [] for name in self.names}
        for number, row in enumerate(rows):
            values = self._row(row, number, problems)
            if len(problems) >= MAX_PROBLEMS:
                break
            for name, value in zip(self.names, values, strict=False):
                columns[name].append(value)
        if problems:
            raise InvalidInput(problems[:MAX_PROBLEMS])
        return columns

    def _row(self, row: object, number: int, problems: list[Problem]) -> Sequence[Any]:
        if isinstance(row, dict):
            return self._named(row, number, problems)
        if not isinstance(row, list):
            row = [row]
        if len(row) != len(self.names):
            message = f"has {len(row)} values, the model takes {len(self.names)}"
            problems.append(Problem(number, None, message))
        return row

    def _named(self, row: dict[str, Any], number: int, problems: list[Problem]) -> Sequence[Any]:
        extra = sorted(row.keys() - self.features.keys())
        absent = [n for n, f in self.features.items() if n not in row and not f.nullable]
        problems.extend(Problem(number, name, "is no feature of this model") for name in extra)
        problems.extend(Problem(number, name, "is missing") for name in absent)
        return [row.get(name) for name in self.names]

    def _from_columns(self, columns: dict[str, Any]) -> dict[str, list[Any]]:
        lengths = {len(v) for v in columns.values() if isinstance(v, list)}
        if any(not isinstance(v, list) for v in columns.values()) or len(lengths) != 1:
            raise wrong("columns must be lists of one length")
        extra = sorted(columns.keys() - self.features.keys())
        absent = [n for n, f in self.features.items() if n not in columns and not f.nullable]
        problems = [Problem(None, name, "is no feature of this model") for name in extra]
        problems += [Problem(None, name, "is missing") for name in absent]
        if problems:
            raise InvalidInput(problems[:MAX_PROBLEMS])
        nothing = [None] * lengths.pop()
        return {name: columns.get(name, nothing) for name in self.names}

    def _check(self, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
        problems = [
            Problem(row, name, message)
            for name, feature in self.features.items()
            for row, message in _column_problems(columns[name], feature, self.ranges[name])
        ]
        if problems:
            raise InvalidInput(sorted(problems, key=lambda p: p.row or 0)[:MAX_PROBLEMS])
        return columns


def _feature_for(datatype: str) -> Feature:
    return Feature("integer") if "INT" in datatype else _UNNAMED.get(datatype, Feature("number"))


_UNNAMED = {"BOOL": Feature("boolean"), "BYTES": Feature("string")}


def values_of(array: Array, feature: Feature) -> list[Any]:
    """Give the values of a tensor that holds one feature by its name, as if they had come in JSON: NaN is nothing."""
    values: list[Any] = array.reshape(-1).tolist()
    if array.dtype.kind != "f" or not feature.nullable:
        return values
    return [None if math.isnan(value) else value for value in values]


def _column(array: Array, feature: Feature) -> list[Any]:
    """Give the values of a column that came as a tensor."""
    values: list[Any] = array.reshape(-1).tolist()
    return values if array.dtype.kind == "O" else _from_numbers(values, feature)


def _from_numbers(column: list[float], feature: Feature) -> list[Any]:
    """Undo what a tensor of numbers does to a column: NaN for nothing, places for categories, 0 and 1 for booleans."""
    values: list[Any] = [None if feature.nullable and math.isnan(value) else value for value in column]
    if feature.type == "boolean":
        return [bool(value) if value in {0, 1} else value for value in values]
    if feature.type == "category" and feature.values:
        places = dict(enumerate(feature.values))
        return [None if value is None else places.get(value, value) for value in values]
    return values


def _column_problems(values: list[Any], feature: Feature, held: Range) -> list[tuple[int, str]]:
    found = []
    for row, value in enumerate(values):
        message = value_problem(value, feature, held)
        if message:
            found.append((row, message))
            if len(found) >= MAX_PROBLEMS:
                break
    return found


def value_problem(value: object, feature: Feature, held: Range | None = None) -> str:
    """Say what is wrong with one value; empty when nothing is.

    Args:
        value: Out of JSON, or out of a tensor.
        feature: What it should be.
        held: The numbers that its input holds; without one, those of 32-bit floats or 64-bit integers.
    """
    if value is None:
        return "" if feature.nullable else "is null"
    if not _is_of_type(value, feature):
        return f"{shorten(value)} is no {feature.type}"
    if feature.type == "category":
        known = not feature.values or str(value) in feature.values
        return "" if known else f"{shorten(value)} is none of {', '.join(feature.values[:10])}"
    return _number_problem(value, feature, held or _range(feature, None)) if isinstance(value, (int, float)) else ""


def _number_problem(value: float, feature: Feature, held: Range) -> str:
    if isinstance(value, float) and not math.isfinite(value):  # an integer of 400 digits is no float to ask about
        return f"{value} is not finite"
    if feature.min is not None and value < feature.min:
        return f"{shorten(value)} is below {feature.min:.17g}"
    if feature.max is not None and value > feature.max:
        return f"{shorten(value)} is above {feature.max:.17g}"
    return "" if held.low <= value <= held.high else f"{shorten(value)} {held.problem()}"


def _is_of_type(value: object, feature: Feature) -> bool:
    if isinstance(value, bool):
        return feature.type == "boolean"
    if isinstance(value, int):
        return feature.type in {"number", "integer", "category"}
    if isinstance(value, float):
        return feature.type == "number" or (feature.type == "integer" and value.is_integer())
    return isinstance(value, str) and feature.type in {"string", "category"}


def shorten(value: object) -> str:
    """Quote a value of the caller's, no longer than a line."""
    text = repr(value) if isinstance(value, (str, int, float, bool)) else f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


_FLOATS = Range(-LARGEST, LARGEST)
_INTEGERS = Range(-(2**63), 2**63 - 1)


def _range(feature: Feature, into: TensorSpec | None) -> Range:
    """Give the numbers that a feature may have for what it goes into, whatever its own type says.

    In a table of objects an integer is one of 64 bits, as numpy has no wider one.
    """
    if into is None or (into.dtype.kind == "O" and feature.type == "integer"):
        return _INTEGERS if feature.type == "integer" else _FLOATS
    return into.range


def _bounds(feature: Feature, held: Range) -> tuple[float, float]:
    """Give the least and the greatest value of a feature, as floats."""
    low = held.low if feature.min is None else max(feature.min, held.low)
    high = held.high if feature.max is None else min(feature.max, held.high)
    return float(low), float(high)


def is_table(inputs: Sequence[TensorSpec]) -> bool:
    """Whether all features go into one input, side by side."""
    return len(inputs) == 1 and len(inputs[0].shape) == MATRIX


@dataclass(frozen=True, slots=True)
class Layout:
    """How the features of a schema become the inputs of a model."""

    schema: Schema
    inputs: tuple[TensorSpec, ...]

    @property
    def matrix_input(self) -> TensorSpec | None:
        """The one input all features go into, side by side; None when each feature is an input of its own."""
        return self.inputs[0] if is_table(self.inputs) else None

    def check(self, inputs: Mapping[str, Array]) -> None:
        """Check the model's inputs against the schema, where they did not come through it.

        Raises:
            InvalidInput: With at most `MAX_PROBLEMS` problems.
        """
        into = self.matrix_input
        if into is not None:
            self.schema.check_table(inputs[into.name])
        elif all(array.size == len(array) for array in inputs.values()):
            self.schema.check_inputs(inputs)  # an input with more than a value per row is no feature

    def arrays(self, columns: Mapping[str, list[Any]]) -> dict[str, Array]:
        """Build the inputs from checked columns.

        Raises:
            InvalidInput: A number does not fit the model's integers.
        """
        into = self.matrix_input
        if into is None:
            return {
                spec.name: self._column(spec.name, columns, spec).reshape(-1, *(1,) * (len(spec.shape) - 1))
                for spec in self.inputs
            }
        parts = [self._column(name, columns, into) for name in self.schema.names]
        return {into.name: np.stack(parts, axis=1) if parts else np.empty((0, 0), into.dtype)}

    def _column(self, name: str, columns: Mapping[str, list[Any]], spec: TensorSpec) -> Array:
        values = columns[name]
        if spec.dtype.kind in "iu" and self.schema.features[name].type in {"number", "integer"}:
            _check_whole(values, name, spec)
        return _array(values, self.schema.features[name], spec)


def _check_whole(values: list[Any], name: str, spec: TensorSpec) -> None:
    """Refuse what numpy would cut off, or fail at, when it makes integers."""
    ends = np.iinfo(spec.dtype)
    low, high = int(ends.min), int(ends.max)
    for row, value in enumerate(values):
        if value != int(value) or not low <= value <= high:
            raise wrong(f"{shorten(value)} does not fit {spec.datatype}", row, name)


def _array(values: list[Any], feature: Feature, spec: TensorSpec) -> Array:
    """Make one column. A category that goes into numbers becomes its place in `values`."""
    if spec.datatype == "BYTES":
        column = np.empty(len(values), object)
        column[:] = values if feature.type != "category" else [None if v is None else str(v) for v in values]
        return column
    if feature.type == "category" and feature.values:
        place = {value: index for index, value in enumerate(feature.values)}
        values = [None if value is None else place[str(value)] for value in values]
    return np.array([math.nan if value is None else value for value in values], spec.dtype)
