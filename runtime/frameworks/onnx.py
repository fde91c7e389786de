"""ONNX models through onnxruntime. Names, types and shapes are read from the graph."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from runtime.data.tensors import MATRIX, Array, TensorSpec
from runtime.frameworks import LoadError, cpus
from runtime.frameworks.onnx_graphs import joining

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import Feature, ModelSettings

log = logging.getLogger("runtime")

_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


# Type of what a ZipMap gives: for each row its classes, each with its probability.
_ZIPPED = re.compile(r"seq\(map\((int64|string),tensor\(float\)\)\)")
# Of dimensions that a graph leaves open, such as the words of a text, when it is tried.
_SOME = 4
# How far a row's answer may be from itself beside another row: libraries add up in another order.
_CLOSE = 1e-3
# Sizes of the numbers that a graph is tried with, and the largest: what is dull near zero may not be elsewhere.
_SIZES = (1.0, 300.0, 1e5, 1e9)
_MOST = 1e12


class OnnxModel:
    """A session. onnxruntime lets several threads run one session at once."""

    platform = "onnx_onnxv1"
    calls_at_once = 1

    def __init__(
        self,
        session: Any,
        features: Mapping[str, Feature] | None = None,
        *,
        joins: Callable[[list[str]], str] = lambda _: "",
    ) -> None:
        """Look at a session, and try it.

        Args:
            session: Opened.
            features: What the spec says of them.
            joins: Names an operator that may join rows of a batch for some outputs; empty where none does.
        """
        # `run` of the session itself first looks for absent inputs, which ours never are, and where CUDA fails it goes
        # on with the CPU unasked; here a failed call is an error.
        self._run = getattr(session, "_sess", session).run
        self.inputs = tuple(_spec(arg) for arg in session.get_inputs())
        _check_rows(self.inputs)
        rows = {spec.name: (features or {}).get(spec.name) for spec in self.inputs}
        tried = _tried(self._run, self.inputs, [arg.name for arg in session.get_outputs()], rows)
        self._zipped = {arg.name for arg in session.get_outputs() if _ZIPPED.fullmatch(arg.type)}
        outputs = [self._described(arg, tried) for arg in session.get_outputs()]
        self.outputs = _of_rows(tuple(outputs), tried, _fixed(self.inputs))
        self._one_by_one = _takes_one(self.inputs)
        if self._one_by_one:
            self.inputs = tuple(map(_freed, self.inputs))
            self.outputs = tuple(map(_freed, self.outputs))
        free = all(spec.shape[:1] == (-1,) for spec in (*self.inputs, *self.outputs))
        self.batchable = free and (self._one_by_one or self._keeps_rows_apart(tried, rows, joins))
        self.device = "cuda" if "CUDAExecutionProvider" in session.get_providers() else "cpu"

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run what the graph needs for these outputs, a row at a time where it takes no more."""
        rows = len(next(iter(inputs.values()))) if self._one_by_one else 1
        if rows == 1:
            found = dict(zip(outputs, self._run(outputs, inputs, None), strict=True))
            return found if not self._zipped else {name: self._table(name, found[name]) for name in outputs}
        each = [{name: array[row : row + 1] for name, array in inputs.items()} for row in range(rows)]
        single = [self.predict(one, outputs) for one in each]
        return {name: np.concatenate([one[name] for one in single]) for name in outputs}

    def _table(self, name: str, found: Any) -> Array:
        """Give a column for each class, in their order, where a graph gives a mapping for each row."""
        if name not in self._zipped:
            return found  # type: ignore[no-any-return]  # onnxruntime has no types
        return np.array([list(row.values()) for row in found], np.float32)

    def _described(self, arg: Any, tried: _Tried | None) -> TensorSpec:
        """Say what an output is: as the graph has it, else as it was when it was tried."""
        if arg.name in self._zipped:
            classes = -1 if tried is None else len(tried.together[arg.name][0])
            return TensorSpec(arg.name, "FP32", (-1, classes))
        spec = _spec(arg)
        if spec.shape or tried is None:
            return spec
        found = np.asarray(tried.together[arg.name])  # without dimensions, which may mean that nobody knows them
        return replace(spec, shape=(-1, *found.shape[1:])) if found.ndim else spec

    def _keeps_rows_apart(
        self, tried: _Tried | None, features: Mapping[str, Feature | None], joins: Callable[[list[str]], str]
    ) -> bool:
        """Whether requests may share a call: by the operators of the graph, and by what it gives for two sorts of rows.

        Trying finds what operators do not tell, such as rows that became columns; operators tell of what no row of ours
        brings to light.
        """
        names = [spec.name for spec in self.outputs]
        operator = joins(names)
        if operator:
            log.warning("operator %r of the graph may join rows: requests are not joined", operator)
            return False
        if tried is not None and not self._is_by_row(tried):
            return False
        wide = _tried(self._run, self.inputs, names, features, wide=True)
        return wide is None or self._is_by_row(wide)

    def _is_by_row(self, tried: _Tried) -> bool:
        """Whether a row's answer is its own, whatever stands beside it: a mean over the batch is not."""
        for spec in self.outputs:
            together = self._table(spec.name, tried.together[spec.name])
            alone = np.concatenate([self._table(spec.name, one[spec.name]) for one in tried.alone])
            if not _alike(together, alone):
                log.warning("answers of output %r depend on the rows beside: requests are not joined", spec.name)
                return False
        return True


@dataclass(frozen=True)
class _Tried:
    """What a graph gave for some rows, and for each of them alone, unless it takes so many and no less."""

    rows: int
    together: Mapping[str, Any]
    alone: tuple[Mapping[str, Any], ...]


def _tried(
    run: Any,
    inputs: tuple[TensorSpec, ...],
    outputs: list[str],
    features: Mapping[str, Feature | None],
    *,
    wide: bool = False,
) -> _Tried | None:
    """Ask a graph about rows of our own; None where it has no answer, such as to a word that it does not know.

    With `wide` they have numbers of many sizes and both signs.
    """
    fixed = _fixed(inputs)
    count = fixed or (2 * len(_SIZES) if wide else 2)
    rows = {spec.name: _rows(spec, count, features[spec.name]) for spec in inputs}
    rows = {name: _widened(array) if wide else array for name, array in rows.items()}
    quiet = ort.RunOptions()
    quiet.log_severity_level = 4
    try:
        together = dict(zip(outputs, run(outputs, rows, quiet), strict=True))
        if fixed:
            return _Tried(count, together, ())
        each = [{name: array[row : row + 1] for name, array in rows.items()} for row in range(count)]
        return _Tried(count, together, tuple(dict(zip(outputs, run(outputs, one, quiet), strict=True)) for one in each))
    except Exception:  # onnxruntime has no common base class for its refusals
        log.info("the graph has no answer to the rows that it was tried with", exc_info=True)
        return None


def _rows(spec: TensorSpec, count: int, feature: Feature | None) -> Array:
    """Make rows that differ, of values that the spec names, where it does."""
    shape = (count, *(size if size > 0 else _SOME for size in spec.shape[1:]))
    shape = (spec.shape[0], *shape[1:]) if spec.shape[:1] > (0,) else shape
    if spec.dtype.kind == "O":
        first, *more = feature.values if feature is not None and feature.values else ("a", "b")
        return np.where(np.indices(shape).sum(axis=0) % 2, [*more, first][0], first).astype(object)
    if spec.dtype.kind == "f":
        return np.random.default_rng(0).standard_normal(shape).astype(spec.dtype)
    found: Array = (np.indices(shape).sum(axis=0) % 2).astype(spec.dtype)
    return found


def _widened(rows: Array) -> Array:
    """Make numbers of many sizes, each once as it is and once with the other sign, as far as a datatype goes."""
    if rows.dtype.kind not in "fiu":
        return rows
    normal = np.random.default_rng(1).standard_normal((len(_SIZES), *rows.shape[1:]))
    sizes = np.array(_SIZES).reshape(-1, *(1,) * (rows.ndim - 1))
    ends = np.finfo(rows.dtype) if rows.dtype.kind == "f" else np.iinfo(rows.dtype)
    low, high = (max(float(ends.min), -_MOST), min(float(ends.max), _MOST))
    found: Array = np.clip(np.concatenate([normal * sizes, -normal * sizes]), low, high).astype(rows.dtype)
    return found


def _alike(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape:
        return False
    if first.dtype.kind in "OSU":
        return bool((first == second).all())
    if first.dtype.kind != "f" or not first.size:
        return bool(np.allclose(first, second, rtol=_CLOSE, atol=_CLOSE, equal_nan=True))
    # Sums of large numbers that nearly cancel each other are as exact as their row, and no more.
    whole = np.where(np.isfinite(second), np.abs(second), 0).reshape(len(second), -1).max(axis=1)
    scale = np.maximum(whole, 1.0).reshape(-1, *(1,) * (second.ndim - 1))
    return bool(np.allclose(first / scale, second / scale, rtol=_CLOSE, atol=_CLOSE, equal_nan=True))


def load(file: Path, settings: ModelSettings) -> OnnxModel:
    """Open a session on `file`, with as many threads as the container has CPUs.

    Raises:
        LoadError: onnxruntime refuses the file, an input or output is no tensor, or the graph does not answer by row.
    """
    ort.disable_telemetry_events()  # where the environment variable is not heard, as in Windows' own builds
    options = ort.SessionOptions()
    options.intra_op_num_threads = cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; warnings about unused initialisers are for who trains
    try:
        session = ort.InferenceSession(str(file), options, providers=_providers())
    except Exception as error:  # onnxruntime has no common base class for its refusals
        raise LoadError(f"onnxruntime cannot open {file.name}: {error}") from error
    return OnnxModel(session, settings.features, joins=lambda outputs: _joins(file, outputs))


def _joins(file: Path, outputs: list[str]) -> str:
    """Name an operator that may join rows, as far as the file can be read: onnxruntime reads other formats too."""
    try:
        return joining(file, outputs)
    except (OSError, ValueError) as error:
        log.warning("operators of the graph are not known: %s", error)
        return "unknown"


def _providers() -> list[str]:
    """Choose CUDA where onnxruntime-gpu finds one, and the CPU; never the providers that call out to a service."""
    return [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in ort.get_available_providers()]


def _fixed(inputs: tuple[TensorSpec, ...]) -> int:
    """Count the rows that a graph takes, no more and no less; 0 where it takes any number."""
    return max((size for spec in inputs for size in spec.shape[:1] or (1,) if size > 0), default=0)


def _check_rows(inputs: tuple[TensorSpec, ...]) -> None:
    """Check that a graph takes as many rows as callers have, or the one tensor that they send.

    Raises:
        LoadError: It takes some other number of them, or a different one of each input.
    """
    for spec in inputs:
        if len(spec.shape) <= MATRIX and spec.shape[:1] > (1,):  # of more dimensions, callers send the whole tensor
            raise LoadError(
                f"input {spec.name!r} takes {spec.shape[0]} rows, no more and no less; export the graph with a free "
                "first dimension, or one of 1"
            )
    if len({size for spec in inputs for size in spec.shape[:1] if size > 0}) > 1:
        names = ", ".join(repr(spec.name) for spec in inputs)
        raise LoadError(f"inputs {names} take different numbers of rows; their first dimension must be the rows")


def _takes_one(inputs: tuple[TensorSpec, ...]) -> bool:
    """Whether a graph was exported for a single row."""
    return bool(inputs) and all(spec.shape[:1] == (1,) for spec in inputs)


def _of_rows(outputs: tuple[TensorSpec, ...], tried: _Tried | None, fixed: int) -> tuple[TensorSpec, ...]:
    """Leave out what is no row's, such as a loss, a mean, or as many boxes as there are things in an image.

    Args:
        outputs: All that there are.
        tried: What they were.
        fixed: Rows that the graph takes; 0 where it takes any number.

    Raises:
        LoadError: That is all there is.
    """
    left = {spec.name: _lacking(spec, tried, fixed) for spec in outputs}
    told = "; ".join(f"output {name!r} {why}" for name, why in left.items() if why)
    found = tuple(spec for spec in outputs if not left[spec.name])
    if not found:
        raise LoadError(f"{told}; its first dimension must be the rows")
    if told:
        log.warning("%s: left out", told)
    return found


def _lacking(spec: TensorSpec, tried: _Tried | None, fixed: int) -> str:
    """Say why an output has no value for each row; empty where it has."""
    shape = spec.shape if tried is None else np.shape(tried.together[spec.name])
    rows = fixed if tried is None else tried.rows
    if shape[:1] == (rows,) or (tried is None and shape and (not fixed or shape[0] < 0)):
        return ""
    if shape[:1] in {(), (1,)}:
        return "is one value for all rows"
    return f"has {shape[0]} rows for {'one' if rows == 1 else rows}"


def _freed(spec: TensorSpec) -> TensorSpec:
    return replace(spec, shape=(-1, *spec.shape[1:]))


def _spec(arg: Any) -> TensorSpec:
    datatype = _DATATYPES.get(arg.type)
    if datatype is None:
        raise LoadError(f"{arg.name!r} is {arg.type}, which is no tensor")
    shape = tuple(d if isinstance(d, int) and d > 0 else -1 for d in arg.shape)
    return TensorSpec(arg.name, datatype, shape)
