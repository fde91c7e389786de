"""Every datatype of the Open Inference Protocol that an array can hold, there and back again."""

import numpy as np
import onnx
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException

from runtime.data.answers import Refused
from runtime.grpc_v2.messages import MESSAGES
from runtime.grpc_v2.tensors import read
from tests.conftest import HTTP

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

    taken = HTTP.post(path, json={"instances": [[right]]})
    refused = HTTP.post(path, json={"instances": [[right], [wrong]]})

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


# The greatest number that a datatype holds, and one that it does not.
ENDS = {
    "FP16": (65504.0, 70000.0),
    "FP32": (3e38, 1e39),
    "FP64": (1e308, None),  # JSON's own readers end there
    "INT8": (127, 128),
    "INT64": (2**63 - 1, 2**63),
    "UINT8": (255, 256),
    "UINT64": (2**64 - 1, 2**64),
}
BEYOND = [(name, beyond) for name, (_, beyond) in ENDS.items() if beyond is not None]
OUT_OF_SIGHT = [(name, sign * 10**400) for name in (*ENDS, "BOOL", "BYTES") for sign in (1, -1)]


def tensor_of(name, value):
    """An inference request for one value."""
    return {"inputs": [{"name": "given", "datatype": name, "shape": [1, 1], "data": [value]}]}


@pytest.mark.parametrize("name", ENDS)
def test_numbers_are_held_to_the_datatype(address, name):
    """The greatest number of a datatype comes back, by plain JSON and by tensors, whatever the type of the feature."""
    greatest, _ = ENDS[name]

    plain = HTTP.post(f"http://{address}/v1/models/{name.lower()}:predict", json={"instances": [[greatest]]})
    tensor = HTTP.post(f"http://{address}/v2/models/{name.lower()}/infer", json=tensor_of(name, greatest))

    held = np.array(greatest, VALUES[name].dtype).item()
    assert plain.json() == {"predictions": [held]}
    assert tensor.json()["outputs"][0]["data"] == [held]


@pytest.mark.parametrize(("name", "beyond"), [*BEYOND, *OUT_OF_SIGHT])
def test_what_a_datatype_does_not_hold_is_refused(address, name, beyond):
    """Never null with 200, never another number, never 500: the answer names the row, or the tensor."""
    plain = HTTP.post(f"http://{address}/v1/models/{name.lower()}:predict", json={"instances": [[beyond]]})
    tensor = HTTP.post(f"http://{address}/v2/models/{name.lower()}/infer", json=tensor_of(name, beyond))

    assert plain.status_code == 422
    assert plain.json()["error"].startswith("row 0, feature 'f0': ")
    assert tensor.status_code == 400
    assert tensor.json()["error"].startswith("input 'given': the data is not ")
    assert max(len(answer.text) for answer in (plain, tensor)) < 600


def test_a_wider_tensor_is_refused_where_it_does_not_fit(address):
    """Binary tensors of a greater precision are narrowed, and refused where that would make infinity of a number."""
    given = triton.InferInput("given", [2, 1], "FP32")
    with triton.InferenceServerClient(address) as client:
        given.set_data_from_numpy(np.array([[1.0], [65504.0]], np.float32))
        same(client.infer("fp16", [given]).as_numpy("found"), np.array([[1.0], [65504.0]], np.float16))

        given.set_data_from_numpy(np.array([[1.0], [70000.0]], np.float32))
        with pytest.raises(InferenceServerException, match=r"70000\.0 does not fit FP16"):
            client.infer("fp16", [given])


def test_a_wider_tensor_is_refused_over_grpc(grpc_address):
    """The same over gRPC."""
    given = triton_grpc.InferInput("given", [1, 1], "FP32")
    given.set_data_from_numpy(np.array([[70000.0]], np.float32))

    with (
        triton_grpc.InferenceServerClient(grpc_address) as client,
        pytest.raises(InferenceServerException, match=r"70000\.0 does not fit FP16"),
    ):
        client.infer("fp16", [given])


@pytest.mark.parametrize("size", [2**63, 10**400], ids=["beyond-64-bits", "400-digits"])
@pytest.mark.parametrize("extension", [False, True], ids=["json", "binary"])
def test_a_size_that_no_array_has_is_refused(address, size, extension):
    """Eight sizes of hundreds of digits have a product that Python will not even print."""
    body = tensor_of("FP32", 1.0)
    body["inputs"][0]["shape"] = [size] * 8
    if extension:
        del body["inputs"][0]["data"]
        body["inputs"][0]["parameters"] = {"binary_data_size": 0}
    answer = HTTP.post(f"http://{address}/v2/models/fp32/infer", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"].endswith("each below 2**63")


@pytest.mark.parametrize(
    ("name", "field", "fits", "beyond"),
    [
        ("INT8", "int_contents", -128, -129),
        ("INT16", "int_contents", 2**15 - 1, 2**15),
        ("INT32", "int_contents", 2**31 - 1, None),  # the message's own type ends there
        ("INT64", "int64_contents", -(2**63), None),
        ("UINT8", "uint_contents", 255, 256),
        ("UINT16", "uint_contents", 2**16 - 1, 2**16),
        ("UINT64", "uint64_contents", 2**64 - 1, None),
        ("FP32", "fp32_contents", 1.5, None),
        ("FP64", "fp64_contents", 1.7e308, None),
    ],
)
def test_typed_contents_are_held_to_the_datatype(name, field, fits, beyond):
    """Messages have one type of integer for several datatypes: what one does not hold is refused, not wrapped."""
    given = MESSAGES["ModelInferRequest"]()
    tensor = given.inputs.add(name="given", datatype=name, shape=[1])
    getattr(tensor.contents, field).append(fits)
    assert read(given, ())["given"].tolist() == [fits]
    if beyond is None:
        return

    getattr(tensor.contents, field)[0] = beyond

    with pytest.raises(Refused, match=f"input 'given': the data is not {name}"):
        read(given, ())
