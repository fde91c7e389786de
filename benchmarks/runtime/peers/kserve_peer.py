"""KServe's Python server. KIND, FILE, PORT."""

import os
from typing import Any

import kserve
import numpy as np
from loading import loaded  # beside this file


class Forest(kserve.Model):
    """A model as its documentation shows one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._predict = loaded(os.environ["KIND"], os.environ["FILE"])
        self.ready = True

    def predict(self, payload: dict[str, Any], headers: Any = None, response_headers: Any = None) -> dict[str, Any]:
        """Predict."""
        del headers, response_headers
        return {"predictions": self._predict(np.array(payload["instances"], dtype=np.float32)).tolist()}


if __name__ == "__main__":
    server = kserve.ModelServer(
        http_port=int(os.environ["PORT"]),
        enable_grpc=False,
        workers=1,
        access_log_format=None,
        enable_latency_logging=False,
    )
    server.start([Forest("m")])
