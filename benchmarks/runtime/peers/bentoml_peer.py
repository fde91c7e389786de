"""BentoML. KIND, FILE, PORT; BATCH rows joined at most, 1 for none."""

import os

import bentoml
import numpy as np
from loading import loaded  # beside this file

BATCH = int(os.environ.get("BATCH", "1"))


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 1000})
class Forest:
    """A service as its documentation shows one."""

    def __init__(self) -> None:
        self._predict = loaded(os.environ["KIND"], os.environ["FILE"])

    @bentoml.api(batchable=BATCH > 1, max_batch_size=max(BATCH, 2), max_latency_ms=1000)
    def predict(self, instances: list[list[float]]) -> list[int]:
        """Predict."""
        return self._predict(np.array(instances, dtype=np.float32)).tolist()


if __name__ == "__main__":
    os.execvp(  # noqa: S606 - its own command line
        os.path.join(os.path.dirname(os.sys.executable), "bentoml"),  # noqa: PTH118, PTH120 - as short as in a README
        ["bentoml", "serve", "bentoml_peer:Forest", "--host", "127.0.0.1", "--port", os.environ["PORT"]],
    )
