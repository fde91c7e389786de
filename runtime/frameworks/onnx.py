"""ONNX models through onnxruntime. Names, types and shapes are read from the graph."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from runtime.data.tensors import MATRIX, Array, TensorSpec
from runtime.frameworks import LoadError, cpus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runtime.configuration.settings import ModelSettings

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


class OnnxModel:
    """A session. onnxruntime lets several threads run one session at once."""

    platform = "onnx_onnxv1"
    calls_at_once = 1

    def __init__(self, session: Any) -> None:
        # `run` of the session itself first looks for absent inputs, which ours never are, and where CUDA fails it goes
        # on with the CPU unasked; here a failed call is an error.
        self._run = getattr(session, "_sess", session).run
        self.inputs = tuple(_spec(arg) for arg in session.get_inputs())
        self.outputs = _of_rows(tuple(_spec(arg) for arg in session.get_outputs()))
        self._one_by_one = _takes_one(self.inputs, self.outputs)
        if self._one_by_one:
            self.inputs = tuple(map(_freed, self.inputs))
            self.outputs = tuple(map(_freed, self.outputs))
        self.batchable = all(spec.shape[:1] == (-1,) for spec in (*self.inputs, *self.outputs))
        self.device = "cuda" if "CUDAExecutionProvider" in session.get_providers() else "cpu"

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run what the graph needs for these outputs, a row at a time where it takes no more."""
        rows = len(next(iter(inputs.values()))) if self._one_by_one else 1
        if rows == 1:
            return dict(zip(outputs, self._run(outputs, inputs, None), strict=True))
        each = [{name: array[row : row + 1] for name, array in inputs.items()} for row in range(rows)]
        found = zip(*(self._run(outputs, one, None) for one in each), strict=True)
        return {name: np.concatenate(arrays) for name, arrays in zip(outputs, found, strict=True)}


def load(file: Path, settings: ModelSettings) -> OnnxModel:
    """Open a session on `file`, with as many threads as the container has CPUs.

    Raises:
        LoadError: onnxruntime refuses the file, an input or output is no tensor, or the graph does not answer by row.
    """
    del settings
    ort.disable_telemetry_events()  # where the environment variable is not heard, as in Windows' own builds
    options = ort.SessionOptions()
    options.intra_op_num_threads = cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; warnings about unused initialisers are for who trains
    try:
        session = ort.InferenceSession(str(file), options, providers=_providers())
    except Exception as error:  # onnxruntime has no common base class for its refusals
        raise LoadError(f"onnxruntime cannot open {file.name}: {error}") from error
    return OnnxModel(session)


def _providers() -> list[str]:
    """Choose CUDA where onnxruntime-gpu finds one, and the CPU; never the providers that call out to a service."""
    return [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in ort.get_available_providers()]


def _takes_one(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> bool:
    """Whether a graph was exported for a single row.

    Raises:
        LoadError: It was for some other number of them, or does not answer each with a row.
    """
    for spec in inputs:
        if len(spec.shape) <= MATRIX and spec.shape[:1] > (1,):  # of more dimensions, callers send the whole tensor
            raise LoadError(
                f"input {spec.name!r} takes {spec.shape[0]} rows, no more and no less; export the graph with a free "
                "first dimension, or one of 1"
            )
    if not inputs or any(spec.shape[:1] != (1,) for spec in inputs):
        return False
    other = next((spec for spec in outputs if spec.shape[0] not in {1, -1}), None)
    if other is not None:
        raise LoadError(
            f"output {other.name!r} has {other.shape[0]} rows for one; its first dimension must be the rows"
        )
    return True


def _of_rows(outputs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """Leave out what is one value for all rows, such as a loss: no row has it.

    Raises:
        LoadError: That is all there is.
    """
    found = tuple(spec for spec in outputs if spec.shape)
    if not found:
        names = ", ".join(repr(spec.name) for spec in outputs)
        raise LoadError(f"output {names} is one value for all rows; its first dimension must be the rows")
    return found


def _freed(spec: TensorSpec) -> TensorSpec:
    return replace(spec, shape=(-1, *spec.shape[1:]))


def _spec(arg: Any) -> TensorSpec:
    datatype = _DATATYPES.get(arg.type)
    if datatype is None:
        hint = "; convert with zipmap=False" if arg.type.startswith("seq(map") else ""
        raise LoadError(f"{arg.name!r} is {arg.type}, which is no tensor{hint}")
    shape = tuple(d if isinstance(d, int) and d > 0 else -1 for d in arg.shape)
    return TensorSpec(arg.name, datatype, shape)
