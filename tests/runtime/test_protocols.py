"""Every protocol, from a client's side."""

import base64
import json
import socket
import struct
from concurrent.futures import Future

import grpc
import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.runtime import streams

SLEEPER = """
import time

class Model:
    def load(self, folder):
        self.folder = folder

    def predict(self, inputs):
        if inputs["s"].any():
            (self.folder / "begun").touch()
            time.sleep(inputs["s"].max())
        return inputs["s"]
"""
VERTEX = {
    "AIP_HEALTH_ROUTE": "/ping",
    "AIP_PREDICT_ROUTE": "/v1/endpoints/7/deployedModels/8:predict",
    "AIP_DEPLOYED_MODEL_ID": "8",
}


@pytest.fixture(scope="module")
def server(serve, specs, features):
    """Both versions of the larger example in one server, named as the reconciler would, under Vertex AI's contract."""
    return serve(
        None,
        model={
            "uri": str(specs / "breast-cancer/model-v2"),
            "version": "v2",
            "alias": "champion",
            "features": features,
        },
        K_SERVICE="tumours",
        **VERTEX,
    )


@pytest.fixture(scope="module")
def rows(specs) -> np.ndarray:
    """The example's rows as the model takes them."""
    named = json.loads((specs / "breast-cancer/rows.json").read_text())["instances"]
    return np.array([list(row.values()) for row in named], np.float32)


@pytest.fixture(scope="module")
def expected(specs, rows) -> dict[str, np.ndarray]:
    """What onnxruntime itself computes."""
    session = onnxruntime.InferenceSession(str(specs / "breast-cancer/model-v2/model.onnx"))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: rows}), strict=True))


@pytest.fixture(scope="module")
def names(server) -> tuple[str, list[str]]:
    """Names of the input and the outputs, read from the metadata."""
    metadata = server.get("/v2/models/tumours").json()
    return metadata["inputs"][0]["name"], [output["name"] for output in metadata["outputs"]]


def infer(server, body, path="/v2/models/tumours/infer", **options):
    """Send an inference request."""
    return server.post(path, body, **options)


def tensor(name, rows, **changes):
    """Describe a tensor in JSON."""
    return {"name": name, "shape": list(rows.shape), "datatype": "FP32", "data": rows.tolist(), **changes}


class TestOpenInference:
    """Open Inference Protocol v2 over REST."""

    def test_metadata(self, server):
        """Server and model describe themselves, with the feature schema and an example in the properties."""
        assert server.get("/v2").json()["name"] == server.get("/v2/").json()["name"] == "mlservice"
        model = server.get("/v2/models/tumours/versions/v2").json()

        assert (model["name"], model["versions"], model["platform"]) == ("tumours", ["v2"], "onnx_onnxv1")
        assert model["inputs"][0]["datatype"] == "FP32"
        assert model["inputs"][0]["shape"] == [-1, 10]
        assert json.loads(model["properties"]["features"])["mean_radius"]["maximum"] == 100
        example = json.loads(model["properties"]["example"])
        assert server.post("/predict", example).status_code == 200

    def test_health(self, server):
        """Server and model readiness, by version and alias."""
        paths = ("/v2/health/live", "/v2/health/ready", "/v2/models/tumours/ready")
        versions = [f"/v2/models/tumours/versions/{v}/ready" for v in ("v2", "champion")]
        assert {server.get(path).status_code for path in (*paths, *versions)} == {200}
        assert server.get("/v2/models/tumours/versions/v9/ready").status_code == 404
        assert [server.get(path).json() for path in paths[:2]] == [{"live": True}, {"ready": True}]

    @pytest.mark.parametrize("path", ["", "/versions/v2", "/versions/champion"])
    def test_json(self, server, rows, expected, names, path):
        """Nested and flat data give what the model gives, under the model's output names, with the caller's id."""
        for data in (rows.tolist(), rows.ravel().tolist()):
            body = {"id": "42", "inputs": [tensor(names[0], rows, data=data)]}
            answer = infer(server, body, f"/v2/models/tumours{path}/infer").json()

            assert (answer["model_name"], answer["model_version"], answer["id"]) == ("tumours", "v2", "42")
            for output in answer["outputs"]:
                values = np.array(output["data"]).reshape(output["shape"])
                np.testing.assert_allclose(values, expected[output["name"]], rtol=1e-6)

    def test_requested_outputs(self, server, rows, names):
        """Only what is asked for is computed, in the order asked for."""
        body = {"inputs": [tensor(names[0], rows)], "outputs": [{"name": names[1][-1]}]}

        assert [output["name"] for output in infer(server, body).json()["outputs"]] == names[1][-1:]

    def test_a_tensor_per_feature(self, server, rows, features, names, expected):
        """Features may come one by one, and are checked against the schema."""
        inputs = [tensor(name, rows[:, [i]]) for i, name in enumerate(features)]

        answer = infer(server, {"inputs": inputs}).json()

        np.testing.assert_allclose(np.array(answer["outputs"][0]["data"]), expected[names[1][0]])
        inputs[0]["data"][3] = [-5.0]
        refused = infer(server, {"inputs": inputs})
        assert refused.status_code == 400
        assert "row 3, feature 'mean_radius': -5.0 is below 0" in refused.json()["error"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            pytest.param({"datatype": "FP33"}, "datatype 'FP33' is none of", id="unknown-datatype"),
            pytest.param({"datatype": "BYTES", "data": ["a"] * 100}, "is BYTES, the model takes FP32", id="text"),
            pytest.param({"datatype": "INT8", "data": [300.5] * 100}, "the data is not INT8", id="not-the-datatype"),
            pytest.param({"datatype": "UINT8", "data": [300] * 100}, "the data is not UINT8", id="out-of-range"),
            pytest.param({"data": [[1.0] * 10] * 9}, "90 values do not fill the shape", id="too-few"),
            pytest.param({"data": [[1.0] * 10, [1.0]]}, "different lengths", id="ragged"),
            pytest.param({"data": ["1.5"] * 100}, "the data is not FP32", id="text-for-numbers"),
            pytest.param({"data": [True] * 100}, "the data is not FP32", id="booleans-for-numbers"),
            pytest.param({"shape": [10, -1]}, "none below 0", id="negative-size"),
            pytest.param(
                {"shape": [100], "data": [1.0] * 100}, "has shape [100], the model takes [-1, 10]", id="wrong-rank"
            ),
            pytest.param({"shape": [2**62, 4]}, "do not fill the shape", id="overflowing-shape"),
            pytest.param({"name": "nobody"}, "no input 'nobody'", id="unknown-input"),
            pytest.param({"data": None}, "the data is not FP32", id="null"),
            pytest.param({"data": [-1.0] * 100}, "row 0, feature 'mean_radius': -1.0 is below 0", id="below-min"),
        ],
    )
    def test_a_wrong_tensor(self, server, rows, names, change, message):
        """Each is refused with 400 and a reason, in the protocol's shape."""
        answer = infer(server, {"inputs": [tensor(names[0], rows) | change]})

        assert answer.status_code == 400
        assert message in answer.json()["error"]

    def test_unknown_models_and_outputs(self, server, rows, names):
        """404 for a model, 400 for an output."""
        body = {"inputs": [tensor(names[0], rows)], "outputs": [{"name": "nobody"}]}

        assert infer(server, body).status_code == 400
        for path in ("/v2/models/nobody/infer", "/v2/models/tumours/versions/v9/infer"):
            answer = infer(server, {"inputs": []}, path)
            assert (answer.status_code, list(answer.json())) == (404, ["error"])

    @pytest.mark.parametrize(
        ("declared", "size", "tail", "message"),
        [
            pytest.param("9999999", 400, b"", "within the body", id="header-beyond-the-body"),
            pytest.param("-1", 400, b"", "within the body", id="header-no-number"),
            pytest.param("1" * 5000, 400, b"", "within the body", id="header-of-too-many-digits"),
            pytest.param(None, 400, bytes(399), "399 bytes are left", id="size-beyond-the-body"),
            pytest.param(None, 396, bytes(396), "396 bytes, FP32 [10, 10] takes 400", id="size-not-the-shape"),
            pytest.param(None, 400, bytes(404), "4 bytes are left after the last tensor", id="bytes-left"),
            pytest.param(None, -4, bytes(4), "binary_data_size is -4", id="negative"),
            pytest.param(None, "400", bytes(400), "binary_data_size is '400'", id="text"),
            pytest.param(
                None, 400, struct.pack("<f", float("nan")) * 100, "'mean_radius': nan is not finite", id="not-a-number"
            ),
        ],
    )
    def test_wrong_binary_lengths(self, server, rows, names, *, declared, size, tail, message):
        """No length in a binary request is taken on trust."""
        described = tensor(names[0], rows) | {"parameters": {"binary_data_size": size}}
        del described["data"]
        head = json.dumps({"inputs": [described]}).encode()
        headers = {"Inference-Header-Content-Length": declared or str(len(head))}

        answer = infer(server, None, content=head + tail, headers=headers)

        assert answer.status_code == 400
        assert message in answer.json()["error"]


class TestTriton:
    """The same protocol through a client that none of us wrote."""

    @pytest.mark.parametrize("binary", [True, False])
    def test_infer(self, server, rows, expected, names, binary):
        """Tritonclient gets the model's own numbers, with binary tensors and without."""
        with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
            assert client.is_server_live()
            assert client.is_model_ready("tumours", "v2")
            given = triton.InferInput(names[0], list(rows.shape), "FP32")
            given.set_data_from_numpy(rows, binary_data=binary)
            asked = [triton.InferRequestedOutput(name, binary_data=binary) for name in names[1]]

            found = client.infer("tumours", [given], outputs=asked, request_id="9")

            assert found.get_response()["id"] == "9"
            for name in names[1]:
                np.testing.assert_allclose(found.as_numpy(name), expected[name], rtol=1e-6)

    def test_text_both_ways(self, serve, specs):
        """Labels that are text come back as BYTES, in binary and in JSON."""
        server = serve(specs / "iris/model", "--name", "iris")
        with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
            metadata = client.get_model_metadata("iris")
            given = triton.InferInput(metadata["inputs"][0]["name"], [1, 4], "FP32")
            given.set_data_from_numpy(np.array([[5.1, 3.5, 1.4, 0.2]], np.float32))
            label = metadata["outputs"][0]["name"]
            for binary in (True, False):
                asked = [triton.InferRequestedOutput(label, binary_data=binary)]
                found = client.infer("iris", [given], outputs=asked).as_numpy(label)
                assert found.tolist() in ([b"setosa"], ["setosa"])


@pytest.fixture(scope="module")
def client(start, specs, features, another_port):
    """A client of a server with a second port."""
    port = another_port()
    model = {"uri": str(specs / "breast-cancer/model-v2"), "features": features}
    start(None, "--grpc-port", str(port), "--name", "tumours", model=model)
    with triton_grpc.InferenceServerClient(f"127.0.0.1:{port}") as client:
        yield client


class TestGrpc:
    """The same protocol over gRPC, through the same client."""

    def test_infer(self, client, rows, expected, names):
        """Health, metadata and predictions as over REST."""
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("tumours", "1")
        assert client.get_model_metadata("tumours").inputs[0].shape == [-1, 10]
        given = triton_grpc.InferInput(names[0], list(rows.shape), "FP32")
        given.set_data_from_numpy(rows)

        found = client.infer("tumours", [given], request_id="9")

        assert found.get_response().id == "9"
        for name in names[1]:
            np.testing.assert_allclose(found.as_numpy(name), expected[name], rtol=1e-6)

    def test_errors_have_codes(self, client, rows, names):
        """An unknown model is NOT_FOUND, a row against the schema INVALID_ARGUMENT with row and feature."""
        given = triton_grpc.InferInput(names[0], list(rows.shape), "FP32")
        given.set_data_from_numpy(-rows)
        with pytest.raises(InferenceServerException, match=r"INVALID_ARGUMENT.*row 0, feature 'mean_radius'"):
            client.infer("tumours", [given])
        with pytest.raises(InferenceServerException, match="NOT_FOUND"):
            client.infer("nobody", [given])

    def test_what_is_no_message(self, grpc_server):
        """Bytes that are no message are the caller's fault, and say nothing of how they are read."""
        assert grpc_call(grpc_server(), "ModelInfer", b"\xff\xff") == (
            "INVALID_ARGUMENT",
            "this is no ModelInferRequest",
        )

    @pytest.mark.parametrize("method", ["ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata"])
    def test_what_is_no_message_of_a_probe(self, bounded, method):
        """The same of every other method."""
        assert grpc_call(bounded, method, b"\xff\xff") == ("INVALID_ARGUMENT", f"this is no {method}Request")

    def test_a_path_that_is_no_text_closes_no_port(self, start, specs, another_port):
        """It ends gRPC's own loop, whoever calls it: the port is opened again, as often as need be."""
        port = another_port()
        server = start(specs / "iris/model", "--grpc-port", str(port))
        for times in (1, 2, 3):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(streams.PREFACE + streams.frame(4, 0, 0, b"") + streams.headers(b"\xff", []))
                server.wait(lambda times=times: server.log.read_text().count("gRPC is opened again") == times)
            server.wait(lambda: grpc_call(port, "ServerReady")[0] == "OK")
        assert server.stop() == 0

    def test_keys(self, grpc_server):
        """With keys, predictions and metadata need one, also before a model is looked for; probes do not."""
        port = grpc_server(MLSERVICE_API_KEYS="one")

        for method in ("ModelInfer", "ModelMetadata", "ServerMetadata"):
            assert grpc_call(port, method)[0] == "UNAUTHENTICATED"
        assert grpc_call(port, "ServerMetadata", metadata=[("authorization", "Bearer one")])[0] == "OK"
        assert grpc_call(port, "ServerReady")[0] == "OK"

    def test_a_connection_is_told_its_bounds(self, bounded):
        """The first frame of the server says how many calls may be open and how large their metadata may be."""
        with socket.create_connection(("127.0.0.1", bounded), timeout=10) as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
            stream = connection.makefile("rb")
            head = stream.read(9)
            settings = dict(struct.iter_unpack(">HI", stream.read(int.from_bytes(head[:3], "big"))))

        assert head[3] == 4  # SETTINGS
        assert (settings[3], settings[6]) == (128, 32 * 1024)  # of RFC 9113, section 6.5.2

    def test_metadata_has_a_bound(self, bounded):
        """As large as a head over HTTP may be, and no larger."""
        port = bounded
        assert grpc_call(port, "ServerReady", metadata=[("x", "a" * 30_000)])[0] == "OK"
        assert grpc_call(port, "ServerReady", metadata=[("x", "a" * 33_000)])[0] == "RESOURCE_EXHAUSTED"

    def test_sigterm_waits_for_calls(self, start, tmp_path, another_port):
        """A call that is being answered at SIGTERM has as long as one over HTTP."""
        (tmp_path / "model.py").write_text(SLEEPER)
        port = another_port()
        model = {"framework": "custom", "features": {"s": {"type": "number"}}}
        server = start(tmp_path, "--grpc-port", str(port), model=model)
        given = triton_grpc.InferInput("s", [1], "FP64")
        given.set_data_from_numpy(np.array([4.5]))
        found: Future = Future()

        with triton_grpc.InferenceServerClient(f"127.0.0.1:{port}") as client:
            client.async_infer("model", [given], callback=lambda result, error: found.set_result((result, error)))
            server.wait((tmp_path / "begun").exists, 10)
            assert server.stop() == 0
            result, error = found.result(10)

        assert error is None
        assert result.as_numpy("prediction").tolist() == [4.5]


@pytest.fixture(scope="module")
def grpc_server(start, specs, another_port):
    """Start a server with a second port; gives that port."""

    def _start(**environment) -> int:
        port = another_port()
        start(specs / "iris/model", "--grpc-port", str(port), **environment)
        return port

    return _start


@pytest.fixture(scope="module")
def bounded(start, specs, another_port):
    """Give the port of a server that tests leave as they find it."""
    port = another_port()
    start(specs / "iris/model", "--grpc-port", str(port))
    return port


def grpc_call(port, method, body=b"", **options) -> tuple[str, str]:
    """Call without the client's own checks; gives the code and its text."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(body, timeout=10, **options)
        except grpc.RpcError as error:
            return error.code().name, error.details()
    return "OK", ""


def test_vertex_contract(server, rows, expected, names):
    """Vertex AI's routes from its environment; instances and parameters in, predictions and the model's id out."""
    assert server.get("/ping").status_code == 200
    path = VERTEX["AIP_PREDICT_ROUTE"]

    answer = server.post(path, {"instances": rows.tolist(), "parameters": {"threshold": 0.5}})

    assert answer.json() == {"predictions": expected[names[1][0]].tolist(), "deployedModelId": "8"}
    refused = server.post(path, {"instances": [[1]]})
    assert refused.status_code == 422
    assert refused.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_kserve_v1(server, rows, expected, names):
    """KServe's first protocol: list, readiness, predict."""
    assert server.get("/v1/models").json() == {"models": ["tumours"]}
    assert server.get("/v1/models/tumours").json() == {"name": "tumours", "ready": True}

    answer = server.post("/v1/models/tumours:predict", {"instances": rows.tolist()})

    assert answer.json() == {"predictions": expected[names[1][0]].tolist()}
    assert server.post("/v1/models/nobody:predict", {"instances": []}).status_code == 404


@pytest.mark.parametrize("kind", ["binary", "structured", "base64", "push", "unwrapped push"])
def test_events(server, rows, expected, names, kind):
    """CloudEvents and Pub/Sub pushes are answered by an event that names the one it answers."""
    data = {"instances": rows.tolist()}
    coded = base64.b64encode(json.dumps(data).encode()).decode()
    event = {"specversion": "1.0", "id": "e1", "source": "s", "type": "t"}
    structured = {"Content-Type": "application/cloudevents+json"}
    body, headers = {
        "binary": (data, {f"ce-{key}": value for key, value in event.items()}),
        "structured": ({**event, "data": data}, structured),
        "base64": ({**event, "data_base64": coded}, structured),
        "push": ({"message": {"data": coded, "messageId": "e1"}, "subscription": "projects/p/subscriptions/s"}, {}),
        "unwrapped push": (data, {"x-goog-pubsub-message-id": "e1"}),
    }[kind]

    answer = server.post("/events", content=json.dumps(body).encode(), headers=headers)

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": expected[names[1][0]].tolist()}
    assert answer.headers["ce-subject"] == "e1"
    assert answer.headers["ce-type"] == "dev.mlservice.prediction"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"message": {"data": "%%%"}}', b'{"message": {"data": "e30="}}'])
def test_bad_events(server, body):
    """What is no event, or holds no request, is the sender's fault."""
    assert server.post("/events", content=body).status_code == 400


def test_metrics_count_by_protocol(server):
    """Every answer is counted by model, version, protocol and status, and time is split into phases."""
    server.post(VERTEX["AIP_PREDICT_ROUTE"], {"instances": [{"mean_radius": -1}]})
    infer(server, {"inputs": []})

    text = server.get("/metrics").text

    assert 'mlservice_requests_total{model="tumours",version="v2",protocol="vertex",code="422"}' in text
    assert (
        'mlservice_phase_seconds_bucket{model="tumours",version="v2",protocol="v2",phase="decode",le="1e-05"}' in text
    )
    assert 'mlservice_batch_rows_bucket{model="tumours",version="v2",le="+Inf"}' in text
    assert "mlservice_ready 1" in text


def test_openapi_holds_the_schema(server):
    """The document has the features with their ranges, and an example that works."""
    document = server.get("/openapi.json").json()

    row = document["components"]["schemas"]["Instances"]["properties"]["instances"]["items"]["anyOf"][0]
    assert row["properties"]["mean_area"] == {"type": "number", "minimum": 0.0, "maximum": 5000.0}
    example = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert server.post("/predict", example).status_code == 200
