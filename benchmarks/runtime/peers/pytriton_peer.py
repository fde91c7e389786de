"""PyTriton: Triton Inference Server with a Python function. KIND, FILE, PORT; BATCH rows joined at most."""

import os

import numpy as np
from loading import loaded  # beside this file
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton_serving import serve  # beside this file

predict_rows = loaded(os.environ["KIND"], os.environ["FILE"])


@batch
def infer(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Predict."""
    return {"predict": predict_rows(rows).astype(np.int64).reshape(-1, 1)}


if __name__ == "__main__":
    row, label = Tensor(name="rows", dtype=np.float32, shape=(30,)), Tensor(name="predict", dtype=np.int64, shape=(1,))
    batcher = DynamicBatcher(max_queue_delay_microseconds=2000)
    serve(infer, row, label, ModelConfig(max_batch_size=64, batcher=batcher))
