"""scikit-learn models: skops files, and pickles that the spec allows by their digest."""

from __future__ import annotations

import io
import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.data.columns import LISTED, Column, Contradiction, contradiction, order_of
from runtime.data.tensors import LARGEST, Array, TensorSpec, datatype_of
from runtime.frameworks import LoadError, check_code
from runtime.frameworks.direct import Direct, direct
from runtime.frameworks.estimators import columns_of, names_of
from runtime.frameworks.tables import Table, check_types
from runtime.frameworks.vectorizers import of_mappings, of_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import Feature, ModelSettings

log = logging.getLogger("runtime")

INPUT = "input"
LABEL = "label"
PROBABILITIES = "probabilities"
TEXT_TYPES = frozenset({"category", "string"})
# The largest float, and the largest whole number that goes into 64 bits as a float.
_MOST = float(np.finfo(np.float64).max)
_WHOLE = 2**63 - 1024
_ONE_TABLE = "the estimator gives one table of probabilities for all columns of labels"
# By how many digits less than 32-bit floats have is tried: a scaler may divide by something small.
_POWERS = (0, 1, 2, 4, 8, 16)


class SklearnModel:
    """An estimator behind one input matrix; classifiers also give the probability of each class."""

    platform = "sklearn"
    batchable = True
    calls_at_once = 1

    def __init__(self, estimator: Any, settings: ModelSettings, file: str = "the model") -> None:
        """Take an estimator, and compare it with what the spec says.

        Raises:
            Contradiction: They do not fit each other, or nobody says how many columns it takes.
        """
        self._estimator = estimator
        self._classes: Any = getattr(estimator, "classes_", None)
        self._columns = names_of(estimator) or None
        features = settings.features
        texts, mappings = of_texts(estimator, features, file), of_mappings(estimator, features, file)
        self._given = texts or mappings
        self._tables = isinstance(self._classes, list)
        width = getattr(estimator, "n_features_in_", None) or len(self._columns or features) or -1
        width = 1 if texts else len(features) or -1 if mappings else width
        if int(width) < 0:
            raise Contradiction(f"{file} does not say how many columns it takes: write model.features, all of them")
        text = texts is not None or any(f.type in TEXT_TYPES for f in features.values())
        self.inputs = (TensorSpec(INPUT, "BYTES" if text else "FP64", (-1, int(width))),)
        self._order: tuple[int, ...] | None = None
        self._direct: Direct | None = None
        self._table = None if self._given else self._agreed(features, file, text=text)
        if not (text or self._given) and self._takes_singles(features):
            self.inputs = (replace(self.inputs[0], datatype="FP32"),)
        self._tables = self._tables and self._has_tables(features)
        self.outputs = self._output_specs(features)
        self.inputs = (replace(self.inputs[0], limit=self._limit(features)),)
        if self.inputs[0].datatype == "FP64" and not self._given:
            self._direct = direct(estimator, self.inputs[0].shape[1])

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Ask the estimator for what is wanted, and for nothing else."""
        rows = inputs[INPUT]
        if self._direct is not None:
            ordered = rows if self._order is None else rows[:, self._order]
            if self._direct.takes(ordered):
                return _predicted(self._direct, lambda: ordered, outputs)
        return _predicted(self._estimator, lambda: self._asked(rows), outputs)

    def _asked(self, rows: Array) -> Any:
        """Give rows as the estimator takes them, for one call: steps with `copy=False` work on them in place."""
        if self._given is not None:
            return self._given(rows)
        if self._table is not None:
            return self._table.of(rows)
        own = rows.copy() if self._order is None else rows[:, self._order]
        return own if self._columns is None else self._frame(own)

    def _output_specs(self, features: Mapping[str, Feature]) -> tuple[TensorSpec, ...]:
        """Say what it gives, as it gives it for a row: one value or several, of which type."""
        names = (LABEL, *self._probabilities())
        try:
            found = self.predict({INPUT: _row(self.inputs[0], features)}, names)
        except Exception:  # its width is not known, or it fails: then it will again, at the server's own first call
            log.info("outputs are not known from a row", exc_info=True)
            return self._guessed_specs()
        return tuple(TensorSpec(name, datatype_of(found[name]), (-1, *found[name].shape[1:])) for name in names)

    def _takes_singles(self, features: Mapping[str, Feature]) -> bool:
        """Whether it takes 32-bit floats alone, as clusters do that were found among such: their code is compiled."""
        try:
            self.predict({INPUT: _row(self.inputs[0], features)}, (LABEL,))
        except ValueError as error:
            return "dtype mismatch" in str(error)
        except Exception as error:  # noqa: BLE001 - scikit-learn and steps of one's own raise what they like
            log.info("the type of numbers is not known from a row: %s", error)
        return False

    def _has_tables(self, features: Mapping[str, Feature]) -> bool:
        """Whether it has a table of probabilities for each column of labels, and not one with a column for each.

        Classes of each column are no sign of it: a chain of classifiers and a stack of several labels have them too.
        """
        names = self._probabilities()
        try:
            self.predict({INPUT: _row(self.inputs[0], features)}, names)
        except TypeError as error:
            if error.args == (_ONE_TABLE,):
                return False
            log.info("the tables of probabilities are not known from a row: %s", error)
        except Exception as error:  # noqa: BLE001 - scikit-learn and steps of one's own raise what they like
            log.info("the tables of probabilities are not known from a row: %s", error)
        return True

    def _probabilities(self) -> tuple[str, ...]:
        """Name the tables of probabilities: where there are several, one for each column of labels."""
        if self._classes is None or not hasattr(self._estimator, "predict_proba"):
            return ()
        if not self._tables:
            return (PROBABILITIES,)
        return tuple(f"{PROBABILITIES}_{place}" for place in range(len(self._classes)))

    def _guessed_specs(self) -> tuple[TensorSpec, ...]:
        several = self._tables
        known = None if isinstance(self._classes, list) else self._classes
        label = TensorSpec(LABEL, "FP64" if known is None else datatype_of(known), (-1,))
        # Of one table for several labels each has a column.
        tables = zip(self._probabilities(), self._classes if several else [self._classes], strict=False)
        return (label, *(TensorSpec(name, "FP64", (-1, len(classes))) for name, classes in tables))

    def _limit(self, features: Mapping[str, Feature]) -> float:
        """Find the largest numbers that it takes. Trees compute with 32-bit floats, and fail at what those do not hold.

        A step before may make them larger still, so what is believed is what was tried.
        """
        names = [spec.name for spec in self.outputs]
        refusal: Exception | None = None
        most = LARGEST if self.inputs[0].datatype == "FP32" else _MOST
        with np.errstate(all="ignore"):
            for limit in (math.inf, *(LARGEST * 10.0**-power for power in _POWERS)):
                try:
                    for sign in (1, -1):
                        self.predict({INPUT: _row(self.inputs[0], features, sign * min(limit, most))}, names)
                except Exception as error:  # noqa: BLE001 - scikit-learn and steps of one's own raise what they like
                    refusal = error
                else:
                    found = limit
                    break
            else:
                return LARGEST  # it takes no number at all, which has been said
        if refusal is not None:
            log.info("numbers above %g are not taken: %s", found, refusal)
        return found

    def _agreed(self, features: Mapping[str, Feature], file: str, *, text: bool) -> Table | None:
        """Compare the spec with the columns of the estimator; give how to make its table, where there is text.

        Raises:
            Contradiction: They do not fit each other.
        """
        width = self.inputs[0].shape[1]
        names = self._columns or [""] * width
        if not features or (len(features) != width and self._columns is None):
            return None  # nothing to compare, or another width, which is said elsewhere
        order = order_of(list(features), [Column(name) for name in names], file)
        columns = columns_of(self._estimator, width, features, file)
        check_types(features, columns, order, file)
        _check_example(features, columns, order, file)
        if text:
            return Table(features, columns, order, file)
        self._order = order if order != tuple(range(width)) else None
        return None

    def _frame(self, rows: Array) -> Any:
        import pandas as pd  # noqa: PLC0415 - only estimators that select columns by name need it

        return pd.DataFrame(rows, columns=self._columns)


def _check_example(features: Mapping[str, Feature], columns: Sequence[Column], order: Sequence[int], file: str) -> None:
    """Refuse numbers for an encoder that fails at others than its own, where the first that is tried is another.

    Raises:
        Contradiction: With what to write: as categories, other values are refused row by row.
    """
    names = list(features)
    for place, column in zip(order, columns, strict=True):
        feature, known = features[names[place]], column.categories
        if feature.type not in {"integer", "number"} or column.kind != "category" or column.unknown_allowed:
            continue
        if known and _value(feature, 0.0, text=False) not in known:
            shown = ", ".join(map(str, known[:LISTED]))
            raise contradiction(
                names[place],
                f"is of type {feature.type}",
                file,
                f"fails at other numbers than {shown} there",
                f"write type: category, with values: [{shown}{', ...' if len(known) > LISTED else ''}]",
            )


def _row(spec: TensorSpec, features: Mapping[str, Feature], number: float = 0.0) -> Array:
    """Make one row that a schema allows, as far as types go; of a number, or the nearest that is allowed."""
    if not features:
        return np.full((1, spec.shape[1]), "text" if spec.dtype.kind == "O" else number, spec.dtype)
    row = np.empty((1, len(features)), spec.dtype)
    row[0] = [_value(feature, number, text=spec.dtype.kind == "O") for feature in features.values()]
    return row


def _value(feature: Feature, number: float, *, text: bool) -> Any:
    if feature.type in TEXT_TYPES and text:
        return next(iter(feature.values), "text")
    if feature.type in {"boolean", "category"}:
        return False
    value = number if feature.min is None else max(feature.min, number)
    value = value if feature.max is None else min(value, feature.max)
    return max(min(round(value), _WHOLE), -_WHOLE) if feature.type == "integer" else value


def _predicted(estimator: Any, rows: Callable[[], Any], outputs: Sequence[str]) -> dict[str, Array]:
    """Ask an estimator for outputs; `rows` gives what is its own, anew for each call."""
    found: dict[str, Array] = {}
    if LABEL in outputs:
        found[LABEL] = np.asarray(estimator.predict(rows()))
    if PROBABILITIES in outputs:
        found[PROBABILITIES] = estimator.predict_proba(rows())
    several = [name for name in outputs if name.startswith(f"{PROBABILITIES}_")]
    tables = estimator.predict_proba(rows()) if several else []
    if not isinstance(tables, list):  # of a matrix, the first would be the first row
        raise TypeError(_ONE_TABLE)
    return found | {name: tables[int(name.removeprefix(f"{PROBABILITIES}_"))] for name in several}


def load(file: Path, settings: ModelSettings) -> SklearnModel:
    """Load an estimator, trusting no file more than the spec does.

    Raises:
        LoadError: The file is corrupt, holds types skops does not know, or is a pickle without leave.
    """
    estimator = _skops(file, settings) if file.suffix == ".skops" else _pickle(file, settings)
    if isinstance(getattr(estimator, "n_jobs", None), int):
        estimator.n_jobs = 1  # starting threads for one row costs more than the row
    return SklearnModel(estimator, settings, file.name)


def _skops(file: Path, settings: ModelSettings) -> Any:
    from runtime.frameworks.skops_files import read  # noqa: PLC0415 - a second the other formats need not pay

    return read(file, settings)


def _pickle(file: Path, settings: ModelSettings) -> Any:
    check_code(file, settings)
    import joblib  # noqa: PLC0415 - only pickles need it

    try:
        with Unnamed(io.FileIO(file)) as content:
            return joblib.load(content)
    except Exception as error:  # unpickling raises whatever the pickle wants
        raise LoadError(f"joblib cannot read {file.name}: {error}") from error


class Unnamed(io.BufferedReader):
    """A file that does not tell where it lies: joblib would look there for arrays, which the digest is not of."""

    name = ""
