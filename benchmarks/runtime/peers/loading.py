"""What every peer loads: a function from rows to labels, on one thread."""

from typing import Any

import numpy as np


def loaded(kind: str, file: str) -> Any:
    """Load an ONNX graph or a scikit-learn estimator."""
    if kind == "onnx":
        import onnxruntime  # noqa: PLC0415 - only the kind that is measured

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        label = [session.get_outputs()[0].name]
        return lambda rows: session.run(label, {name: np.asarray(rows, dtype=np.float32)})[0]
    import joblib  # noqa: PLC0415 - only the kind that is measured

    model = joblib.load(file)
    return lambda rows: model.predict(np.asarray(rows))
