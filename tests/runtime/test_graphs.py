"""ONNX graphs that are not simply rows in and rows out: an output per class, a fixed batch, no batch at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from runtime.configuration.settings import ModelSettings, Prediction
from runtime.frameworks import LoadError, load
from runtime.frameworks.onnx_graphs import joining
from tests.runtime.offline import ask, loaded

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(5)
ROWS = RANDOM.normal(size=(200, 3)).astype(np.float32)
NUMBER = Prediction(type="number")
FEATURES = {name: {"type": "number"} for name in "abc"}


def zipped(folder: Path, labels: np.ndarray) -> LogisticRegression:
    """A classifier whose graph has an output per class."""
    model = LogisticRegression().fit(ROWS, labels)
    graph = to_onnx(model, ROWS, options={"zipmap": "columns"})
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    return model


@pytest.mark.parametrize("classes", [[0, 1], [-1, 1], ["no", "yes"]], ids=["whole", "negative", "text"])
def test_an_output_per_class_of_two(tmp_path, classes):
    """`type: number` is the second class's probability, however the graph divides them."""
    model = zipped(tmp_path, np.array(classes)[(ROWS[:, 0] > 0).astype(int)])
    served = loaded(tmp_path, FEATURES, prediction=NUMBER)

    np.testing.assert_allclose(ask(served, ROWS[:20].tolist()), model.predict_proba(ROWS[:20])[:, 1], atol=1e-6)


def test_an_output_per_class_of_three_is_refused(tmp_path):
    """No output has them all: the sentence names those that there are, and one of them may be asked for."""
    model = zipped(tmp_path, RANDOM.choice(["a", "b", "c"], len(ROWS)))

    with pytest.raises(ValueError, match=r"outputs of their own, sa, sb, sc: .*zipmap=False, or .* prediction\.name"):
        loaded(tmp_path, FEATURES, prediction=NUMBER)

    served = loaded(tmp_path, FEATURES, prediction=Prediction("sb", "number"))
    np.testing.assert_allclose(ask(served, ROWS[:20].tolist()), model.predict_proba(ROWS[:20])[:, 1], atol=1e-6)


def summed(folder: Path, given: list[object], answered: list[object], op: str = "ReduceSum", **told: Any) -> None:
    """A graph that adds up the numbers of its one input."""
    axes = [] if "axes" not in told else [numpy_helper.from_array(np.array([told.pop("axes")]), "axes")]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", given), ("y", answered))
    ]
    node = helper.make_node(op, ["x", *(one.name for one in axes)], ["y"], **told)
    made = helper.make_graph([node], "g", ends[:1], ends[1:], axes)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx")


@pytest.mark.parametrize("features", [FEATURES, {}], ids=["features", "unnamed"])
def test_a_graph_of_one_row_answers_any_number(tmp_path, features):
    """Exported with a batch of 1, as traced graphs are: row by row, and alike in every batch."""
    summed(tmp_path, [1, 3], [1, 1], axes=1)
    served = loaded(tmp_path, features)

    np.testing.assert_allclose(ask(served, ROWS[:7].tolist()), ROWS[:7].sum(1), atol=1e-5)
    np.testing.assert_allclose(ask(served, ROWS[:1].tolist()), ROWS[:1].sum(1), atol=1e-5)
    assert [spec.shape for spec in (*served.model.inputs, *served.model.outputs)] == [(-1, 3), (-1, 1)]


def test_an_image_at_a_time(tmp_path):
    """A tensor of more dimensions as well, for the protocols that take it."""
    summed(tmp_path, [1, 2, 2], [1, 2, 1], axes=2)
    model = load(tmp_path, ModelSettings())
    images = RANDOM.normal(size=(3, 2, 2)).astype(np.float32)

    np.testing.assert_allclose(model.predict({"x": images}, ["y"])["y"], images.sum(2, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize(
    ("given", "answered", "told", "problem"),
    [
        pytest.param([3], [], {"keepdims": 0}, "input 'x' takes 3 rows, no more and no less", id="vector-to-a-scalar"),
        pytest.param(["n", 3], [], {"keepdims": 0}, "output 'y' is one value for all rows", id="rows-to-a-scalar"),
        pytest.param([3], [1], {}, "input 'x' takes 3 rows, no more and no less", id="vector"),
        pytest.param([4, 3], [4, 1], {"axes": 1}, "input 'x' takes 4 rows, no more and no less", id="four-rows"),
        pytest.param([1, 3], [3], {"op": "Squeeze", "axes": 0}, "output 'y' has 3 rows for one", id="more-rows"),
        pytest.param([1, 3], ["m"], {"op": "Squeeze", "axes": 0}, "output 'y' has 3 rows for one", id="as-it-comes"),
        pytest.param([3, 2, 5], [5, 2, 3], {"op": "Transpose"}, "output 'y' has 5 rows for 3", id="an-image"),
    ],
)
def test_graphs_that_do_not_answer_by_row_are_refused(tmp_path, given, answered, told, problem):
    """When they are loaded, with a sentence, and not to each caller with a 500."""
    summed(tmp_path, given, answered, **told)

    with pytest.raises(LoadError, match=problem):
        load(tmp_path, ModelSettings())


def of_rows(folder: Path, *nodes: onnx.NodeProto, outputs: str) -> None:
    """A graph of rows of three numbers."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("x", *outputs)]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx")


def test_one_value_for_all_rows_is_left_out(tmp_path):
    """Of a graph that gives a mean of the batch beside an answer for each row, the rows' answers are served."""
    mean = helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1)
    of_rows(tmp_path, mean, helper.make_node("Neg", ["x"], ["y"]), outputs="my")
    model = load(tmp_path, ModelSettings())

    assert [spec.name for spec in model.outputs] == ["y"]
    assert model.batchable


def test_answers_that_depend_on_the_rows_beside_are_not_joined(tmp_path, caplog):
    """Each request is a call of its own then, as its answer in another's call would be another one."""
    of_rows(tmp_path, helper.make_node("Softmax", ["x"], ["y"], axis=0), outputs="y")

    assert not load(tmp_path, ModelSettings()).batchable
    assert "operator 'Softmax' of the graph may join rows" in caplog.text


def test_classes_that_nobody_knows(tmp_path):
    """Where no row of ours has an answer, the spec's words have; without them no class is taken for another."""
    table = pd.DataFrame({"kind": RANDOM.choice(["up", "down"], 50)})
    fitted = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(table, table.kind == "up")
    graph = to_onnx(fitted, initial_types=[("kind", StringTensorType([None, 1]))])
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    words = {"kind": {"type": "category", "values": ["up", "down"]}}

    with pytest.raises(ValueError, match="nobody knows how many classes output 'output_probability' has"):
        loaded(tmp_path, {"kind": {"type": "string"}}, prediction=NUMBER)
    found = ask(loaded(tmp_path, words, prediction=NUMBER), [["up"], ["down"]])
    np.testing.assert_allclose(found, fitted.predict_proba(pd.DataFrame({"kind": ["up", "down"]}))[:, 1], atol=1e-6)


def test_a_graph_of_one_row_behind_the_server(serve, tmp_path):
    """Two rows are answered by plain JSON and by tensors, whose metadata say that there may be any number."""
    summed(tmp_path, [1, 3], [1, 1], axes=1)
    server = serve(tmp_path)
    tensor = {"name": "x", "datatype": "FP32", "shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}

    assert server.post("/predict", {"instances": [[1, 2, 3], [4, 5, 6]]}).json() == {"predictions": [6.0, 15.0]}
    assert server.post("/v2/models/model/infer", {"inputs": [tensor]}).json()["outputs"][0]["data"] == [6.0, 15.0]
    assert server.get("/v2/models/model").json()["inputs"][0]["shape"] == [-1, 3]


def far_from_zero(sign: float) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """A graph whose answers depend on rows beside only where these have numbers beyond 100, or below -100."""
    nodes = [
        helper.make_node("Mul", ["x", "sign"], ["s"]),
        helper.make_node("Sub", ["s", "hundred"], ["d"]),
        helper.make_node("Relu", ["d"], ["r"]),
        helper.make_node("Transpose", ["r"], ["t"], perm=[1, 0]),
        helper.make_node("ReduceSum", ["t", "axes"], ["u"], keepdims=0),
        helper.make_node("Add", ["x", "u"], ["y"]),
    ]
    numbers = {"sign": np.float32(sign), "hundred": np.float32(100), "axes": np.array([1])}
    return nodes, [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()]


@pytest.mark.parametrize("sign", [1, -1])
def test_rows_far_from_zero_are_tried(tmp_path, sign):
    """The operators do not tell here, as rows have become columns; normal rows are their own."""
    nodes, constants = far_from_zero(sign)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy"]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")

    assert joining(tmp_path / "m.onnx", "y") == ""
    assert not load(tmp_path, ModelSettings()).batchable


AXES = numpy_helper.from_array(np.array([0]), "axes")
LAST = numpy_helper.from_array(np.array([1]), "axes")


@pytest.mark.parametrize(
    ("node", "axes", "told"),
    [
        pytest.param(helper.make_node("ReduceSum", ["x", "axes"], ["y"]), AXES, "ReduceSum", id="over-rows"),
        pytest.param(helper.make_node("ReduceSum", ["x", "axes"], ["y"]), LAST, "", id="over-columns"),
        pytest.param(helper.make_node("ReduceMax", ["x"], ["y"]), None, "ReduceMax", id="over-all"),
        pytest.param(helper.make_node("ReduceMean", ["x"], ["y"], axes=[-2]), None, "ReduceMean", id="from-the-end"),
        pytest.param(helper.make_node("ReduceMean", ["x"], ["y"], axes=[-1]), None, "", id="the-last"),
        pytest.param(helper.make_node("CumSum", ["x", "axes"], ["y"]), AXES, "CumSum", id="cumulated"),
        pytest.param(helper.make_node("Softmax", ["x"], ["y"]), None, "", id="softmax"),
        pytest.param(helper.make_node("Softmax", ["x"], ["y"], axis=0), None, "Softmax", id="softmax-of-rows"),
        pytest.param(helper.make_node("Mine", ["x"], ["y"], domain="here"), None, "Mine", id="custom"),
        pytest.param(helper.make_node("ReduceSum", ["axes"], ["y"]), AXES, "", id="of-a-constant"),
    ],
)
def test_operators_that_may_join_rows_are_read(tmp_path, node, axes, told):
    """Also where no row that is tried would bring it to light."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy"]
    made = helper.make_graph([node], "g", ends[:1], ends[1:], [] if axes is None else [axes])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")

    assert joining(tmp_path / "m.onnx", "y") == told


@pytest.mark.parametrize(
    ("shape", "axis", "told"),
    [
        pytest.param(["n", "words", 3], -2, "", id="words-of-a-text"),
        pytest.param(["n", "words", 3], -3, "Softmax", id="rows-of-three"),
        pytest.param(["n"], -1, "Softmax", id="rows-alone"),
        pytest.param(None, -2, "Softmax", id="unknown"),
    ],
)
def test_axes_from_the_end_are_counted(tmp_path, shape, axis, told):
    """By the dimensions that the file says; where it says none, the rows may be among them."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    made = helper.make_graph([helper.make_node("Softmax", ["x"], ["y"], axis=axis)], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")

    assert joining(tmp_path / "m.onnx", "y") == told
