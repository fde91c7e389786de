"""Every datatype of the Open Inference Protocol that an array can hold, there and back again."""

import httpx
import numpy as np
import onnx
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton
from onnx import TensorProto, helper

EXTREMES = {
    f"{'U' if signed == 'u' else ''}INT{bits}": (np.iinfo(f"{signed}int{bits}").min, np.iinfo(f"{signed}int{bits}").max)
    for signed in ("", "u")
    for bits in (8, 16, 32, 64)
}
VALUES = {
    "BOOL": np.array([True, False]),
    **{name: np.array(ends, getattr(np, name.lower())) for name, ends in EXTREMES.items()},
    "FP16": np.array([-65504, 2**-24], np.float16),
    "FP32": np.array([1 / 3, -3.4e38], np.float32),
    "FP64": np.array([1 / 3, -1.7e308]),
    "BYTES": np.array(["", "Zürich ✓"], object),
}
ONNX_TYPES = {
    **{name: getattr(TensorProto, name) for name in VALUES if "INT" in name or name == "BOOL"},
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}
BINARY_ONLY = {"FP16"}  # JSON of the client's


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One graph per datatype, which gives back what it gets."""
    folder = tmp_path_factory.mktemp("models")
    for name in VALUES:
        (folder / name.lower()).mkdir()
        onnx.save(echo(name), folder / name.lower() / "model.onnx")
    return folder


@pytest.fixture(scope="module")
def address(serve, folder):
    """Where they are served over HTTP."""
    return serve(folder).url.removeprefix("http://")


@pytest.fixture(scope="module")
def grpc_address(start, folder, another_port):
    """Where they are served over gRPC."""
    port = another_port()
    start(folder, "--grpc-port", str(port))
    return f"127.0.0.1:{port}"


def echo(name):
    """Make a graph of one node."""
    ends = [helper.make_tensor_value_info(end, ONNX_TYPES[name], ["rows", 1]) for end in ("given", "found")]
    graph = helper.make_graph([helper.make_node("Identity", ["given"], ["found"])], name, ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("name", VALUES)
def test_over_http(address, name, binary):
    """What an independent client sends, in JSON or in binary, comes back to the last bit."""
    if not binary and name in BINARY_ONLY:
        pytest.skip("the client sends this in binary only")
    values = VALUES[name].reshape(-1, 1)
    given = triton.InferInput("given", list(values.shape), name)
    given.set_data_from_numpy(values, binary_data=binary)
    wanted = triton.InferRequestedOutput("found", binary_data=binary)

    with triton.InferenceServerClient(address) as client:
        same(client.infer(name.lower(), [given], outputs=[wanted]).as_numpy("found"), values)


@pytest.mark.parametrize("name", VALUES)
def test_over_grpc(grpc_address, name):
    """The same over gRPC."""
    values = VALUES[name].reshape(-1, 1)
    given = triton_grpc.InferInput("given", list(values.shape), name)
    given.set_data_from_numpy(values)

    with triton_grpc.InferenceServerClient(grpc_address) as client:
        same(client.infer(name.lower(), [given]).as_numpy("found"), values)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("INT64", -7, 1.5),
        ("INT8", -128, 128),
        ("UINT8", 255, 256),
        ("UINT16", 0, -1),
        ("UINT32", 1, "1"),
        ("BOOL", True, 2),
        ("BYTES", "a", 1),
        ("FP32", 0.5, True),
    ],
)
def test_plain_json_is_held_to_the_datatype(address, name, right, wrong):
    """A graph without features takes what its input holds, and nothing that would be turned into it without a word."""
    path = f"http://{address}/v1/models/{name.lower()}:predict"

    taken = httpx.post(path, json={"instances": [[right]]})
    refused = httpx.post(path, json={"instances": [[right], [wrong]]})

    assert (taken.status_code, taken.json()) == (200, {"predictions": [right]})
    assert refused.status_code == 422
    assert refused.json()["error"].startswith("row 1, feature 'f0': ")


def same(found, values):
    """Compare type and values; text comes as bytes."""
    if values.dtype == object:
        found = np.array([one.decode() if isinstance(one, bytes) else one for one in found.reshape(-1)], object)
        found = found.reshape(-1, 1)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)
