"""Google's own prediction routine server (Vertex AI). KIND, FILE, PORT."""

import os
from typing import Any

import numpy as np
from google.cloud.aiplatform.prediction.model_server import CprModelServer
from google.cloud.aiplatform.prediction.predictor import Predictor
from loading import loaded  # beside this file


class Forest(Predictor):
    """A predictor as its documentation shows one."""

    def load(self, artifacts_uri: str) -> None:
        """Load."""
        del artifacts_uri
        self._predict = loaded(os.environ["KIND"], os.environ["FILE"])

    def preprocess(self, prediction_input: dict[str, Any]) -> np.ndarray:
        """Read rows."""
        return np.array(prediction_input["instances"], dtype=np.float32)

    def predict(self, instances: np.ndarray) -> np.ndarray:
        """Predict."""
        return self._predict(instances)

    def postprocess(self, prediction_results: np.ndarray) -> dict[str, Any]:
        """Write labels."""
        return {"predictions": prediction_results.tolist()}


if __name__ == "__main__":
    os.environ.update(
        HANDLER_MODULE="google.cloud.aiplatform.prediction.handler",
        HANDLER_CLASS="PredictionHandler",
        PREDICTOR_MODULE="vertex_cpr_peer",
        PREDICTOR_CLASS="Forest",
        AIP_HTTP_PORT=os.environ["PORT"],
        AIP_HEALTH_ROUTE="/health",
        AIP_PREDICT_ROUTE="/predict",
        AIP_STORAGE_URI="",
        VERTEX_CPR_WEB_CONCURRENCY="1",
    )
    import uvicorn

    uvicorn.run(CprModelServer().app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
