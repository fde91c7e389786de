"""PyTriton with tensors, over REST and gRPC. FILE, PORT, TYPE; gRPC at the port behind it."""

import os

import numpy as np
from loading import tensors  # beside this file
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton_serving import serve  # beside this file

predict = tensors(os.environ["FILE"])


@batch
def infer(x: np.ndarray) -> dict[str, np.ndarray]:
    """Predict."""
    return {"y": predict(x)}


if __name__ == "__main__":
    image = Tensor(name="x", dtype=np.dtype(os.environ["TYPE"]).type, shape=(224, 224, 3))
    serve(infer, image, Tensor(name="y", dtype=np.float32, shape=(3,)), ModelConfig(max_batch_size=8))
