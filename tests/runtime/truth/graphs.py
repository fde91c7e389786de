"""ONNX: what converters write, and graphs of every shape of input and output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from runtime.configuration.settings import Prediction
from tests.runtime.truth.case import (
    KIND,
    NUMBER,
    SCORE,
    TABLE,
    TEXT_LABEL,
    THREE,
    WHOLE_LABEL,
    X_Y,
    Case,
    Row,
    matrix,
    model,
)

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["x", "y"]
BARE = TABLE[NAMES].to_numpy(np.float32)
F0_F1 = {"f0": "x", "f1": "y"}


def session(folder: Path) -> Any:
    return ort.InferenceSession(str(folder / "model.onnx"))


def converted(
    folder: Path, estimator: Any, label: Any, output: str, *, zipmap: Any = True, column: int | None = None
) -> Case:
    """What skl2onnx makes of an estimator of a matrix; `column` of a table of probabilities."""
    fitted = estimator.fit(BARE, label)
    options = {"zipmap": zipmap} if hasattr(fitted, "classes_") else None
    (folder / "model.onnx").write_bytes(to_onnx(fitted, BARE[:1], options=options).SerializeToString())
    run = session(folder)

    def answer(rows: list[Row]) -> Any:
        (found,) = run.run([output], {"X": matrix(rows, NAMES, np.float32)})
        table = np.array([list(row.values()) for row in found]) if isinstance(found, list) else found
        return table if column is None else table[:, column]

    return Case(X_Y, answer, {"prediction": Prediction(output) if column is None else Prediction(type="number")})


@model
def onnx_linear(folder: Path) -> Case:
    return converted(folder, LinearRegression(), SCORE, "variable")


@model
def onnx_label_of_text(folder: Path) -> Case:
    return converted(folder, LogisticRegression(), TEXT_LABEL, "output_label")


@model
def onnx_label_of_numbers(folder: Path) -> Case:
    return converted(folder, make_pipeline(StandardScaler(), LogisticRegression()), WHOLE_LABEL, "output_label")


@model
def onnx_zipmap(folder: Path) -> Case:
    return converted(folder, LogisticRegression(), TEXT_LABEL, "output_probability")


@model
def onnx_zipmap_second_of_two(folder: Path) -> Case:
    return converted(folder, LogisticRegression(), WHOLE_LABEL, "output_probability", column=1)


@model
def onnx_zipmap_of_three(folder: Path) -> Case:
    return converted(folder, RandomForestClassifier(3, random_state=0), THREE, "output_probability")


@model
def onnx_probabilities(folder: Path) -> Case:
    return converted(folder, RandomForestClassifier(3, random_state=0), THREE, "probabilities", zipmap=False)


@model
def onnx_output_per_class(folder: Path) -> Case:
    return converted(folder, LogisticRegression(), TEXT_LABEL, "sup", zipmap="columns")


@model
def onnx_input_per_column(folder: Path) -> Case:
    """A table of text and numbers; the spec says nothing of it."""
    return columns(folder, {}, "output_label", unknown="ignore")


@model
def onnx_input_per_column_that_knows_its_words(folder: Path) -> Case:
    """One that fails at other words: they are the spec's to name, and to refuse."""
    return columns(folder, {"x": NUMBER, "kind": KIND}, "output_probability", unknown="error")


def columns(folder: Path, features: dict[str, Row], output: str, unknown: str) -> Case:
    """What skl2onnx makes of a table: each column an input of its own."""
    text = OneHotEncoder(handle_unknown=unknown)
    shape = ColumnTransformer([("text", text, ["kind"]), ("numbers", StandardScaler(), ["x"])])
    fitted = make_pipeline(shape, LogisticRegression()).fit(TABLE[["kind", "x"]], TEXT_LABEL)
    types = [("kind", StringTensorType([None, 1])), ("x", FloatTensorType([None, 1]))]
    (folder / "model.onnx").write_bytes(to_onnx(fitted, initial_types=types).SerializeToString())
    run = session(folder)

    def answer(rows: list[Row]) -> Any:
        kinds = np.array([[row["kind"]] for row in rows], object)
        (found,) = run.run([output], {"kind": kinds, "x": matrix(rows, ["x"], np.float32)})
        return (
            [list(row.values()) for row in found] if isinstance(found, list) and isinstance(found[0], dict) else found
        )

    told = {"prediction": Prediction(output)}
    return Case(features, answer, told, [{"kind": row.kind, "x": row.x} for row in TABLE[:6].itertuples()])


def graph(
    folder: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: tuple[Any, ...] = ()
) -> Any:
    """Write a graph; gives the library's session."""
    ends = [[helper.make_tensor_value_info(*one) for one in some] for some in (inputs, outputs)]
    made = helper.make_graph(nodes, "g", *ends, list(constants))
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx")
    return session(folder)


def of_table(
    folder: Path,
    nodes: list[Any],
    shape: list[Any],
    answered: Any,
    constants: tuple[Any, ...] = (),
    *,
    by_row: bool = False,
) -> Case:
    """A graph of one table `x`; its output is `z`."""
    run = graph(folder, nodes, [("x", TensorProto.FLOAT, shape)], [("z", TensorProto.FLOAT, answered)], constants)

    def answer(rows: list[Row]) -> Any:
        given = matrix(rows, ["f0", "f1"], np.float32)
        parts = np.split(given, len(given)) if by_row else [given]
        return np.concatenate([run.run(["z"], {"x": part})[0] for part in parts])

    return Case({}, answer, rows=[{"f0": row.x, "f1": row.y} for row in TABLE[:6].itertuples()])


@model
def onnx_exported_for_one_row(folder: Path) -> Case:
    return of_table(folder, [helper.make_node("Neg", ["x"], ["z"])], [1, 2], [1, 2], by_row=True)


@model
def onnx_without_output_shape(folder: Path) -> Case:
    """Reshaped to what the input says itself: nobody knows the shape before."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Concat", ["s", "none"], ["t"], axis=0),
        helper.make_node("Reshape", ["x", "t"], ["z"]),
    ]
    return of_table(folder, nodes, ["n", 2], None, (numpy_helper.from_array(np.array([], np.int64), "none"),))


@model
def onnx_minus_the_mean_of_the_batch(folder: Path) -> Case:
    """Each answer depends on the rows beside: requests are not joined, and each is the library's own."""
    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], axes=[0]), helper.make_node("Sub", ["x", "m"], ["z"])]
    return of_table(folder, nodes, ["n", 2], ["n", 2])


@model
def onnx_echo_of_text(folder: Path) -> Case:
    run = graph(
        folder,
        [helper.make_node("Identity", ["s"], ["z"])],
        [("s", TensorProto.STRING, [None, 1])],
        [("z", TensorProto.STRING, [None, 1])],
    )
    return Case(
        {"s": {"type": "string"}},
        lambda rows: run.run(["z"], {"s": np.array([[row["s"]] for row in rows], object)})[0],
        rows=[{"s": note} for note in TABLE.note[:6]],
    )


def echo(folder: Path, kind: str, dtype: Any, values: list[Any]) -> Case:
    """A graph that gives back its one column."""
    ends = [[(name, getattr(TensorProto, kind), [None, 1])] for name in ("a", "z")]
    run = graph(folder, [helper.make_node("Identity", ["a"], ["z"])], *ends)

    def answer(rows: list[Row]) -> Any:
        return run.run(["z"], {"a": np.array([[row["f0"]] for row in rows], dtype)})[0]

    return Case({}, answer, rows=[{"f0": value} for value in values])


@model
def onnx_int64(folder: Path) -> Case:
    return echo(folder, "INT64", np.int64, [1, -(2**63), 2**63 - 1, 2**53 + 1])


@model
def onnx_uint64(folder: Path) -> Case:
    return echo(folder, "UINT64", np.uint64, [0, 2**64 - 1, 2**63 + 1])


@model
def onnx_uint8(folder: Path) -> Case:
    return echo(folder, "UINT8", np.uint8, [0, 255, 7])


@model
def onnx_double(folder: Path) -> Case:
    return echo(folder, "DOUBLE", np.float64, [0.1, 1e300, -1e-300, 2.0**53])


@model
def onnx_bool(folder: Path) -> Case:
    return echo(folder, "BOOL", np.bool_, [True, False])


@model
def onnx_categories_as_places(folder: Path) -> Case:
    """A category goes into numbers as its place."""
    run = graph(
        folder, [helper.make_node("Neg", ["k"], ["z"])], *[[(n, TensorProto.FLOAT, [None, 1])] for n in ("k", "z")]
    )
    places = {value: float(place) for place, value in enumerate(KIND["values"])}
    return Case(
        {"k": KIND},
        lambda rows: run.run(["z"], {"k": np.array([[places[row["k"]]] for row in rows], np.float32)})[0],
        rows=[{"k": kind} for kind in TABLE.kind[:6]],
    )
