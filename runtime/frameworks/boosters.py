"""XGBoost and LightGBM: one matrix in, one output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.data.tensors import Array, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runtime.data.columns import Encoding

INPUT = "input"
OUTPUT = "prediction"


class Booster:
    """A booster behind a function from a matrix to an array. What it gives is what its objective gives.

    `encoding` is how the matrix, which is in the spec's order and codes, becomes the one that the booster knows.
    """

    batchable = True
    calls_at_once = 1

    def __init__(
        self,
        platform: str,
        width: int,
        datatype: str,
        predict: Callable[[Array], Any],
        encoding: Encoding | None = None,
    ) -> None:
        self.platform = platform
        self._predict = predict if encoding is None else lambda rows: predict(encoding.apply(rows))
        probe = np.asarray(predict(np.zeros((1, width), np.float64 if datatype == "FP64" else np.float32)))
        self.inputs = (TensorSpec(INPUT, datatype, (-1, width)),)
        self.outputs = (TensorSpec(OUTPUT, "FP64" if probe.dtype == np.float64 else "FP32", (-1, *probe.shape[1:])),)

    def predict(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Predict; what the booster's objective gives is the one output."""
        del outputs  # there is one
        return {OUTPUT: np.asarray(self._predict(inputs[INPUT]))}
