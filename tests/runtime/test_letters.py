"""Protocols to the letter: null, what is left out, compressed bodies, marks, and numbers at the ends of their types."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tritonclient.http as triton

from runtime.data.answers import Refused, Request
from runtime.protocols.codings import unpacked

if TYPE_CHECKING:
    from tests.runtime.servers import Server

SOURCE = (
    "import numpy as np\n"
    "class Model:\n"
    "    def predict(self, inputs):\n"
    "        gaps = np.isnan(inputs['a']) + 10 * np.isnan(inputs['n'])\n"
    "        gaps = gaps + 100 * np.array([one is None for one in inputs['kind']]) + 1000 * inputs['b']\n"
    "        return gaps.astype(np.int32)\n"
)
FEATURES = {
    "a": {"type": "number", "nullable": True},
    "n": {"type": "integer", "nullable": True},
    "kind": {"type": "category", "values": ["x", "y"], "nullable": True},
    "b": {"type": "boolean"},
}
V2 = "/v2/models/model/infer"


@pytest.fixture(scope="module")
def gaps(serve, tmp_path_factory) -> Server:
    """A class that says what is missing: a 1, n 10, kind 100; b is 1000."""
    folder = tmp_path_factory.mktemp("gaps")
    (folder / "model.py").write_text(SOURCE)
    return serve(folder, model={"framework": "custom", "features": FEATURES})


@pytest.fixture(scope="module")
def iris(serve, specs) -> Server:
    """A table of four numbers, none of which may be null."""
    return serve(specs / "iris" / "model")


def tensor(name: str, datatype: str, *data: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": list(data)}


YES, NO = True, False
WHOLE = [tensor("a", "FP64", 0.5), tensor("n", "INT64", 3), tensor("kind", "BYTES", "x"), tensor("b", "BOOL", YES)]
LEFT = {
    "nothing": ({}, [1000]),
    "a-null": ({"a": tensor("a", "FP32", None)}, [1001]),
    "n-null": ({"n": tensor("n", "INT64", None)}, [1010]),
    "kind-null": ({"kind": tensor("kind", "BYTES", None)}, [1100]),
    "a-left-out": ({"a": None}, [1001]),
    "all-left-out": ({"a": None, "n": None, "kind": None}, [1111]),
}


def answered(server: Server, inputs: list[Any], **more: Any) -> Any:
    return server.post(V2, {"inputs": inputs, **more}).json()


@pytest.mark.parametrize(("changes", "wanted"), LEFT.values(), ids=LEFT)
def test_null_and_what_is_left_out(gaps, changes, wanted):
    """A nullable feature may be null in a tensor of JSON, or have no tensor, as in plain JSON."""
    given = [changes.get(one["name"], one) for one in WHOLE]

    assert answered(gaps, [one for one in given if one is not None])["outputs"][0]["data"] == wanted


def test_null_beside_others(gaps):
    """In a tensor of several rows each has its own, nested or not."""
    rows = [
        {**tensor("a", "FP32", 1.0, None, 2.0), "shape": [3, 1], "data": [[1.0], [None], [2.0]]},
        tensor("n", "INT64", None, 2, 3),
        tensor("kind", "BYTES", "x", "y", None),
        tensor("b", "BOOL", NO, NO, NO),
    ]

    assert answered(gaps, rows)["outputs"][0]["data"] == [10, 1, 100]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(tensor("b", "BOOL", None), "row 0, feature 'b': is null", id="not-nullable"),
        pytest.param(None, "'b' is missing", id="left-out"),
        pytest.param(tensor("b", "INT64", 1, None), "number of rows", id="other-rows"),
        pytest.param(tensor("b", "BOOL", "yes"), "the data is not BOOL", id="text"),
    ],
)
def test_what_may_not_be_null_is_refused(gaps, change, problem):
    """By the feature's name, as in plain JSON."""
    given = [*WHOLE[:3], *([change] if change else [])]

    assert problem in answered(gaps, given)["error"]


@pytest.mark.parametrize("datatype", ["FP32", "INT64", "BOOL"])
def test_null_in_a_table_that_has_none(iris, datatype):
    """Its refusal names row and feature."""
    value = {"FP32": 1.5, "INT64": 1, "BOOL": True}[datatype]
    table = {"name": "X", "datatype": datatype, "shape": [1, 4], "data": [value, None, value, value]}

    assert "X" in answered(iris, [table])["error"] or "'f1'" in answered(iris, [table])["error"]


def test_unset_keys_may_be_null(gaps):
    """Clients that write what they have not set as null are answered as if they had left it out."""
    inputs = [{**one, "parameters": None} for one in WHOLE]
    more = {"id": None, "parameters": None}

    assert answered(gaps, inputs, outputs=None, **more)["outputs"][0]["data"] == [1000]
    assert answered(gaps, inputs, outputs=[{"name": "prediction", "parameters": None}])["outputs"][0]["data"] == [1000]


def test_metadata_says_what_is_answered(gaps, serve, tmp_path):
    """A class that declares no outputs has the datatype and the shape of its first answer."""
    (spec,) = gaps.get("/v2/models/model").json()["outputs"]
    (output,) = answered(gaps, WHOLE)["outputs"]
    (tmp_path / "model.py").write_text(
        "class Model:\n    def predict(self, inputs):\n        return inputs['kind'].astype(str).reshape(-1, 1)\n"
    )
    words = serve(tmp_path, model={"framework": "custom", "features": {"kind": FEATURES["kind"]}})
    (text,) = words.get("/v2/models/model").json()["outputs"]

    assert (spec["datatype"], spec["shape"]) == (output["datatype"], [-1]) == ("INT32", [-1])
    assert (text["datatype"], text["shape"]) == ("BYTES", [-1, 1])


ROW = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
TENSORS = {"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}]}
BODIES = {"/predict": ROW, "/v1/models/model:predict": ROW, V2: TENSORS, "/events": ROW}
EVENT = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "identity"])
def test_compressed_bodies(iris, path, coding):
    """What is said of the coding is what the body is unpacked by, whatever the protocol."""
    raw = json.dumps(BODIES[path]).encode()
    body = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}.get(coding, bytes)(raw)
    answer = iris.post(path, content=body, headers={"content-encoding": coding, **EVENT})

    assert answer.status_code == 200, answer.text
    assert "setosa" in answer.text


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip"])
def test_an_unknown_coding_is_told_those_that_are_known(iris, coding):
    """415, and what is taken instead."""
    answer = iris.post("/predict", content=b"\x28\xb5\x2f\xfd", headers={"content-encoding": coding})

    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate")
    assert coding in answer.json()["error"]


def test_a_compressed_body_with_binary_tensors(iris):
    """Triton's client compresses head and tensors together; the length in the header is of what is unpacked."""
    with triton.InferenceServerClient(iris.url.removeprefix("http://")) as client:
        given = triton.InferInput("X", [1, 4], "FP32")
        given.set_data_from_numpy(np.array([[5.1, 3.5, 1.4, 0.2]], np.float32))
        for coding in ("gzip", "deflate"):
            found = client.infer("model", [given], request_compression_algorithm=coding)
            assert found.as_numpy("label").tolist() == [b"setosa"]


LIMIT = 1000


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        pytest.param(gzip.compress(bytes(LIMIT + 1)), 413, "larger than 1000 bytes, unpacked", id="larger"),
        pytest.param(gzip.compress(bytes(600)) * 2, 413, "larger than 1000 bytes, unpacked", id="in-two-members"),
        pytest.param(gzip.compress(b"") * 17, 400, "more than 16 members", id="members"),
        pytest.param(gzip.compress(bytes(LIMIT))[:-4], 400, "it ends early", id="cut"),
        pytest.param(b"{}", 400, "the body is no gzip: ", id="plain"),
        pytest.param(gzip.compress(b"a") + b"more", 400, "the body is no gzip: ", id="something-behind"),
        pytest.param(b"", 400, "it ends early", id="empty"),
    ],
)
def test_bodies_are_unpacked_no_further_than_they_may_be_long(body, status, problem):
    """A thousand bytes may be a million; what is no such file is refused with its reason."""
    with pytest.raises(Refused, match=problem) as refused:
        unpacked(Request(body, [(b"content-encoding", b"gzip")], ""), LIMIT)

    assert refused.value.status == status


def test_members_are_one_body():
    """As a file of gzip is; the bound itself is allowed, and what was said of the coding is gone."""
    body = gzip.compress(b"a" * 400) + gzip.compress(b"b" * 600)
    found = unpacked(
        Request(body, [(b"content-encoding", b"GZIP"), (b"x", b"1"), (b"content-length", b"9")], "r"), LIMIT
    )

    assert found == Request(b"a" * 400 + b"b" * 600, [(b"x", b"1")], "r")


@pytest.mark.parametrize("path", BODIES)
def test_a_byte_order_mark(iris, path):
    """Some editors and libraries begin JSON with one."""
    raw = b"\xef\xbb\xbf" + json.dumps(BODIES[path]).encode()
    answer = iris.post(path, content=raw, headers=EVENT if path == "/events" else {})

    assert answer.status_code == 200, answer.text
    assert iris.post(path, content=b"\xef\xbb\xbf" + raw).status_code in {400, 422}
    assert iris.post("/events", content=b'\xef\xbb\xbf{"message": {"data": ""}}').status_code in {400, 422}
