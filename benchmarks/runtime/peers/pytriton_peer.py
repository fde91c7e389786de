"""PyTriton: Triton Inference Server with a Python function. KIND, FILE, PORT; BATCH rows joined at most."""

import os

import numpy as np
from loading import loaded  # beside this file
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

predict_rows = loaded(os.environ["KIND"], os.environ["FILE"])


@batch
def infer(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Predict."""
    return {"predict": predict_rows(rows).astype(np.int64).reshape(-1, 1)}


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    config = TritonConfig(http_port=port, grpc_port=port + 1, metrics_port=port + 2, http_address="127.0.0.1")
    with Triton(config=config) as triton:
        triton.bind(
            model_name="m",
            infer_func=infer,
            inputs=[Tensor(name="rows", dtype=np.float32, shape=(30,))],
            outputs=[Tensor(name="predict", dtype=np.int64, shape=(1,))],
            config=ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=2000)),
        )
        triton.serve()
