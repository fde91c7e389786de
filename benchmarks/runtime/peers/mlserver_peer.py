"""MLServer, its server started in this process. KIND, FILE, PORT; BATCH rows joined at most."""

import asyncio
import os

import mlserver
import numpy as np
from loading import loaded  # beside this file
from mlserver.codecs import NumpyCodec
from mlserver.settings import ModelParameters, ModelSettings, Settings
from mlserver.types import InferenceRequest, InferenceResponse


class Forest(mlserver.MLModel):
    """A runtime as its documentation shows one."""

    async def load(self) -> bool:
        """Load."""
        self._predict = loaded(os.environ["KIND"], os.environ["FILE"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        found = self._predict(rows.astype(np.float32))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("predict", found)])


async def main() -> None:
    """Serve."""
    batch = int(os.environ.get("BATCH", "1"))
    port = int(os.environ["PORT"])
    settings = Settings(
        host="127.0.0.1", http_port=port, grpc_port=port + 1, metrics_port=port + 2, parallel_workers=0, debug=False
    )
    model = ModelSettings(
        name="m",
        implementation=Forest,
        parameters=ModelParameters(uri="."),
        max_batch_size=batch if batch > 1 else 0,
        max_batch_time=0.002 if batch > 1 else 0.0,
    )
    await mlserver.MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(main())
