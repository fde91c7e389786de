"""Which models a server serves, and how: several in one, every framework, classes of the user's own."""

import json
import shutil
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc

from runtime.configuration.settings import Feature, ModelSettings
from runtime.data.models import Part
from runtime.data.tensors import TensorSpec, datatype_of
from runtime.frameworks import LoadError, load
from runtime.protocols.binary import pack
from runtime.serving.catalog import describe
from tests.late import needed
from tests.runtime.offline import ask, loaded

ROW = [1.0, 2.0]
NUMBERS = {"a": {"type": "number"}, "b": {"type": "number"}}


def custom(tmp_path, source, **model) -> tuple:
    """Write a folder with a class; gives `serve`'s arguments."""
    (tmp_path / "model.py").write_text(source)
    return tmp_path, {"framework": "custom", "features": NUMBERS, **model}


def test_several_models_and_versions(serve, specs, tmp_path):
    """Subfolders are models or versions of one; the latest version answers where none is named."""
    for name, artefact in {"tumours/v9": "model-v1", "tumours/v10": "model-v2", "other": "model-v1"}.items():
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes((specs / "breast-cancer" / artefact / "model.onnx").read_bytes())
    (tmp_path / "tumours/v9/model.yaml").write_text("alias: stable\n")
    server = serve(tmp_path)

    metadata = server.get("/v2/models/tumours").json()

    assert metadata["versions"] == ["v10", "v9"]
    assert metadata["properties"]["version"] == "v10"
    assert server.get("/v2/models/tumours/versions/stable").json()["properties"]["version"] == "v9"
    assert server.get("/v1/models").json() == {"models": ["other", "tumours"]}
    assert server.post("/v1/models/other:predict", {"instances": [[1.0] * 10]}).status_code == 200
    assert server.post("/predict", {"instances": [[1.0] * 10]}).status_code == 404


@pytest.mark.parametrize(
    ("written", "flags", "name"),
    [
        pytest.param("name: tumours\n", [], "tumours", id="its-own"),
        pytest.param("name: tumours\n", ["--name", "other"], "other", id="a-flag-wins"),
        pytest.param("version: v7\n", [], "scorer", id="the-services"),
    ],
)
def test_the_name_of_a_model(serve, specs, tmp_path, *, written, flags, name):
    """A model is called as its model.yaml says, without that as the service is, and a flag wins."""
    shutil.copy(specs / "iris" / "model" / "model.onnx", tmp_path)
    (tmp_path / "model.yaml").write_text(written)

    server = serve(tmp_path, *flags, K_SERVICE="scorer")

    assert server.get("/v1/models").json() == {"models": [name]}


def test_lightgbm_and_xgboost(start, tmp_path):
    """Boosters load from their own formats and predict what they predict at home."""
    lightgbm, xgboost = needed("lightgbm"), needed("xgboost")
    rows = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    labels = rows[:, 0] * 2 + rows[:, 1]
    (tmp_path / "lgb").mkdir()
    (tmp_path / "xgb").mkdir()
    light = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(rows, labels), 5)
    light.save_model(tmp_path / "lgb/model.txt")
    boosted = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, labels), 5)
    boosted.save_model(tmp_path / "xgb/model.ubj")
    server = start(tmp_path)

    for name, expected in (("lgb", light.predict(rows[:5])), ("xgb", boosted.inplace_predict(rows[:5]))):
        answer = server.post(f"/v1/models/{name}:predict", {"instances": rows[:5].tolist()})
        np.testing.assert_allclose(answer.json()["predictions"], expected, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:.*torch.jit")  # there are TorchScript files for years to come
def test_torch(start, tmp_path):
    """TorchScript and exported programs, where torch is installed (it is not part of `make setup`)."""
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(2, 1).eval()
    for name in ("script", "export"):
        (tmp_path / name).mkdir()
    torch.jit.trace(module, torch.zeros(1, 2)).save(str(tmp_path / "script/model.pt"))
    shapes = ({0: torch.export.Dim("rows")},)
    torch.export.save(
        torch.export.export(module, (torch.zeros(2, 2),), dynamic_shapes=shapes), tmp_path / "export/model.pt2"
    )
    for name in ("script", "export"):
        server = start(tmp_path / name, "--allow-code", model={"features": NUMBERS})
        answer = server.post("/predict", {"instances": [ROW]})
        expected = module(torch.tensor([ROW])).detach().numpy()[0]
        np.testing.assert_allclose(answer.json()["predictions"], expected, rtol=1e-5)


def test_a_class_with_load_and_predict(serve, tmp_path):
    """Two hooks are enough: rows are checked against the features and arrive as arrays."""
    source = (
        "class Model:\n"
        "    def load(self, folder):\n"
        "        self.factor = float((folder / 'factor.txt').read_text())\n"
        "    def predict(self, inputs):\n"
        "        return (inputs['a'] + inputs['b']) * self.factor\n"
    )
    (tmp_path / "factor.txt").write_text("10")
    folder, model = custom(tmp_path, source)
    server = serve(folder, model=model)

    assert server.post("/predict", {"instances": [{"a": 1, "b": 2}]}).json() == {"predictions": [30.0]}
    assert server.post("/predict", {"instances": [{"a": 1, "c": 2}]}).status_code == 422


FEATURES = {
    "age": {"type": "integer", "min": 0, "max": 120},
    "plan": {"type": "category", "values": ["basic", "pro"]},
    "spend": {"type": "number", "nullable": True},
}


def row_as_tensors(**edit) -> dict:
    """One good row of `FEATURES`, as an inference request with an input per feature."""
    row = {"age": ("FP64", 40), "plan": ("BYTES", "pro"), "spend": ("FP32", 1.5), **edit}
    return {
        "inputs": [{"name": n, "datatype": kind, "shape": [1], "data": [v]} for n, (kind, v) in row.items()],
    }


@pytest.fixture(scope="module")
def by_feature(serve, tmp_path_factory):
    """A class whose inputs are its features, one each."""
    source = "class Model:\n    def predict(self, inputs):\n        return inputs['age']\n"
    folder = tmp_path_factory.mktemp("by-feature")
    (folder / "model.py").write_text(source)
    return serve(folder, model={"framework": "custom", "features": FEATURES})


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        pytest.param({"age": ("FP64", 200)}, "row 0, feature 'age': 200.0 is above 120", id="range"),
        pytest.param({"age": ("FP64", 1.5)}, "row 0, feature 'age': 1.5 is no integer", id="fraction"),
        pytest.param({"plan": ("BYTES", "max")}, "row 0, feature 'plan': 'max' is none of basic, pro", id="category"),
    ],
)
def test_an_input_per_feature_is_checked_too(by_feature, edit, problem):
    """In the Open Inference Protocol each tensor is held to the feature of its name."""
    path = "/v2/models/model/infer"
    assert by_feature.post(path, row_as_tensors()).status_code == 200

    answer = by_feature.post(path, row_as_tensors(**edit))

    assert (answer.status_code, answer.json()) == (400, {"error": problem})


@pytest.mark.parametrize(("feature", "status"), [("age", 400), ("spend", 200)])
def test_not_a_number_is_for_nullable_features(by_feature, feature, status):
    """The binary extension carries NaN: nothing, where a feature may be null, and refused elsewhere."""
    body = row_as_tensors()
    (described,) = (tensor for tensor in body["inputs"] if tensor["name"] == feature)
    del described["data"]
    described |= {"datatype": "FP64", "parameters": {"binary_data_size": 8}}
    head = json.dumps(body).encode()

    answer = by_feature.post(
        "/v2/models/model/infer",
        content=head + struct.pack("<d", float("nan")),
        headers={"Inference-Header-Content-Length": str(len(head))},
    )

    assert answer.status_code == status


def test_a_class_with_all_hooks(serve, tmp_path):
    """`decode` and `encode` give a service JSON of its own; `batch` joins requests that come together."""
    source = (
        "import time\n"
        "class Scorer:\n"
        "    def decode(self, body):\n"
        "        if 'text' not in body: raise ValueError('a text is needed')\n"
        "        return body['text']\n"
        "    def batch(self, inputs): return list(inputs)\n"
        "    def predict(self, texts):\n"
        "        time.sleep(0.2)\n"
        "        return [(len(text), len(texts)) for text in texts]\n"
        "    def encode(self, output): return {'length': output[0], 'together': output[1]}\n"
    )
    (tmp_path / "scorer.py").write_text(source)
    server = serve(tmp_path, model={"framework": "custom", "file": "scorer.py:Scorer"})
    found = []
    callers = [
        threading.Thread(target=lambda n=n: found.append(server.post("/predict", {"text": "x" * n}).json()))
        for n in range(8)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert sorted(answer["length"] for answer in found) == list(range(8))
    assert max(answer["together"] for answer in found) > 1
    refused = server.post("/predict", {"words": 1})
    assert (refused.status_code, refused.json()["error"]) == (422, "a text is needed")


def test_predict_that_raises(serve, tmp_path):
    """500 without a trace of the container; the log has the traceback, and the server goes on."""
    source = (
        "class Model:\n"
        "    def predict(self, inputs):\n"
        "        if (inputs['a'] > 5).any(): raise RuntimeError('secret of the container')\n"
        "        return inputs['a']\n"
    )
    folder, model = custom(tmp_path, source)
    server = serve(folder, model=model)

    answer = server.post("/predict", {"instances": [[6, 1]]})

    assert answer.status_code == 500
    assert answer.json() == {"error": "the model failed; the log has the reason"}
    assert "secret of the container" in server.log.read_text()
    assert server.post("/predict", {"instances": [[1, 1]]}).json() == {"predictions": [1.0]}


@pytest.mark.parametrize(
    "ending",
    [
        "import sys; sys.exit(0)",
        "raise GeneratorExit",
        "import asyncio; raise asyncio.CancelledError",
        "raise BaseException",
    ],
)
def test_predict_that_ends_its_thread(serve, tmp_path, ending):
    """Its caller has a 500 as for any other error, and whoever comes behind it an answer."""
    source = (
        "class Model:\n"
        "    def predict(self, inputs):\n"
        f"        if (inputs['a'] > 5).any(): {ending}\n"
        "        return inputs['a']\n"
    )
    folder, model = custom(tmp_path, source)
    server = serve(folder, model=model)

    assert server.post("/predict", {"instances": [[6, 1]]}).status_code == 500
    assert "predict failed" in server.log.read_text()
    assert server.post("/predict", {"instances": [[1, 1]]}).json() == {"predictions": [1.0]}


@pytest.mark.parametrize("hook", ["decode", "encode"])
@pytest.mark.parametrize("ending", ["raise SystemExit(0)", "import asyncio; raise asyncio.CancelledError"])
def test_a_hook_that_ends_the_process(serve, tmp_path, hook, ending):
    """The same around the prediction; what a class refuses in odd words is sent all the same."""
    source = (
        "class Model:\n"
        "    def decode(self, body):\n"
        "        if body == 'odd': raise ValueError('\\ud800\\0' * 3000)\n"
        f"        if body == 'decode': {ending}\n"
        "        return body\n"
        "    def predict(self, one): return one\n"
        "    def encode(self, one):\n"
        f"        if one == 'encode': {ending}\n"
        "        return {'said': one}\n"
    )
    folder, model = custom(tmp_path, source)
    server = serve(folder, model=model)

    assert server.post("/predict", hook).status_code == 500
    refused = server.post("/predict", "odd")
    assert (refused.status_code, len(refused.json()["error"])) == (422, 2000)
    assert server.post("/predict", "fine").json() == {"said": "fine"}


def predicted(tmp_path, source, a):
    """What a class gives for a column, called as alone in its batch."""
    folder, model = custom(tmp_path, source)
    features = {name: Feature(**said) for name, said in model["features"].items()}
    loaded = load(folder, ModelSettings(framework="custom", features=features, local=True))
    return loaded.predict({"a": a, "b": a}, ("prediction",))["prediction"]


def test_a_class_that_works_in_place(tmp_path):
    """Also on a tensor that lies in the request's bytes, which stay as they are."""
    body = np.array([1.5, -2.0]).tobytes()
    source = "class Model:\n    def predict(self, inputs):\n        inputs['a'] *= 2\n        return inputs['a']\n"

    found = predicted(tmp_path, source, np.frombuffer(body))

    assert (found.tolist(), np.frombuffer(body).tolist()) == ([3.0, -4.0], [1.5, -2.0])


@pytest.mark.parametrize(
    ("given", "datatype", "values"),
    [
        ("np.array([1.5, 2], '>f8')", "FP64", [1.5, 2.0]),
        ("np.array([1, 2], '>i4')", "INT32", [1, 2]),
        ("np.array([1.5, 2], np.longdouble)", "FP64", [1.5, 2.0]),
        ("np.array(['2020-01-01', '2021-02-03'], 'M8[D]')", "BYTES", ["2020-01-01", "2021-02-03"]),
        ("np.array(['a', 'bc'])", "BYTES", ["a", "bc"]),
        ("[True, False]", "BOOL", [True, False]),
    ],
)
def test_what_a_class_gives_has_a_type_of_the_protocol(tmp_path, given, datatype, values):
    """Whatever type of numpy it is: no door has a name for another, and two wrote its bytes under the wrong one."""
    source = f"import numpy as np\nclass Model:\n    def predict(self, inputs):\n        return {given}\n"

    found = predicted(tmp_path, source, np.zeros(2))

    assert (datatype_of(found), found.tolist()) == (datatype, values)
    assert pack(found) == pack(np.array(values, found.dtype))
    assert len(pack(found)) == sum(len(str(v)) + 4 if datatype == "BYTES" else found.itemsize for v in values)


def test_things_that_a_class_gives_may_hold_numbers_of_numpy(tmp_path):
    """An array of things keeps them as they are: they are written as Python's own."""
    source = (
        "import numpy as np\n"
        "class Model:\n"
        "    def predict(self, inputs):\n"
        "        things = {'a': np.int8(3), 'b': [np.bool_(True), None]}\n"
        "        found = [np.float64(0.5), things, np.datetime64('2020-01-01')]\n"
        "        return np.array(found[: len(inputs['a'])], object)\n"
    )
    folder, model = custom(tmp_path, source)
    found = loaded(folder, model["features"], framework="custom", local=True)

    assert ask(found, [[1, 2]] * 3) == [0.5, {"a": 3, "b": [True, None]}, "2020-01-01"]


@pytest.mark.parametrize("given", ["np.array([1j, 2])", "np.array([(1, 2)] * 2, 'i4,i4')", "np.array([1, 2], 'm8[s]')"])
def test_a_class_that_gives_what_no_protocol_has(tmp_path, given):
    """An error, which the log explains and every door answers alike."""
    source = f"import numpy as np\nclass Model:\n    def predict(self, inputs):\n        return {given}\n"

    with pytest.raises(TypeError, match="which no protocol has"):
        predicted(tmp_path, source, np.zeros(2))


def test_a_class_with_other_rows(serve, tmp_path):
    """Callers would get each other's answers: they get none, alone or together, and the log says why."""
    source = "class Model:\n    def predict(self, inputs):\n        return inputs['a'][inputs['a'] < 5]\n"
    folder, model = custom(tmp_path, source)
    server = serve(folder, model=model)

    with ThreadPoolExecutor(8) as callers:
        found = list(callers.map(lambda a: server.post("/predict", {"instances": [[a, 1], [2, 1]]}), [6] * 8))

    assert [answer.status_code for answer in found] == [500] * 8
    assert "output 'prediction' has the shape" in server.log.read_text()
    assert server.post("/predict", {"instances": [[1, 1], [2, 1]]}).json() == {"predictions": [1.0, 2.0]}


@pytest.mark.parametrize("error", ["MemoryError()", "OutOfMemoryError('CUDA out of memory')"])
def test_out_of_memory(serve, tmp_path, error):
    """Memory that runs out, on the CPU or on a GPU, is 503: fewer rows, or a later moment, may do."""
    source = (
        "class OutOfMemoryError(RuntimeError): pass  # as torch calls its own\n"
        "class Model:\n"
        "    def predict(self, inputs):\n"
        f"        if len(inputs['a']) > 50: raise {error}\n"
        "        return inputs['a']\n"
    )
    folder, model = custom(tmp_path, source)
    server = serve(folder, model=model)

    refused = server.post("/predict", {"instances": [ROW] * 51})

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert server.post("/predict", {"instances": [ROW]}).status_code == 200


def test_predict_that_never_returns(start, tmp_path):
    """504 at the deadline, also for those behind it; then not alive, so that the platform starts a new instance.

    The class is cheap when it is measured: what it takes says nothing of what it may take.
    """
    source = (
        "import time\n"
        "class Model:\n"
        "    def predict(self, inputs):\n"
        "        if (inputs['a'] > 5).any(): time.sleep(1000)\n"
        "        return inputs['a']\n"
    )
    folder, model = custom(tmp_path, source)
    server = start(folder, model=model, runtime={"timeout": "1s"})
    began = time.monotonic()
    found = []
    callers = [
        threading.Thread(target=lambda a=a: found.append(server.post("/predict", {"instances": [[a, 1]]}).status_code))
        for a in (6, 1, 1)
    ]
    for caller in callers:
        caller.start()
        time.sleep(0.1)
    for caller in callers:
        caller.join()

    assert found == [504, 504, 504]
    assert time.monotonic() - began < 5
    server.wait(lambda: server.status("/health/live") == 503, 10)
    assert server.stop() == 0


def test_too_many_waiting(start, tmp_path):
    """Beyond the bound of the queue callers are told to come back, instead of waiting without end."""
    source = (
        "import time\n"
        "class Model:\n"
        "    batchable = False\n"
        "    def decode(self, body): return body\n"
        "    def predict(self, one):\n"
        "        time.sleep(0.5)\n"
        "        return one\n"
    )
    folder, model = custom(tmp_path, source)
    server = start(folder, model=model, MLSERVICE_MAX_WAITING=4)
    found = []
    callers = [threading.Thread(target=lambda n=n: found.append(server.post("/predict", {"n": n}))) for n in range(24)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    statuses = {answer.status_code for answer in found}
    assert statuses == {200, 429}
    assert all(answer.headers["retry-after"] == "1" for answer in found if answer.status_code == 429)


@pytest.mark.parametrize("hook", ["load", "decode"])
def test_a_class_without_predict_says_so(tmp_path, hook):
    """What is missing is the reason in the log, not the attribute error of whoever looked for it."""
    folder, model = custom(tmp_path, f"class Model:\n    def {hook}(self, given): return given\n")

    with pytest.raises(LoadError, match=r"model\.py has no `predict`"):
        load(folder, ModelSettings(framework="custom", features=model["features"], local=True))


def test_a_class_in_a_bucket_needs_leave(tmp_path):
    """Python from elsewhere is code: without leave and digest it is not loaded."""
    (tmp_path / "model.py").write_text("raise SystemExit('ran')")

    with pytest.raises(LoadError, match="runs code when it is loaded"):
        load(tmp_path, ModelSettings(framework="custom"))


@pytest.mark.parametrize("name", ["../secret.onnx", "link.onnx", "/etc/hostname", "sub/../../secret.onnx"])
def test_a_file_outside_the_folder_is_not_read(tmp_path, name):
    """Neither `..`, nor a link, nor a whole path leads out of the model's folder."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.onnx").write_bytes(b"")
    (folder / "link.onnx").symlink_to(tmp_path / "secret.onnx")

    with pytest.raises(LoadError, match="is not inside the model folder"):
        load(folder, ModelSettings(file=name))


def test_settings_that_do_not_fit_the_model(serve, specs, tmp_path):
    """A schema of another width than the model's is said in the log, and nothing is served."""
    server = serve(specs / "iris/model", model={"features": NUMBERS}, wait="live")

    server.wait(lambda: "the spec has 2 features, the model takes 4" in server.log.read_text())
    assert json.dumps(server.get("/health/ready").text) == '"failed"'


@dataclass
class Graph:
    """A model of which only its inputs matter."""

    inputs: tuple[TensorSpec, ...]
    platform: str = "onnx_onnxv1"
    outputs: tuple[TensorSpec, ...] = (TensorSpec("y", "FP32", (-1,)),)


@pytest.mark.parametrize(
    ("datatype", "kind", "platform", "fits"),
    [
        pytest.param("FP32", "number", "onnx_onnxv1", True, id="number"),
        pytest.param("FP32", "category", "onnx_onnxv1", True, id="category-as-a-number"),
        pytest.param("INT64", "integer", "onnx_onnxv1", False, id="whole-numbers-have-no-nan"),
        pytest.param("BOOL", "boolean", "onnx_onnxv1", False, id="nan-would-be-true"),
        pytest.param("BYTES", "string", "onnx_onnxv1", False, id="none-would-be-text"),
        pytest.param("BYTES", "string", "custom", True, id="python-has-none"),
    ],
)
def test_nullable_features_need_an_input_with_a_null(datatype, kind, platform, fits):
    """A model that would take null for some value is not served with a schema that allows null."""
    feature = Feature(kind, values=("x",) if kind == "category" else (), nullable=True)
    part = Part("m", "1", Path(), ModelSettings(features={"a": feature}))
    model = Graph((TensorSpec("a", datatype, (-1, 1)),), platform)

    if fits:
        layout = describe(part, model).layout
        assert layout.arrays(layout.schema.columns([{}]))["a"].shape == (1, 1)
        return
    with pytest.raises(ValueError, match=f"feature 'a' is nullable, but {datatype} of input 'a' has no null"):
        describe(part, model)


@pytest.mark.parametrize(
    ("feature", "datatype", "fits"),
    [
        pytest.param(Feature("string"), "FP32", False, id="string"),
        pytest.param(Feature("category"), "INT64", False, id="category-without-values"),
        pytest.param(Feature("category", values=("x",)), "FP32", True, id="category"),
        pytest.param(Feature("string"), "BYTES", True, id="text"),
    ],
)
def test_text_needs_an_input_of_text(feature, datatype, fits):
    """It is said when the model is loaded, instead of to the first caller whose text is no number."""
    part = Part("m", "1", Path(), ModelSettings(features={"a": feature}))
    model = Graph((TensorSpec("x", datatype, (-1, 1)),))

    if fits:
        assert describe(part, model).layout is not None
        return
    with pytest.raises(ValueError, match=f"feature 'a' is text, but input 'x' takes {datatype}"):
        describe(part, model)


FACTOR = (
    "import time\n"
    "class Model:\n"
    "    def predict(self, inputs, parameters):\n"
    "        time.sleep(0.05)\n"
    "        return inputs['a'] * parameters.get('factor', 1)\n"
)


def test_a_class_gets_the_parameters_of_the_request(serve, tmp_path):
    """`predict(inputs, parameters)` is told what the request says, in every protocol; others' rows do not join it."""
    folder, model = custom(tmp_path, FACTOR)
    server = serve(folder, model={**model, "features": {"a": {"type": "number"}}})

    def plain(factor):
        return server.post("/predict", {"instances": [[2], [3]], "parameters": {"factor": factor}}).json()

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(plain, range(8)))
    assert found == [{"predictions": [2.0 * factor, 3.0 * factor]} for factor in range(8)]
    assert server.post("/predict", {"instances": [[2]]}).json() == {"predictions": [2.0]}
    tensor = {"name": "a", "datatype": "FP64", "shape": [1], "data": [5]}
    asked = server.post("/v2/models/model/infer", {"inputs": [tensor], "parameters": {"factor": 4}})
    assert asked.json()["outputs"][0]["data"] == [20.0]


def test_parameters_over_grpc(start, tmp_path, another_port):
    """The same over gRPC, whose messages hold each parameter in the field of its type."""
    folder, model = custom(tmp_path, FACTOR)
    port = another_port()
    start(folder, "--grpc-port", str(port), model={**model, "features": {"a": {"type": "number"}}})

    with triton_grpc.InferenceServerClient(f"127.0.0.1:{port}") as client:
        given = triton_grpc.InferInput("a", [1], "FP64")
        given.set_data_from_numpy(np.array([5.0]))
        answer = client.infer("model", [given], parameters={"factor": 3})
    assert answer.as_numpy("prediction").tolist() == [15.0]
