"""KServe's Python server with tensors, over REST and gRPC. FILE, PORT; gRPC at the port behind it."""

import os
from typing import Any

import kserve
from loading import tensors  # beside this file


class Images(kserve.Model):
    """A model as its documentation shows one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._predict = tensors(os.environ["FILE"])
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> kserve.InferResponse:
        """Predict."""
        del headers, response_headers
        found = self._predict(payload.inputs[0].as_numpy())
        output = kserve.InferOutput(name="y", shape=list(found.shape), datatype="FP32")
        output.set_data_from_numpy(found, binary_data=False)
        return kserve.InferResponse(response_id=payload.id or "", model_name=self.name, infer_outputs=[output])


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    server = kserve.ModelServer(
        http_port=port, grpc_port=port + 1, workers=1, access_log_format=None, enable_latency_logging=False
    )
    server.start([Images("m")])
