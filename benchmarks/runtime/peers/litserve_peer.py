"""LitServe. KIND, FILE, PORT; BATCH rows joined at most, 1 for none."""

import os
from typing import Any

import litserve
import numpy as np
from loading import loaded  # beside this file


class Forest(litserve.LitAPI):
    """The four hooks."""

    def setup(self, device: str) -> None:
        """Load."""
        del device
        self.predict_rows = loaded(os.environ["KIND"], os.environ["FILE"])

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        """Read rows."""
        return np.array(request["instances"], dtype=np.float32)

    def batch(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Keep the requests apart by their lengths."""
        return inputs

    def predict(self, rows: Any) -> Any:
        """Predict one request, or several."""
        if isinstance(rows, list):
            found = self.predict_rows(np.concatenate(rows))
            return np.split(found, np.cumsum([len(r) for r in rows])[:-1])
        return self.predict_rows(rows)

    def unbatch(self, output: Any) -> Any:
        """Give each its own."""
        return output

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        """Write labels."""
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    batch = int(os.environ.get("BATCH", "1"))
    api = Forest(max_batch_size=batch, batch_timeout=0.002 if batch > 1 else 0.0)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", generate_client_file=False)
