"""scikit-learn models: skops files, and pickles that the spec allows by their digest."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.data.tensors import Array, TensorSpec, datatype_of
from runtime.frameworks import LoadError, check_code
from runtime.frameworks.direct import direct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings

INPUT = "input"
LABEL = "label"
PROBABILITIES = "probabilities"
TEXT_TYPES = frozenset({"category", "string"})


class SklearnModel:
    """An estimator behind one input matrix; classifiers also give the probability of each class."""

    platform = "sklearn"
    batchable = True

    def __init__(self, estimator: Any, settings: ModelSettings) -> None:
        self._estimator = estimator
        self._classes: Any = getattr(estimator, "classes_", None)
        self._has_probabilities = self._classes is not None and hasattr(estimator, "predict_proba")
        self._columns = _columns(estimator)
        width = getattr(estimator, "n_features_in_", None) or len(settings.features) or -1
        text = any(f.type in TEXT_TYPES for f in settings.features.values())
        self.inputs = (TensorSpec(INPUT, "BYTES" if text else "FP64", (-1, int(width))),)
        self.outputs = self._output_specs()
        self._direct = None if text else direct(estimator, self.inputs[0].shape[1])

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Ask the estimator for what is wanted, and for nothing else."""
        rows = inputs[INPUT]
        if self._direct is not None and self._direct.takes(rows):
            return _predicted(self._direct, rows, outputs)
        return _predicted(self._estimator, rows if self._columns is None else self._frame(rows), outputs)

    def _output_specs(self) -> tuple[TensorSpec, ...]:
        if not self._has_probabilities:
            datatype = "FP64" if self._classes is None else datatype_of(self._classes)
            return (TensorSpec(LABEL, datatype, (-1,)),)
        return (
            TensorSpec(LABEL, datatype_of(self._classes), (-1,)),
            TensorSpec(PROBABILITIES, "FP64", (-1, len(self._classes))),
        )

    def _frame(self, rows: Array) -> Any:
        import pandas as pd  # noqa: PLC0415 - only estimators that select columns by name need it

        return pd.DataFrame(rows, columns=self._columns).infer_objects()


def _predicted(estimator: Any, rows: Any, outputs: Sequence[str]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    if LABEL in outputs:
        found[LABEL] = np.asarray(estimator.predict(rows))
    if PROBABILITIES in outputs:
        found[PROBABILITIES] = estimator.predict_proba(rows)
    return found


def load(file: Path, settings: ModelSettings) -> SklearnModel:
    """Load an estimator, trusting no file more than the spec does.

    Raises:
        LoadError: The file is corrupt, holds types skops does not know, or is a pickle without leave.
    """
    estimator = _skops(file) if file.suffix == ".skops" else _pickle(file, settings)
    if isinstance(getattr(estimator, "n_jobs", None), int):
        estimator.n_jobs = 1  # starting threads for one row costs more than the row
    return SklearnModel(estimator, settings)


def _skops(file: Path) -> Any:
    import skops.io  # noqa: PLC0415 - a second the other formats need not pay

    try:
        return skops.io.load(file, trusted=[])  # refuses types it does not know, by name
    except Exception as error:  # a corrupt zip raises whatever it was that broke
        raise LoadError(f"skops cannot read {file.name}: {error}") from error


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


def _columns(estimator: Any) -> list[str] | None:
    """Column names, for estimators that were trained on a data frame and would warn about a bare matrix."""
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]
