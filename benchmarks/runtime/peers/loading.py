"""What every peer loads: a function from rows to labels, or from a tensor to another, on one thread."""

from typing import Any

import numpy as np


def loaded(kind: str, file: str) -> Any:
    """Load an ONNX graph or a scikit-learn estimator."""
    if kind == "onnx":
        session = _session(file)
        name = session.get_inputs()[0].name
        label = [session.get_outputs()[0].name]
        return lambda rows: session.run(label, {name: np.asarray(rows, dtype=np.float32)})[0]
    import joblib  # noqa: PLC0415 - peers of other frameworks lack it

    model = joblib.load(file)
    return lambda rows: model.predict(np.asarray(rows))


def tensors(file: str) -> Any:
    """Load an ONNX graph of one input and one output."""
    session = _session(file)
    given, found = session.get_inputs()[0].name, [session.get_outputs()[0].name]
    return lambda tensor: session.run(found, {given: tensor})[0]


def _session(file: str) -> Any:
    import onnxruntime  # noqa: PLC0415 - only the kind that is measured

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
