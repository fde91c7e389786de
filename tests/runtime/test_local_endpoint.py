"""Vertex AI's own local endpoint, as it comes with Google's client, in front of the model server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest

from tests.runtime import container_engine
from tests.runtime.conftest import free_port
from tests.runtime.page import examples, promised

if TYPE_CHECKING:
    from google.cloud.aiplatform.prediction import LocalEndpoint, LocalModel

IMAGE = "us-docker.pkg.dev/mlservice/images/runtime"


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Where Docker's client finds an engine."""
    with container_engine.running(tmp_path) as (address, engine):
        monkeypatch.setenv("DOCKER_HOST", address)
        yield engine


@pytest.fixture
def local_model():
    """Google's class for a container on this machine."""
    from google.cloud import aiplatform  # noqa: PLC0415 - 10 s, which no other test should wait for
    from google.cloud.aiplatform.prediction import LocalModel  # noqa: PLC0415 - 10 s, which no other test should wait for

    aiplatform.init(project="local")
    return LocalModel


@contextmanager
def served(model: "LocalModel", folder: Path) -> Iterator["LocalEndpoint"]:
    """Start a container and stop it."""
    with model.deploy_to_local_endpoint(str(folder), container_ready_check_interval=0.1) as endpoint:
        try:
            yield endpoint
        finally:
            endpoint.stop()
            endpoint.container = None  # or its destructor stops it once more, when the engine is gone


@pytest.mark.parametrize(
    "routes",
    [
        pytest.param({}, id="its-own-routes"),
        pytest.param({"predict_route": "/v1/endpoints/7:predict", "health_route": "/ping"}, id="vertex-ais-routes"),
    ],
)
def test_a_model_behind_a_local_endpoint(engine, local_model, specs, routes):
    """Google's client starts the server, waits for its health, gets its predictions and refusals, and stops it."""
    container = {f"serving_container_{name}": value for name, value in routes.items()}
    model = local_model(serving_container_image_uri=IMAGE, serving_container_ports=[free_port()], **container)
    rows = (specs / "iris" / "rows.json").read_text()

    with served(model, specs / "iris" / "model") as endpoint:
        health = endpoint.run_health_check()
        answer = endpoint.predict(request=rows, headers={"content-type": "application/json"})
        refused = endpoint.predict(request='{"instances": [[1]]}')

    assert health.status_code == 200
    assert answer.json() == {"predictions": own_predictions(specs, rows)}
    assert (refused.status_code, refused.json()["error"]["status"]) == (422, "INVALID_ARGUMENT")
    assert engine.containers[-1].process.returncode == 0


def own_predictions(specs: Path, rows: str) -> list[str]:
    """What the artefact itself says."""
    session = onnxruntime.InferenceSession(str(specs / "iris" / "model" / "model.onnx"))
    matrix = np.array(json.loads(rows)["instances"], np.float32)
    return session.run(None, {session.get_inputs()[0].name: matrix})[0].tolist()


def test_the_page_shows_it(engine, local_model, specs, monkeypatch, capsys):
    """The call in docs/runtime.md prints what its comment says."""
    _, code = examples("python", free_port())
    monkeypatch.chdir(specs.parent)
    names: dict[str, Any] = {}

    exec(code, names)  # noqa: S102 - it is our own page
    names["endpoint"].container = None

    assert capsys.readouterr().out.splitlines() == promised(code)
