"""MLServer with tensors, over REST and gRPC. FILE, PORT; gRPC at the port behind it."""

import asyncio
import os

import mlserver
from loading import tensors  # beside this file
from mlserver.codecs import NumpyCodec
from mlserver.settings import ModelParameters, ModelSettings, Settings
from mlserver.types import InferenceRequest, InferenceResponse


class Images(mlserver.MLModel):
    """A runtime as its documentation shows one."""

    async def load(self) -> bool:
        """Load."""
        self._predict = tensors(os.environ["FILE"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict."""
        found = self._predict(NumpyCodec.decode_input(payload.inputs[0]))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("y", found)])


async def main() -> None:
    """Serve."""
    port = int(os.environ["PORT"])
    settings = Settings(
        host="127.0.0.1", http_port=port, grpc_port=port + 1, metrics_port=port + 2, parallel_workers=0, debug=False
    )
    model = ModelSettings(name="m", implementation=Images, parameters=ModelParameters(uri="."))
    await mlserver.MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(main())
