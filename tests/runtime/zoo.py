"""Models of every framework, each with the spec's features and with how its library predicts a frame of rows."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import xgboost
import yaml
from onnx import TensorProto, helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.late import Late
from tests.runtime.offline import dumped

lightgbm = Late("lightgbm")

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 600
RANDOM = np.random.default_rng(11)
FUELS = pd.CategoricalDtype(["diesel", "electric", "petrol"])
FLOORS = pd.CategoricalDtype([1, 2, 3])
TABLE = pd.DataFrame({
    "speed": RANDOM.uniform(0, 200, ROWS),
    "age": RANDOM.normal(10, 4, ROWS),
    "doors": RANDOM.integers(2, 6, ROWS),
    "used": RANDOM.choice([True, False], ROWS),
    "fuel": RANDOM.choice(FUELS.categories, ROWS),
    "floor": RANDOM.choice([1, 2, 3], ROWS),
})  # fmt: skip
TARGET = TABLE.speed - 3 * TABLE.age + 60.0 * (TABLE.fuel == "electric") + 40.0 * (TABLE.floor == 1)
LABEL = np.where(TARGET + RANDOM.normal(0, 20, ROWS) > 100, "dear", "cheap")
# The spec lists columns and categories in an order of its own.
FEATURES = {
    "floor": {"type": "category", "values": ["2", "3", "1"]},
    "fuel": {"type": "category", "values": ["petrol", "electric", "diesel"]},
    "used": {"type": "boolean"},
    "age": {"type": "number"},
    "doors": {"type": "integer"},
    "speed": {"type": "number", "min": 0},
}
NUMBERS = {name: FEATURES[name] for name in ("doors", "speed", "age")}

Predict = Callable[[pd.DataFrame], np.ndarray]


@dataclass
class Kept:
    """A model in its folder: what the spec says of it, rows to ask, and the library's own answers."""

    features: dict[str, Any]
    predict: Predict
    table: pd.DataFrame
    told: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write what the spec says beside the model."""
        written = {"allowPickle" if key == "allow_pickle" else key: value for key, value in self.told.items()}
        (folder / "model.yaml").write_text(yaml.safe_dump({"features": self.features, **written}, sort_keys=False))


def nullable(*names: str, features: dict[str, Any] = FEATURES) -> dict[str, Any]:
    """Give features of which some may be null."""
    return {name: {**one, "nullable": True} if name in names else one for name, one in features.items()}


def missing(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Take some cells out of a table, as an empty cell of a CSV file is read."""
    table = table.copy()
    for place, name in enumerate(names):
        table[name] = table[name].astype(float if name != "fuel" else "str")
        table.loc[place :: 4 + place, name] = np.nan
    return table


def categorical(table: pd.DataFrame) -> pd.DataFrame:
    """Give the table to a booster as it was trained."""
    return table.astype({name: kind for name, kind in (("fuel", FUELS), ("floor", FLOORS)) if name in table})


def pickled(folder: Path, estimator: Any, features: dict[str, Any], table: pd.DataFrame, predict: Predict) -> Kept:
    """A pickle whose prediction is the table of probabilities, where it has one."""
    output = "probabilities" if hasattr(estimator, "predict_proba") else "label"
    return Kept(features, predict, table, {**dumped(folder, estimator), "prediction": {"name": output}})


def sklearn_numbers(estimator: Any) -> Callable[[Path], Kept]:
    """A classifier on a data frame of numbers, in skops where that takes it."""

    def keep(folder: Path) -> Kept:
        table = TABLE[["speed", "age", "doors"]].astype(float)
        model = estimator.fit(table, LABEL)
        return pickled(folder, model, NUMBERS, table, model.predict_proba)

    return keep


def sklearn_unnamed(folder: Path) -> Kept:
    """An estimator on a bare matrix, in skops."""
    import skops.io  # noqa: PLC0415 - two seconds, which collecting tests need not take

    table = TABLE[["doors", "speed", "age"]].astype(float)
    model = make_pipeline(StandardScaler(), Ridge()).fit(table.to_numpy(), TARGET)
    skops.io.dump(model, folder / "model.skops")
    return Kept(NUMBERS, lambda rows: model.predict(rows.to_numpy()), table)


def sklearn_mixed(folder: Path) -> Kept:
    """Text, numbers, whole numbers, booleans and categories of numbers through a column transformer, with gaps."""
    table = missing(TABLE, "fuel", "age")
    text = make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(handle_unknown="ignore"))
    shape = ColumnTransformer(
        [("t", text, ["fuel"]), ("f", OneHotEncoder(), ["floor", "used"]), ("n", SimpleImputer(), ["age"])],
        remainder=StandardScaler(),
    )
    model = make_pipeline(shape, LogisticRegression(max_iter=500)).fit(table, LABEL)
    return pickled(folder, model, nullable("fuel", "age"), table, model.predict_proba)


def sklearn_objects(folder: Path) -> Kept:
    """A matrix of objects without names, with None where nothing is."""
    table = missing(TABLE[["speed", "fuel"]], "fuel")

    def matrix(rows: pd.DataFrame) -> np.ndarray:
        objects = rows.to_numpy(object)
        objects[pd.isna(objects)] = None
        return objects

    shape = ColumnTransformer([("t", OneHotEncoder(handle_unknown="ignore"), [1])], remainder="passthrough")
    model = make_pipeline(shape, LogisticRegression(max_iter=500)).fit(matrix(table), LABEL)
    features = {"speed": FEATURES["speed"], **nullable("fuel", features={"fuel": FEATURES["fuel"]})}
    return pickled(folder, model, features, table, lambda rows: model.predict_proba(matrix(rows)))


def histogram(folder: Path) -> Kept:
    """scikit-learn's own booster, with text."""
    table = missing(TABLE[["age", "fuel"]], "fuel", "age")
    model = HistGradientBoostingClassifier(max_iter=10, categorical_features=["fuel"]).fit(table, LABEL)
    features = nullable("fuel", "age", features={name: FEATURES[name] for name in ("fuel", "age")})
    return pickled(folder, model, features, table, model.predict_proba)


def booster_class(kind: Any, **told: Any) -> Callable[[Path], Kept]:
    """LightGBM's or XGBoost's scikit-learn class in a pickle."""

    def keep(folder: Path) -> Kept:
        model = kind(n_estimators=15, n_jobs=1, **told).fit(categorical(TABLE), (LABEL == "dear").astype(int))
        return pickled(folder, model, FEATURES, TABLE, lambda rows: model.predict_proba(categorical(rows)))

    return keep


def light(folder: Path) -> Kept:
    """LightGBM in its text format: categories by name, gaps in numbers and categories."""
    table = missing(TABLE, "fuel", "age")
    data = lightgbm.Dataset(categorical(table), TARGET)
    model = lightgbm.train({"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}, data, 20)
    model.save_model(folder / "model.txt")
    return Kept(nullable("fuel", "age"), lambda rows: model.predict(categorical(rows)), table)


def extreme(ending: str, **parameters: Any) -> Callable[[Path], Kept]:
    """XGBoost in its own formats: categories by name, gaps in numbers and categories."""

    def keep(folder: Path) -> Kept:
        linear = parameters.get("booster") == "gblinear"
        table = TABLE[["speed", "age", "doors"]] if linear else missing(TABLE, "fuel", "age")

        def matrix(rows: pd.DataFrame, label: Any = None) -> xgboost.DMatrix:
            return xgboost.DMatrix(categorical(rows), label, enable_categorical=True)

        model = xgboost.train({"nthread": 1, **parameters}, matrix(table, TARGET), 20)
        model.save_model(folder / f"model.{ending}")
        features = NUMBERS if linear else nullable("fuel", "age")
        if parameters.get("booster") == "dart":  # what XGBRegressor does; the slower way rounds its sums elsewhere
            return Kept(features, lambda rows: model.inplace_predict(categorical(rows)), table)
        return Kept(features, lambda rows: model.predict(matrix(rows)), table)

    return keep


def early_stopped(folder: Path) -> Kept:
    """An XGBoost model that stopped long before its last tree, as its scikit-learn class saves it."""
    table, label = TABLE[["speed", "age", "doors"]], RANDOM.integers(0, 2, ROWS)
    model = xgboost.XGBClassifier(n_estimators=60, learning_rate=0.5, early_stopping_rounds=5, n_jobs=1)
    model.fit(table[:400], label[:400], eval_set=[(table[400:], label[400:])], verbose=False)
    model.save_model(folder / "model.json")
    return Kept(NUMBERS, lambda rows: model.predict_proba(rows)[:, 1], table)


def graph(folder: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any]) -> Any:
    """Write a graph; gives the library's session on it."""
    ends = [[helper.make_tensor_value_info(*one) for one in some] for some in (inputs, outputs)]
    made = helper.make_graph(nodes, "g", *ends, constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    return ort.InferenceSession(str(folder / "model.onnx"))


def onnx_table(folder: Path) -> Kept:
    """A graph of one table of 32-bit floats."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3, 2], RANDOM.normal(size=6).astype(np.float32))
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Sigmoid", ["z"], ["y"])]
    session = graph(
        folder, nodes, [("x", TensorProto.FLOAT, ["n", 3])], [("y", TensorProto.FLOAT, ["n", 2])], [weights]
    )
    table = TABLE[["doors", "speed", "age"]]
    return Kept(NUMBERS, lambda rows: session.run(["y"], {"x": rows.to_numpy(np.float32)})[0], table)


def onnx_columns(folder: Path) -> Kept:
    """A graph of one input per column, each of a datatype of its own."""
    nodes = [
        helper.make_node("Cast", ["doors"], ["d"], to=TensorProto.DOUBLE),
        helper.make_node("Cast", ["used"], ["u"], to=TensorProto.DOUBLE),
        helper.make_node("Sum", ["speed", "d", "u"], ["y"]),
        helper.make_node("Identity", ["fuel"], ["seen"]),
    ]
    kinds = {"speed": "DOUBLE", "doors": "INT64", "used": "BOOL", "fuel": "STRING"}
    inputs = [(name, getattr(TensorProto, kind), ["n", 1]) for name, kind in kinds.items()]
    session = graph(
        folder, nodes, inputs, [("y", TensorProto.DOUBLE, ["n", 1]), ("seen", TensorProto.STRING, ["n", 1])], []
    )

    def predict(rows: pd.DataFrame) -> np.ndarray:
        given = {name: rows[[name]].to_numpy(object if name == "fuel" else None) for name in kinds}
        return session.run(["y"], given)[0].reshape(-1)

    return Kept({name: FEATURES[name] for name in ("fuel", "doors", "used", "speed")}, predict, TABLE[list(kinds)])


def custom(folder: Path) -> Kept:
    """A class of the user's."""
    source = "class Model:\n    def predict(self, inputs):\n        return inputs['speed'] / (inputs['doors'] + 1)\n"
    (folder / "model.py").write_text(source)
    table = TABLE[["speed", "doors"]]
    return Kept(
        {name: FEATURES[name] for name in table}, lambda rows: (rows.speed / (rows.doors + 1)).to_numpy(), table
    )


def script(folder: Path) -> Kept:
    """TorchScript."""
    import torch  # noqa: PLC0415 - not part of `make setup`

    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).eval()
    with warnings.catch_warnings(action="ignore"):  # there are TorchScript files for years to come
        torch.jit.trace(module, torch.zeros(2, 3)).save(str(folder / "model.pt"))
    table = TABLE[["doors", "speed", "age"]]

    def predict(rows: pd.DataFrame) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(rows.to_numpy(np.float32))).numpy()

    return Kept(NUMBERS, predict, table)


ZOO: dict[str, Callable[[Path], Kept]] = {
    "onnx-table": onnx_table,
    "onnx-columns": onnx_columns,
    "sklearn-logistic": sklearn_numbers(make_pipeline(StandardScaler(), LogisticRegression())),
    "sklearn-forest": sklearn_numbers(RandomForestClassifier(9, random_state=0)),
    "sklearn-boosting": sklearn_numbers(GradientBoostingClassifier(n_estimators=9, random_state=0)),
    "sklearn-network": sklearn_numbers(
        make_pipeline(StandardScaler(), MLPClassifier((5,), max_iter=900, random_state=0))
    ),
    "sklearn-unnamed": sklearn_unnamed,
    "sklearn-mixed": sklearn_mixed,
    "sklearn-objects": sklearn_objects,
    "sklearn-histogram": histogram,
    "lightgbm-class": booster_class(lambda **told: lightgbm.LGBMClassifier(**told), verbose=-1),  # noqa: PLW0108 - only where it is used
    "xgboost-class": booster_class(xgboost.XGBClassifier, enable_categorical=True),
    "lightgbm": light,
    "xgboost": extreme("ubj"),
    "xgboost-dart": extreme("json", booster="dart"),
    "xgboost-linear": extreme("json", booster="gblinear"),
    "xgboost-early-stopped": early_stopped,
    "custom": custom,
    **({"torch-script": script} if importlib.util.find_spec("torch") else {}),
}
