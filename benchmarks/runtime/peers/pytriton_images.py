"""PyTriton with tensors, over REST and gRPC. FILE, PORT, TYPE; gRPC at the port behind it."""

import os

import numpy as np
from loading import tensors  # beside this file
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

predict = tensors(os.environ["FILE"])


@batch
def infer(x: np.ndarray) -> dict[str, np.ndarray]:
    """Predict."""
    return {"y": predict(x)}


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    config = TritonConfig(http_port=port, grpc_port=port + 1, metrics_port=port + 2, http_address="127.0.0.1")
    with Triton(config=config) as triton:
        triton.bind(
            model_name="m",
            infer_func=infer,
            inputs=[Tensor(name="x", dtype=np.dtype(os.environ["TYPE"]).type, shape=(224, 224, 3))],
            outputs=[Tensor(name="y", dtype=np.float32, shape=(3,))],
            config=ModelConfig(max_batch_size=8),
        )
        triton.serve()
