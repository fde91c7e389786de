"""What both peers of PyTriton do with a function: Triton serves it over REST, and over gRPC at the port behind it."""

import os
from typing import Any

from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def serve(infer: Any, given: Tensor, found: Tensor, config: ModelConfig) -> None:
    """Serve a function from one tensor to another, at PORT, until the process is ended."""
    port = int(os.environ["PORT"])
    ports = TritonConfig(http_port=port, grpc_port=port + 1, metrics_port=port + 2, http_address="127.0.0.1")
    with Triton(config=ports) as triton:
        triton.bind(model_name="m", infer_func=infer, inputs=[given], outputs=[found], config=config)
        triton.serve()
