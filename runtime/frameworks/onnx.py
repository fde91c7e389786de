"""ONNX models through onnxruntime. Names, types and shapes are read from the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnxruntime as ort

from runtime.data.tensors import Array, TensorSpec
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

    def __init__(self, session: Any) -> None:
        # `run` of the session itself first looks for absent inputs, which ours never are, and where CUDA fails it goes
        # on with the CPU unasked; here a failed call is an error.
        self._run = getattr(session, "_sess", session).run
        self.inputs = tuple(_spec(arg) for arg in session.get_inputs())
        self.outputs = tuple(_spec(arg) for arg in session.get_outputs())
        self.batchable = all(spec.shape[:1] == (-1,) for spec in (*self.inputs, *self.outputs))
        self.device = "cuda" if "CUDAExecutionProvider" in session.get_providers() else "cpu"

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run what the graph needs for these outputs."""
        return dict(zip(outputs, self._run(outputs, inputs, None), strict=True))


def load(file: Path, settings: ModelSettings) -> OnnxModel:
    """Open a session on `file`, with as many threads as the container has CPUs.

    Raises:
        LoadError: onnxruntime refuses the file, or an input or output is no tensor.
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


def _spec(arg: Any) -> TensorSpec:
    datatype = _DATATYPES.get(arg.type)
    if datatype is None:
        hint = "; convert with zipmap=False" if arg.type.startswith("seq(map") else ""
        raise LoadError(f"{arg.name!r} is {arg.type}, which is no tensor{hint}")
    shape = tuple(d if isinstance(d, int) and d > 0 else -1 for d in arg.shape)
    return TensorSpec(arg.name, datatype, shape)
