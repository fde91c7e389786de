"""A model folder served on a laptop, and every protocol called by hand: `mlservice serve` and `curl`."""

import base64
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

EXAMPLE = Path(__file__).resolve().parents[2] / "specs" / "breast-cancer"
VERTEX = {"AIP_HEALTH_ROUTE": "/ping", "AIP_PREDICT_ROUTE": "/v1/endpoints/7:predict", "AIP_DEPLOYED_MODEL_ID": "8"}
ROWS = json.loads((EXAMPLE / "rows.json").read_text())["instances"]
LISTS = [list(row.values()) for row in ROWS]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
INFER = "/v2/models/tumours/infer"
BINARY_LENGTH = "inference-header-content-length"


@dataclass(frozen=True)
class Answer:
    """What curl printed, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Curl:
    """Calls one server.

    Attributes:
        input: Name of the model's input tensor.
        predictions: What the model in the folder says to the rows.
    """

    url: str
    input: str = ""
    predictions: list[float] = field(default_factory=list)

    def __call__(self, path: str, body: object = None, *headers: str) -> Answer:
        """Call a path; a body is sent as JSON, or as it is when it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = ["--data-binary", "@-"] if body is not None else []
        given = [word for header in headers for word in ("--header", header)]
        command = ["curl", "--silent", "--show-error", "--include", "--max-time", "20", *data, *given, self.url + path]
        shown = subprocess.run(command, input=content, capture_output=True, check=True).stdout
        head, _, rest = shown.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        return Answer(int(first.split()[1]), {name.lower(): value for name, value in pairs}, rest)

    def tensor(self, **changes: object) -> dict[str, object]:
        """Describe the rows in Open Inference Protocol."""
        return {"name": self.input, "shape": [len(LISTS), 10], "datatype": "FP32", "data": LISTS, **changes}


@pytest.fixture(scope="module")
def curl(start, tmp_path_factory, features) -> Curl:
    """The larger example as a folder that describes itself, served as people do on a laptop."""
    folder = tmp_path_factory.mktemp("tumours")
    shutil.copy(EXAMPLE / "model-v2" / "model.onnx", folder)
    (folder / "model.yaml").write_text(yaml.safe_dump({"name": "tumours", "features": features}, sort_keys=False))
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    name = session.get_inputs()[0].name
    predictions = session.run(None, {name: np.array(LISTS, np.float32)})[0]
    server = start(folder, command=("reconciler.cli", "serve"), **VERTEX)
    return Curl(server.url, name, predictions.tolist())


@pytest.mark.parametrize("instances", [ROWS, LISTS, COLUMNS], ids=["named", "lists", "columns"])
def test_plain_json(curl, instances):
    """Rows by name, by position, and as columns."""
    answer = curl("/predict", {"instances": instances})

    assert (answer.status, answer.json) == (200, {"predictions": curl.predictions})


def test_open_inference_in_json(curl):
    """Metadata says what to send; the answer has the caller's id and what was asked for."""
    output = curl("/v2/models/tumours").json["outputs"][0]["name"]

    answer = curl(INFER, {"id": "9", "inputs": [curl.tensor()], "outputs": [{"name": output}]}).json

    assert (answer["id"], answer["model_name"]) == ("9", "tumours")
    assert [(each["name"], each["data"]) for each in answer["outputs"]] == [(output, curl.predictions)]


def test_open_inference_in_binary(curl):
    """Tensors behind the JSON head, both ways."""
    numbers = np.array(LISTS, np.float32).tobytes()
    tensor = curl.tensor(parameters={"binary_data_size": len(numbers)})
    del tensor["data"]
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()

    answer = curl(INFER, head + numbers, f"{BINARY_LENGTH}: {len(head)}", "content-type: application/octet-stream")

    length = int(answer.headers[BINARY_LENGTH])
    size = json.loads(answer.body[:length])["outputs"][0]["parameters"]["binary_data_size"]
    found = struct.unpack(f"<{len(LISTS)}f", answer.body[length : length + size])
    assert list(found) == curl.predictions


def test_vertex(curl):
    """Vertex AI's routes are where its environment says."""
    answer = curl("/v1/endpoints/7:predict", {"instances": LISTS, "parameters": {}})

    assert curl("/ping").status == 200
    assert answer.json == {"predictions": curl.predictions, "deployedModelId": "8"}


def test_kserve_v1(curl):
    """KServe's first protocol."""
    assert curl("/v1/models").json == {"models": ["tumours"]}
    assert curl("/v1/models/tumours:predict", {"instances": LISTS}).json == {"predictions": curl.predictions}


EVENT = {"specversion": "1.0", "id": "e1", "source": "/scans", "type": "scanned"}
DATA = {"instances": LISTS}
CODED = base64.b64encode(json.dumps(DATA).encode()).decode()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(DATA, [f"ce-{name}: {value}" for name, value in EVENT.items()], id="cloudevent"),
        pytest.param({**EVENT, "data": DATA}, ["content-type: application/cloudevents+json"], id="structured"),
        pytest.param({"message": {"data": CODED, "messageId": "e1"}, "subscription": "s"}, [], id="push"),
        pytest.param(DATA, ["x-goog-pubsub-message-id: e1"], id="unwrapped-push"),
    ],
)
def test_events(curl, body, headers):
    """CloudEvents and Pub/Sub pushes; the answer is an event about the one it answers."""
    answer = curl("/events", body, *headers)

    assert (answer.status, answer.json) == (200, {"predictions": curl.predictions})
    assert answer.headers["ce-subject"] == "e1"


SHORT = {"instances": [[1]]}
SHORT_SAID = "row 0: has 1 values, the model takes 10"


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        pytest.param("/predict", SHORT, 422, lambda told: told["error"] == SHORT_SAID, id="plain"),
        pytest.param("/predict", b'{"instances": [', 400, lambda told: "truncated" in told["error"], id="truncated"),
        pytest.param(INFER, {"inputs": []}, 400, lambda told: told.keys() == {"error"}, id="v2"),
        pytest.param("/v2/models/no/infer", {}, 404, lambda told: "no such model" in told["error"], id="v2-unknown"),
        pytest.param("/v1/models/no:predict", SHORT, 404, lambda told: "no such model" in told["error"], id="kserve"),
        pytest.param(
            VERTEX["AIP_PREDICT_ROUTE"],
            SHORT,
            422,
            lambda told: told["error"] == {"code": 422, "message": SHORT_SAID, "status": "INVALID_ARGUMENT"},
            id="vertex",
        ),
        pytest.param("/events", {}, 400, lambda told: "neither a CloudEvent" in told["error"], id="event"),
        pytest.param("/nowhere", None, 404, lambda told: told == {"error": "no such path"}, id="path"),
        pytest.param("/predict", None, 405, lambda told: "another method" in told["error"], id="method"),
    ],
)
def test_refusals(curl, path: str, body: object, status: int, said: Callable[[Any], bool]):
    """Each protocol refuses in its own shape, and says why."""
    answer = curl(path, body)

    assert answer.status == status
    assert said(answer.json), answer.body
