"""What the model file knows of its columns against what the spec says: mended where places differ, else refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pandas as pd
import pytest
import xgboost
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from runtime.data.columns import Contradiction, is_missing, number_of, places_of
from tests.late import Late
from tests.runtime.offline import ask, dumped, loaded, probabilities

lightgbm = Late("lightgbm")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RANDOM = np.random.default_rng(8)
ROWS = 400
FUELS = ["diesel", "electric", "petrol"]
TABLE = pd.DataFrame({
    "speed": RANDOM.uniform(0, 200, ROWS),
    "age": RANDOM.uniform(0, 20, ROWS),
    "fuel": RANDOM.choice(FUELS, ROWS),
    "floor": RANDOM.choice([1, 2, 3], ROWS),
})  # fmt: skip
TARGET = TABLE.speed - 3 * TABLE.age + 100.0 * (TABLE.fuel == "electric") + 40.0 * (TABLE.floor == 1)
NUMBER = {"type": "number"}
PLAIN = {"speed": NUMBER, "age": NUMBER}
SWAPPED = {"age": NUMBER, "speed": NUMBER}
MIXED = {"fuel": {"type": "category", "values": ["petrol", "electric", "diesel"]}, "speed": NUMBER}
QUIET = {"verbose": -1, "min_data_in_leaf": 5, "num_threads": 1}


def light(folder: Path, table: pd.DataFrame) -> tuple[dict[str, Any], Callable[[pd.DataFrame], Any]]:
    """LightGBM in its text format; gives what the spec says, and how the library predicts a frame."""
    model = lightgbm.train(QUIET, lightgbm.Dataset(categorical(table), TARGET), 20)
    model.save_model(folder / "model.txt")
    return {}, lambda rows: model.predict(categorical(rows))


def extreme(folder: Path, table: pd.DataFrame) -> tuple[dict[str, Any], Callable[[pd.DataFrame], Any]]:
    """XGBoost in its own format."""

    def matrix(rows: pd.DataFrame, label: Any = None) -> xgboost.DMatrix:
        return xgboost.DMatrix(categorical(rows), label, enable_categorical=True)

    model = xgboost.train({"nthread": 1}, matrix(table, TARGET), 20)
    model.save_model(folder / "model.ubj")
    return {}, lambda rows: model.predict(matrix(rows))


def sklearn_of(make: Callable[[pd.DataFrame], Any]) -> Any:
    """An estimator in a pickle."""

    def write(folder: Path, table: pd.DataFrame) -> tuple[dict[str, Any], Callable[[pd.DataFrame], Any]]:
        model = make(table).fit(table, TARGET)
        return dumped(folder, model), model.predict

    return write


def encoded(table: pd.DataFrame) -> Any:
    """Text and categories of numbers through an encoder, numbers as they are."""
    text = [name for name in ("fuel", "floor") if name in table]
    shape = ColumnTransformer([("text", OneHotEncoder(handle_unknown="ignore"), text)], remainder=StandardScaler())
    return make_pipeline(shape, LinearRegression())


def light_class(folder: Path, table: pd.DataFrame) -> tuple[dict[str, Any], Callable[[pd.DataFrame], Any]]:
    """LightGBM's scikit-learn class in a pickle."""
    model = lightgbm.LGBMRegressor(n_estimators=20, verbose=-1, n_jobs=1).fit(categorical(table), TARGET)
    return dumped(folder, model), lambda rows: model.predict(categorical(rows))


def extreme_class(folder: Path, table: pd.DataFrame) -> tuple[dict[str, Any], Callable[[pd.DataFrame], Any]]:
    """XGBoost's scikit-learn class in a pickle."""
    model = xgboost.XGBRegressor(n_estimators=20, n_jobs=1, enable_categorical=True).fit(categorical(table), TARGET)
    return dumped(folder, model), lambda rows: model.predict(categorical(rows))


def categorical(table: pd.DataFrame) -> pd.DataFrame:
    """Make categories of text, and of the floors, with those of training."""
    types = {name: pd.CategoricalDtype(sorted(set(TABLE[name]))) for name in ("fuel", "floor") if name in table}
    return table.astype(types)


BOOSTERS = {"lightgbm": light, "xgboost": extreme}
CLASSES = {"lightgbm-class": light_class, "xgboost-class": extreme_class}
LINEAR = sklearn_of(lambda _: make_pipeline(StandardScaler(), LinearRegression()))
FOREST = sklearn_of(lambda _: RandomForestRegressor(5, random_state=0))
SEARCH = sklearn_of(lambda _: GridSearchCV(LinearRegression(), {"fit_intercept": [True, False]}, cv=2))
ENCODED = sklearn_of(encoded)
HISTOGRAM = sklearn_of(lambda _: HistGradientBoostingRegressor(max_iter=5, categorical_features=["fuel"]))


def rows_of(table: pd.DataFrame, features: dict[str, Any]) -> list[list[Any]]:
    """Give rows in the spec's order."""
    return table[list(features)].to_numpy(object).tolist()


@pytest.mark.parametrize(
    "write",
    [*map(pytest.param, [*BOOSTERS.values(), *CLASSES.values(), LINEAR, FOREST, SEARCH])],
    ids=[*BOOSTERS, *CLASSES, "linear", "forest", "search"],
)
@pytest.mark.parametrize("features", [PLAIN, SWAPPED], ids=["same-order", "swapped"])
def test_columns_are_found_by_their_names(tmp_path, write, features):
    """The spec may list the columns in any order; lists and named rows both get the library's own answer."""
    told, predict = write(tmp_path, TABLE[["speed", "age"]])
    model = loaded(tmp_path, features, **told)
    some = TABLE[["speed", "age"]][:30]

    assert ask(model, rows_of(some, features)) == ask(model, some.to_dict("records"))
    np.testing.assert_allclose(ask(model, rows_of(some, features)), predict(some), rtol=1e-6)


@pytest.mark.parametrize("write", [*BOOSTERS.values(), LINEAR], ids=[*BOOSTERS, "sklearn"])
@pytest.mark.parametrize(
    ("features", "problem"),
    [
        pytest.param(
            {"speed": NUMBER, "years": NUMBER},
            "model.features is speed, years, but {} was trained on speed, age: "
            "the model has no years and the spec has no age",
            id="another-name",
        ),
        pytest.param(
            {**PLAIN, "colour": NUMBER},
            "model.features is speed, age, colour, but {} was trained on speed, age: the model has no colour",
            id="one-more",
        ),
        pytest.param(
            {"speed": NUMBER},
            "model.features is speed, but {} was trained on speed, age: the spec has no age",
            id="one-less",
        ),
    ],
)
def test_other_names_are_refused(tmp_path, write, features, problem):
    """A model whose file knows other columns is never served; the sentence has both sides."""
    told, _ = write(tmp_path, TABLE[["speed", "age"]])
    (file,) = tmp_path.iterdir()

    with pytest.raises(Contradiction) as refused:
        loaded(tmp_path, features, **told)

    assert str(refused.value) == problem.format(file.name)


@pytest.mark.parametrize("write", [light, LINEAR], ids=["lightgbm", "sklearn"])
def test_names_may_differ_in_characters_that_libraries_change(tmp_path, write):
    """LightGBM writes `top_speed` for `top speed`, and a column of BigQuery has no blank either."""
    table = TABLE[["speed", "age"]].set_axis(["top speed", "age"], axis="columns")
    told, predict = write(tmp_path, table)
    model = loaded(tmp_path, {"age": NUMBER, "top_speed": NUMBER}, **told)

    np.testing.assert_allclose(ask(model, [[3.0, 150.0]]), predict(pd.DataFrame({"top speed": [150.0], "age": [3.0]})))


EVERY = {**BOOSTERS, **CLASSES, "encoder": ENCODED}


@pytest.mark.parametrize("write", EVERY.values(), ids=EVERY)
def test_categories_go_by_name(tmp_path, write):
    """The spec lists them in another order than the model file; "electric" stays electric."""
    told, predict = write(tmp_path, TABLE[["speed", "fuel"]])
    model = loaded(tmp_path, MIXED, **told)
    some = TABLE[["speed", "fuel"]][:30]

    np.testing.assert_allclose(ask(model, rows_of(some, MIXED)), predict(some), rtol=1e-6)
    one_by_one = [ask(model, [row])[0] for row in rows_of(some, MIXED)]
    np.testing.assert_allclose(one_by_one, predict(some), rtol=1e-6)


def test_histogram_boosting_knows_its_categories(tmp_path):
    """scikit-learn's own booster encodes text by itself."""
    told, predict = HISTOGRAM(tmp_path, TABLE[["speed", "fuel"]])
    some = TABLE[["speed", "fuel"]][:30]

    np.testing.assert_allclose(ask(loaded(tmp_path, MIXED, **told), rows_of(some, MIXED)), predict(some))


@pytest.mark.parametrize("write", EVERY.values(), ids=EVERY)
def test_categories_that_are_numbers_stay_numbers(tmp_path, write):
    """The spec writes categories as text; a model that was trained on 1, 2, 3 gets those, not places nor text."""
    told, predict = write(tmp_path, TABLE[["speed", "floor"]])
    features = {"floor": {"type": "category", "values": ["3", "1", "2"]}, "speed": NUMBER}
    model = loaded(tmp_path, features, **told)
    some = TABLE[["speed", "floor"]][:30]

    np.testing.assert_allclose(ask(model, rows_of(some, features)), predict(some), rtol=1e-6)
    texts = [[str(floor), speed] for floor, speed in rows_of(some, features)]
    np.testing.assert_allclose(ask(model, texts), predict(some), rtol=1e-6)


@pytest.mark.parametrize("write", [*BOOSTERS.values(), ENCODED], ids=[*BOOSTERS, "encoder"])
@pytest.mark.parametrize(
    ("fuel", "problem"),
    [
        pytest.param(
            {"type": "category", "values": ["Diesel", "lpg"]},
            "has the values Diesel, lpg, but {} knows diesel, electric, petrol there",
            id="other-categories",
        ),
        pytest.param({"type": "number"}, "is of type number, but {} knows the categories diesel, ", id="number"),
        pytest.param({"type": "integer"}, "is of type integer, but {} knows the categories diesel, ", id="integer"),
        pytest.param({"type": "boolean"}, "is of type boolean, but {} knows the categories diesel, ", id="boolean"),
    ],
)
def test_other_categories_are_refused(tmp_path, write, fuel, problem):
    """Values or types that the file contradicts: never served, and both sides are named."""
    told, _ = write(tmp_path, TABLE[["speed", "fuel"]])
    (file,) = tmp_path.iterdir()

    with pytest.raises(Contradiction) as refused:
        loaded(tmp_path, {"speed": NUMBER, "fuel": fuel}, **told)

    assert str(refused.value).startswith(f"model.features.fuel {problem.format(file.name)}")


def test_text_is_refused_where_the_categories_are_numbers(tmp_path):
    """The encoder would know none of it."""
    told, _ = ENCODED(tmp_path, TABLE[["speed", "floor"]])

    with pytest.raises(Contradiction, match=r"is of type string, but model\.joblib knows the categories 1, 2, 3 there"):
        loaded(tmp_path, {"speed": NUMBER, "floor": {"type": "string"}}, **told)


def test_one_more_category_than_a_strict_encoder_knows_is_refused(tmp_path):
    """It would be a 500 for whoever sends it; an encoder that has an answer for unknown ones takes it."""
    features = {"fuel": {"type": "category", "values": [*FUELS, "lpg"]}}
    for unknown in ("error", "ignore"):
        model = make_pipeline(OneHotEncoder(handle_unknown=unknown), LinearRegression()).fit(TABLE[["fuel"]], TARGET)
        told = dumped(tmp_path, model)
        if unknown == "ignore":
            np.testing.assert_allclose(
                ask(loaded(tmp_path, features, **told), [["lpg"]]), model.predict(pd.DataFrame({"fuel": ["lpg"]}))
            )
            continue
        with pytest.raises(Contradiction, match=r"has the value lpg, but model\.joblib knows diesel, electric, petrol"):
            loaded(tmp_path, features, **told)


@pytest.mark.parametrize("names", [None, ["speed", "floor"]], ids=["unnamed", "named"])
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_numbers_that_could_be_places_are_refused(tmp_path, library, names):
    """Trained on the numbers 1, 2, 3: as categories they would become 0, 1, 2; the hint says what to write."""
    matrix = TABLE[["speed", "floor"]].to_numpy()
    if library == "xgboost":
        xgboost.train({}, xgboost.DMatrix(matrix, TARGET, feature_names=names), 3).save_model(tmp_path / "model.json")
    else:
        data = lightgbm.Dataset(matrix, TARGET, feature_name=names or "auto")
        lightgbm.train(QUIET, data, 3).save_model(tmp_path / "model.txt")
    features = {"speed": NUMBER, "floor": {"type": "category", "values": ["1", "2", "3"]}}

    with pytest.raises(Contradiction, match=r"become their places, 0, 1, 2, but .* type: integer"):
        loaded(tmp_path, features)

    features["floor"] = {"type": "integer"}
    assert len(ask(loaded(tmp_path, features), [[100.0, 3]])) == 1


@pytest.mark.parametrize(
    ("values", "fits"),
    [
        pytest.param(["1", "2", "3"], True, id="the-codes-themselves"),
        pytest.param(["0", "1", "2"], False, id="other-numbers"),
        pytest.param(["low", "middle", "high"], False, id="places-end-too-early"),
        pytest.param(["none", "low", "middle", "high"], True, id="places"),
    ],
)
def test_codes_of_training(tmp_path, values, fits):
    """LightGBM's file tells the codes of a column that was categorical without a data frame: 1, 2, 3."""
    matrix = TABLE[["speed", "floor"]].to_numpy()
    model = lightgbm.train(QUIET, lightgbm.Dataset(matrix, TARGET, categorical_feature=[1]), 10)
    model.save_model(tmp_path / "model.txt")
    features = {"speed": NUMBER, "floor": {"type": "category", "values": values}}
    if not fits:
        with pytest.raises(Contradiction, match=r"model.txt takes the codes 1, 2, 3 there"):
            loaded(tmp_path, features)
        return

    found = ask(loaded(tmp_path, features), [[100.0, value] for value in values])

    codes = [1, 2, 3] if values == ["1", "2", "3"] else [0, 1, 2, 3]
    np.testing.assert_allclose(found, model.predict(np.array([[100.0, code] for code in codes])))


def test_an_ordered_category_is_found_by_the_spec(tmp_path):
    """LightGBM takes ordered categories for numbers, and its file does not say which column its categories are of."""
    order = pd.CategoricalDtype(["low", "middle", "high"], ordered=True)
    table = pd.DataFrame({"speed": TABLE.speed, "grade": RANDOM.choice(order.categories, ROWS)}).astype(
        {"grade": order}
    )
    model = lightgbm.train(QUIET, lightgbm.Dataset(table, table.speed + 50 * (table.grade == "low")), 10)
    model.save_model(tmp_path / "model.txt")
    features = {"grade": {"type": "category", "values": ["high", "low", "middle"]}, "speed": NUMBER}

    found = ask(loaded(tmp_path, features), table[:30].to_dict("records"))

    np.testing.assert_allclose(found, model.predict(table[:30]))
    with pytest.raises(
        Contradiction, match=r"grade is of type number, but model.txt knows the categories low, middle, high"
    ):
        loaded(tmp_path, {"speed": NUMBER, "grade": NUMBER})


GRADES = {"type": "category", "values": ["0", "1", "2"]}
WHOLE = {"type": "integer"}


@pytest.fixture(scope="module")
def graded():
    """A booster of an ordered category, and of a whole number that `fit` was told to take for a category."""
    order = pd.CategoricalDtype([2, 1, 0], ordered=True)
    table = pd.DataFrame({
        "grade": pd.Series(RANDOM.integers(0, 3, ROWS)).astype(order),
        "code": RANDOM.integers(0, 3, ROWS),
    })  # fmt: skip
    target = table.grade.cat.codes * 10 + (table.code == 1) * 50.0 + table.code
    model = lightgbm.LGBMRegressor(n_estimators=25, min_child_samples=3, verbose=-1, n_jobs=1)
    return model.fit(table, target, categorical_feature=["code"]), table[:30]


def graded_written(folder, model, form):
    """Write it as text or as a pickle; gives what the spec says."""
    if form == "joblib":
        return dumped(folder, model)
    model.booster_.save_model(folder / "model.txt")
    return {}


@pytest.mark.parametrize("form", ["txt", "joblib"])
@pytest.mark.parametrize(
    "code", [WHOLE, {"type": "category", "values": ["zero", "one", "two"]}], ids=["whole", "named"]
)
def test_a_told_number_takes_no_table_of_an_ordered_category(tmp_path, graded, form, code):
    """As many categorical columns as tables of categories says nothing of which belong together."""
    model, table = graded
    told = graded_written(tmp_path, model, form)
    features = {"code": code, "grade": GRADES}
    words = code.get("values", [0, 1, 2])
    rows = [[words[row.code], str(row.grade)] for row in table.itertuples()]

    np.testing.assert_allclose(ask(loaded(tmp_path, features, **told), rows), model.predict(table))


@pytest.mark.parametrize("form", ["txt", "joblib"])
def test_a_table_that_could_be_of_two_columns_is_refused(tmp_path, graded, form):
    """The file of an ordered and a told column looks like the file of a number and a category."""
    told = graded_written(tmp_path, graded[0], form)

    with pytest.raises(Contradiction, match=r"knows the categories 2, 1, 0 of one column, and does not say which"):
        loaded(tmp_path, {"grade": GRADES, "code": GRADES}, **told)


@pytest.mark.parametrize(
    "flag",
    [{"type": "boolean"}, WHOLE, {"type": "category", "values": ["0", "1"]}],
    ids=["boolean", "whole", "category"],
)
def test_a_table_of_its_own_codes_takes_no_column_from_another_type(tmp_path, flag):
    """Floors 0, 1, 2 are their own codes, and so could a flag's 0 and 1 be: each is what the spec calls it."""
    table = pd.DataFrame({"flag": RANDOM.integers(0, 2, ROWS), "floor": pd.Categorical(RANDOM.integers(0, 3, ROWS))})
    model = lightgbm.train(QUIET, lightgbm.Dataset(table, table.flag * 10.0 + (table.floor == 1) * 30.0), 10)
    model.save_model(tmp_path / "model.txt")
    served = loaded(tmp_path, {"floor": {"type": "category", "values": ["2", "0", "1"]}, "flag": flag})
    spelt = {"boolean": bool, "category": str}.get(flag["type"], int)
    rows = [[str(row.floor), spelt(row.flag)] for row in table[:30].itertuples()]

    np.testing.assert_allclose(ask(served, rows), model.predict(table[:30]))


def test_a_table_goes_to_the_column_whose_numbers_are_its_codes(tmp_path):
    """Whatever the spec calls a category: doors are 2 to 5 in the file, and those are no codes of three fuels."""
    table = categorical(TABLE[["fuel"]]).assign(doors=RANDOM.integers(2, 6, ROWS), age=TABLE.age)
    model = lightgbm.train(QUIET, lightgbm.Dataset(table, TARGET), 20)
    model.save_model(tmp_path / "model.txt")
    doors = {"type": "category", "values": ["none", "one", "two", "three", "four", "five"]}
    served = loaded(tmp_path, {"fuel": MIXED["fuel"], "doors": doors, "age": NUMBER})
    rows = [[row.fuel, doors["values"][row.doors], row.age] for row in table[:30].itertuples()]

    np.testing.assert_allclose(ask(served, rows), model.predict(table[:30]))


class Same(TransformerMixin, BaseEstimator):
    """A transformer of one's own, which nobody can look into."""

    def fit(self, rows: Any, label: Any = None) -> Same:
        del label
        self.feature_names_in_ = np.array(rows.columns, object)
        return self

    def transform(self, rows: Any) -> Any:
        return rows


OPAQUE = {
    "function": FunctionTransformer,
    "own": Same,
    "two": lambda: make_pipeline(FunctionTransformer(), FunctionTransformer()),
}


@pytest.mark.parametrize("step", OPAQUE.values(), ids=OPAQUE)
@pytest.mark.parametrize(
    ("values", "asked"),
    [
        pytest.param([10, 20, 30], "integer", id="numbers"),
        pytest.param([0, 1, 2], "integer", id="numbers-that-are-places"),
        pytest.param([False, True], "boolean", id="booleans"),
    ],
)
def test_categories_of_numbers_behind_an_opaque_step_are_refused(tmp_path, step, values, asked):
    """Nobody can tell whether an encoder behind it knows numbers or their text; the type that the hint names can."""
    table = pd.DataFrame({"zip": RANDOM.choice(values, ROWS), "fuel": TABLE.fuel})
    shape = ColumnTransformer([("codes", OneHotEncoder(handle_unknown="ignore"), ["zip", "fuel"])])
    model = make_pipeline(step(), shape, LinearRegression()).fit(table, TARGET)
    told = dumped(tmp_path, model)
    features = {"zip": {"type": "category", "values": [str(value).lower() for value in values]}, "fuel": MIXED["fuel"]}

    with pytest.raises(Contradiction, match=rf"zip has the values .* write type: {asked} for a model"):
        loaded(tmp_path, features, **told)

    served = loaded(tmp_path, {**features, "zip": {"type": asked}}, **told)
    np.testing.assert_allclose(ask(served, table[:30].to_dict("records")), model.predict(table[:30]))


def test_text_that_looks_like_numbers_may_be_a_string(tmp_path):
    """An encoder behind an opaque step that was trained on text is served with `type: string`."""
    table = pd.DataFrame({"zip": RANDOM.choice(["10", "20", "30"], ROWS)})
    model = make_pipeline(FunctionTransformer(), OneHotEncoder(handle_unknown="ignore"), LinearRegression()).fit(
        table, TARGET
    )
    served = loaded(tmp_path, {"zip": {"type": "string"}}, **dumped(tmp_path, model))

    np.testing.assert_allclose(ask(served, table[:30].to_dict("records")), model.predict(table[:30]))


@pytest.mark.parametrize(("values", "fits"), [(["0", "1", "2"], True), (["1", "2", "3"], False)])
def test_codes_of_a_pickled_booster_without_a_frame(tmp_path, values, fits):
    """XGBoost's class on bare codes: the values' places, and other numbers are refused."""
    matrix = np.column_stack([TABLE.speed, TABLE.floor - 1])
    model = xgboost.XGBRegressor(n_estimators=5, n_jobs=1, enable_categorical=True, feature_types=["q", "c"])
    told = dumped(tmp_path, model.fit(matrix, TARGET))
    features = {"speed": NUMBER, "floor": {"type": "category", "values": values}}
    if not fits:
        with pytest.raises(Contradiction, match="which as categories become their places"):
            loaded(tmp_path, features, **told)
        return

    rows = [[speed, values[int(floor)]] for speed, floor in matrix[:30]]
    np.testing.assert_allclose(ask(loaded(tmp_path, features, **told), rows), model.predict(matrix[:30]), rtol=1e-6)


def test_nothing_in_a_category_is_nothing_to_the_booster(tmp_path):
    """Null is NaN behind the mapping of places to codes, alone and beside others."""
    for name, write in BOOSTERS.items():
        folder = tmp_path / name
        folder.mkdir()
        _, predict = write(folder, TABLE[["speed", "fuel"]])
        model = loaded(folder, {"fuel": {**MIXED["fuel"], "nullable": True}, "speed": NUMBER})
        some = pd.DataFrame({"speed": [10.0, 20.0], "fuel": [None, "electric"]})

        np.testing.assert_allclose(ask(model, [[None, 10.0], ["electric", 20.0]]), predict(some), rtol=1e-6)
        np.testing.assert_allclose(ask(model, [[None, 10.0]]), predict(some[:1]), rtol=1e-6)


# A row's answer never depends on its batch


def missing_table(missing: Any) -> pd.DataFrame:
    """Rows with empty text cells, as a training table would have them."""
    table = TABLE[["speed", "fuel"]].astype({"fuel": object if missing is None else "str"})
    table.loc[::3, "fuel"] = missing
    return table


TEXT = {
    "constant": lambda missing: make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none", missing_values=missing),
        OneHotEncoder(handle_unknown="ignore"),
    ),
    "most-frequent": lambda missing: make_pipeline(
        SimpleImputer(strategy="most_frequent", missing_values=missing), OneHotEncoder()
    ),
    "encoder": lambda _: OneHotEncoder(handle_unknown="ignore"),
    "ordinal": lambda _: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
}


@pytest.mark.parametrize("missing", [np.nan, None], ids=["nan", "none"])
@pytest.mark.parametrize("text", TEXT)
def test_a_missing_category_is_what_it_was_in_training(tmp_path, text, missing):
    """A row without its text gets the estimator's own answer, alone, in a batch, and at any place in it."""
    table = missing_table(missing)
    shape = ColumnTransformer([("n", StandardScaler(), ["speed"]), ("t", TEXT[text](missing), ["fuel"])])
    label = np.where(TABLE.speed + 90 * table.fuel.isna() > 150, "dear", "cheap")
    model = make_pipeline(shape, LogisticRegression()).fit(table, label)
    features = {"speed": NUMBER, "fuel": {**MIXED["fuel"], "nullable": True}}
    told = dumped(tmp_path, model)
    served = loaded(tmp_path, features, prediction=probabilities(), **told)
    some, rows = (
        table[:12],
        [[row.speed, row.fuel if isinstance(row.fuel, str) else None] for row in table[:12].itertuples()],
    )

    np.testing.assert_allclose(ask(served, rows), model.predict_proba(some))
    np.testing.assert_allclose(ask(served, rows[::-1]), model.predict_proba(some)[::-1])
    np.testing.assert_allclose([ask(served, [row])[0] for row in rows], model.predict_proba(some))


def test_a_missing_category_of_numbers_is_nan(tmp_path):
    """A column of 1, 2, 3 with gaps is one of floats to pandas, and so it is in every batch."""
    table = TABLE[["floor"]].astype(float)
    table.loc[::3, "floor"] = np.nan
    model = make_pipeline(OneHotEncoder(), LinearRegression()).fit(table, TARGET)
    features = {"floor": {"type": "category", "values": ["3", "1", "2"], "nullable": True}}
    served = loaded(tmp_path, features, **dumped(tmp_path, model))
    rows = [[None if pd.isna(floor) else int(floor)] for floor in table.floor[:12]]

    np.testing.assert_allclose(ask(served, rows), model.predict(table[:12]))
    np.testing.assert_allclose([ask(served, [row])[0] for row in rows], model.predict(table[:12]))


def test_a_matrix_without_names_keeps_none(tmp_path):
    """An estimator that was trained on bare objects with None in them gets None."""
    matrix = missing_table(None).to_numpy(object)
    shape = ColumnTransformer([("t", OneHotEncoder(handle_unknown="ignore"), [1])], remainder="passthrough")
    model = make_pipeline(shape, LinearRegression()).fit(matrix, TARGET)
    features = {"a": NUMBER, "b": {**MIXED["fuel"], "nullable": True}}

    served = loaded(tmp_path, features, **dumped(tmp_path, model))

    np.testing.assert_allclose(ask(served, [[5.0, None]]), model.predict(np.array([[5.0, None]], object)))
    np.testing.assert_allclose(ask(served, matrix[:9].tolist()), model.predict(matrix[:9]))


class Types:
    """Says of each column of a frame what it is; stands for steps that look."""

    n_features_in_ = 5
    feature_names_in_ = np.array(["n", "i", "b", "t", "m"], object)

    def predict(self, rows: pd.DataFrame) -> list[str]:
        return [" ".join(str(rows[name].dtype) for name in rows)] * len(rows)


def test_types_come_from_the_schema(tmp_path):
    """Whole numbers, no numbers at all, no text at all: each column has the type of its feature in every batch."""
    nullable = {"n": NUMBER, "m": {"type": "integer"}, "t": {"type": "string"}}
    features: dict[str, Any] = {name: {**one, "nullable": True} for name, one in nullable.items()}
    features |= {"i": {"type": "integer"}, "b": {"type": "boolean"}}
    served = loaded(tmp_path, features, **dumped(tmp_path, Types()))
    rows = [
        {"n": 1, "i": 1, "b": True, "t": "a", "m": 1},
        {"n": 1.5, "i": 2.0, "b": False, "t": None, "m": None},
        {"i": 3, "b": True},
    ]

    found = {answer for batch in (rows, rows[:1], rows[1:2], rows[2:]) for answer in ask(served, batch)}

    assert found == {f"float64 int64 bool {pd.Series(['a']).dtype} float64"}


# Graphs


def graph(folder: Path, datatype: str) -> None:
    """An ONNX graph that gives back its one input."""
    ends = [helper.make_tensor_value_info(n, getattr(TensorProto, datatype), ["n", 1]) for n in ("x", "y")]
    made = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx")


@pytest.mark.parametrize(
    ("datatype", "feature", "problem"),
    [
        pytest.param("BOOL", {"type": "integer"}, "is of type integer, but input 'x' takes BOOL", id="5-is-not-true"),
        pytest.param("BOOL", {"type": "number"}, "is of type number, but input 'x' takes BOOL", id="0.5-is-not-true"),
        pytest.param(
            "BOOL",
            {"type": "category", "values": ["a", "b", "c"]},
            "is of type category, but input 'x' takes BOOL",
            id="three-places",
        ),
        pytest.param(
            "UINT8",
            {"type": "category", "values": [f"v{i}" for i in range(257)]},
            "has 257 values, more than UINT8 of input 'x' holds",
            id="places-beyond-the-datatype",
        ),
        pytest.param(
            "INT64",
            {"type": "category", "values": ["1", "2"]},
            "has the values 1, 2, which as categories become their places, 0, 1, but input 'x' takes numbers there",
            id="numbers-or-places",
        ),
    ],
)
def test_types_that_an_input_would_bend_are_refused(tmp_path, datatype, feature, problem):
    """What a graph would take for something else without a word keeps it from being served."""
    graph(tmp_path, datatype)

    with pytest.raises(ValueError, match=f"x'? {problem}"):
        loaded(tmp_path, {"x": feature})


def test_a_refusal_is_in_the_log_and_the_server_never_ready(serve, tmp_path):
    """The sentence is the reason that whoever deploys it reads."""
    _, predict = light(tmp_path, TABLE[["speed", "age"]])
    del predict
    server = serve(tmp_path, model={"features": {"speed": NUMBER, "years": NUMBER}}, wait="live")

    server.wait(lambda: "was trained on speed, age: the model has no years" in server.log.read_text())
    assert json.dumps(server.get("/health/ready").text) == '"failed"'


CATEGORIES = [
    None, float("nan"), "1", 1, 1.0, 1.5, "1.5", np.float32(0.1), "0.1", np.int64(7), True, np.bool_(0), "False",
    "true", b"x", "b'x'", "a", "A", pd.Timestamp("2026-01-01"), "", "nan", np.float16(2.0), np.float32("inf"),
]  # fmt: skip
SPELT = [
    "1",
    "1.0",
    "1e0",
    "1.5",
    "0.1",
    "7",
    "TRUE",
    "true",
    "false",
    "b'x'",
    "a",
    "A",
    "c",
    "",
    "nan",
    "None",
    "2",
    "1e9",
]


def same(value, known):
    if is_missing(known):
        return False
    if isinstance(known, (bool, np.bool_)):
        return value.lower() == str(known).lower()
    if not isinstance(known, (int, float, np.number)):
        return value == str(known)
    with np.errstate(over="ignore"):
        return number_of(value) == known


@pytest.mark.parametrize("seed", range(5))
def test_values_are_found_among_categories_of_every_sort(seed):
    """The first that is the same, be it text, a number of any precision, or true and false."""
    known = [CATEGORIES[place] for place in np.random.default_rng(seed).permutation(len(CATEGORIES))]
    one_by_one = {value: next((place for place, each in enumerate(known) if same(value, each)), -1) for value in SPELT}
    assert places_of(SPELT, known) == one_by_one


def test_many_words_are_not_compared_with_each_other():
    """A hundred thousand of a BigQuery ML export against as many of the spec would take hours."""

    class Word(str):
        __slots__ = ()
        __hash__ = str.__hash__
        compared = 0

        def __eq__(self, other):
            Word.compared += 1
            return str.__eq__(self, other)

    values = [Word(f"w{number}") for number in range(300)]
    found = places_of(values, [str(each) for each in reversed(values)])

    assert list(found.values()) == list(range(299, -1, -1))
    assert Word.compared < 5 * len(values)
