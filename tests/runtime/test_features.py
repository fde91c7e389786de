"""The feature schema, value by value: what is taken, what is refused and how it is said, and the arrays made of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime.configuration.settings import Feature
from runtime.data.features import (
    LARGEST,
    MAX_PROBLEMS,
    SHOWN,
    InvalidInput,
    Layout,
    Problem,
    Schema,
    describe,
    shorten,
    value_problem,
)
from runtime.data.tensors import TensorSpec

NUMBER, INTEGER, BOOLEAN, STRING = (Feature(kind) for kind in ("number", "integer", "boolean", "string"))
BOUNDED = Feature("number", min=-1, max=10)
COLOUR = Feature("category", values=("red", "green", "7"))
FREE = Feature("category")
NULLABLE = Feature("number", nullable=True)


@pytest.mark.parametrize(
    ("value", "feature", "problem"),
    [
        pytest.param(1.5, NUMBER, "", id="number"),
        pytest.param(1, NUMBER, "", id="whole-number"),
        pytest.param(True, NUMBER, "True is no number", id="boolean-for-a-number"),
        pytest.param("1", NUMBER, "'1' is no number", id="text-for-a-number"),
        pytest.param([1], NUMBER, "a list is no number", id="list"),
        pytest.param({"a": 1}, NUMBER, "a dict is no number", id="object"),
        pytest.param(None, NUMBER, "is null", id="null"),
        pytest.param(None, NULLABLE, "", id="nullable"),
        pytest.param(math.inf, NUMBER, "inf is not finite", id="infinity"),
        pytest.param(math.nan, NULLABLE, "nan is not finite", id="not-a-number"),
        pytest.param(-1, BOUNDED, "", id="at-the-minimum"),
        pytest.param(10, BOUNDED, "", id="at-the-maximum"),
        pytest.param(np.nextafter(-1.0, -2.0).item(), BOUNDED, "-1.0000000000000002 is below -1", id="below"),
        pytest.param(10.5, BOUNDED, "10.5 is above 10", id="above"),
        pytest.param(LARGEST, NUMBER, "", id="largest"),
        pytest.param(-LARGEST, NUMBER, "", id="smallest"),
        pytest.param(LARGEST * 1.001, NUMBER, f"{LARGEST * 1.001!r} is too large", id="beyond-32-bits"),
        pytest.param(-LARGEST * 1.001, NUMBER, f"{-LARGEST * 1.001!r} is too large", id="beyond-32-bits-below"),
        pytest.param(3, INTEGER, "", id="integer"),
        pytest.param(3.0, INTEGER, "", id="integer-with-a-point"),
        pytest.param(3.5, INTEGER, "3.5 is no integer", id="fraction"),
        pytest.param(False, INTEGER, "False is no integer", id="boolean-for-an-integer"),
        pytest.param(2**63 - 1, INTEGER, "", id="largest-integer"),
        pytest.param(2**63, INTEGER, f"{2**63} is too large", id="beyond-64-bits"),
        pytest.param(2.0**63, INTEGER, f"{2.0**63!r} is too large", id="beyond-64-bits-with-a-point"),
        pytest.param(10**400, INTEGER, f"{'1' + '0' * 36}... is too large", id="integer-of-400-digits"),
        pytest.param(-(10**400), NUMBER, f"-{'1' + '0' * 35}... is too large", id="number-of-400-digits"),
        pytest.param(10**400, BOUNDED, f"{'1' + '0' * 36}... is above 10", id="400-digits-above"),
        pytest.param(10**400, COLOUR, f"{'1' + '0' * 36}... is none of red, green, 7", id="category-of-400-digits"),
        pytest.param(10**400, BOOLEAN, f"{'1' + '0' * 36}... is no boolean", id="boolean-of-400-digits"),
        pytest.param(True, BOOLEAN, "", id="boolean"),
        pytest.param(1, BOOLEAN, "1 is no boolean", id="number-for-a-boolean"),
        pytest.param("true", BOOLEAN, "'true' is no boolean", id="text-for-a-boolean"),
        pytest.param("a", STRING, "", id="string"),
        pytest.param(1, STRING, "1 is no string", id="number-for-a-string"),
        pytest.param("red", COLOUR, "", id="category"),
        pytest.param(7, COLOUR, "", id="category-as-a-number"),
        pytest.param("blue", COLOUR, "'blue' is none of red, green, 7", id="unknown-category"),
        pytest.param(8, COLOUR, "8 is none of red, green, 7", id="unknown-number"),
        pytest.param(7.0, COLOUR, "7.0 is no category", id="fraction-for-a-category"),
        pytest.param("anything", FREE, "", id="category-without-values"),
    ],
)
def test_a_value_and_its_problem(value, feature, problem):
    """Type, null, finiteness, range and category, ends included; booleans are no numbers, as in JSON."""
    assert value_problem(value, feature) == problem


def test_a_long_list_of_categories_is_not_repeated_whole():
    """An answer names ten of them."""
    feature = Feature("category", values=tuple("abcdefghijkl"))

    assert value_problem("z", feature) == "'z' is none of a, b, c, d, e, f, g, h, i, j"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("a" * (SHOWN - 2), f"'{'a' * (SHOWN - 2)}'", id="as-long-as-may-be"),
        pytest.param("a" * (SHOWN - 1), f"'{'a' * (SHOWN - 4)}...", id="one-longer"),
        pytest.param(None, "a NoneType", id="other"),
    ],
)
def test_a_callers_value_is_shortened(value, shown):
    """Nobody gets a megabyte back."""
    assert shorten(value) == shown
    assert len(shown) <= SHOWN


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        pytest.param(Problem(2, "a", "is null"), "row 2, feature 'a': is null", id="both"),
        pytest.param(Problem(0, None, "is odd"), "row 0: is odd", id="row"),
        pytest.param(Problem(None, "a", "is missing"), "feature 'a': is missing", id="feature"),
        pytest.param(Problem(None, None, "is empty"), "is empty", id="neither"),
    ],
)
def test_a_problem_says_where(problem, text):
    """Row and feature, where they are known; rows count from 0."""
    assert describe(problem) == text


def test_an_error_says_three_problems_and_holds_all():
    """The first of them are enough for a line of text."""
    error = InvalidInput([Problem(row, None, "x") for row in range(5)])

    assert str(error) == "row 0: x; row 1: x; row 2: x; and 2 more"
    assert len(error.problems) == 5


SCHEMA = Schema({"age": INTEGER, "plan": COLOUR, "spend": NULLABLE})


@pytest.mark.parametrize(
    "instances",
    [
        pytest.param([[1, "red", 0.5], [2, "7", None]], id="rows"),
        pytest.param([{"spend": 0.5, "age": 1, "plan": "red"}, {"age": 2, "plan": "7"}], id="by-name"),
        pytest.param([[1, "red", 0.5], {"plan": "7", "age": 2}], id="mixed"),
        pytest.param({"age": [1, 2], "spend": [0.5, None], "plan": ["red", "7"]}, id="columns"),
    ],
)
def test_every_spelling_gives_the_same_columns(instances):
    """Lists, objects and columns, in any order of names; a nullable feature may be left out."""
    assert SCHEMA.columns(instances) == {"age": [1, 2], "plan": ["red", "7"], "spend": [0.5, None]}


def test_a_nullable_column_may_be_left_out():
    """It is null in every row."""
    assert SCHEMA.columns({"age": [1, 2], "plan": ["red", "7"]})["spend"] == [None, None]


def test_one_feature_needs_no_list():
    """A row of a single value may stand by itself."""
    assert Schema({"a": NUMBER}).columns([1, [2], {"a": 3}]) == {"a": [1, 2, 3]}


@pytest.mark.parametrize(
    ("instances", "problems"),
    [
        pytest.param("text", ["instances must be a list of rows, or an object of columns"], id="text"),
        pytest.param([[1, "red"]], ["row 0: has 2 values, the model takes 3"], id="too-short"),
        pytest.param([[1, "red", 1, 1]], ["row 0: has 4 values, the model takes 3"], id="too-long"),
        pytest.param([7], ["row 0: has 1 values, the model takes 3"], id="no-row"),
        pytest.param(
            [{"age": 1, "z": 1, "b": 1}],
            [
                "row 0, feature 'b': is no feature of this model",
                "row 0, feature 'z': is no feature of this model",
                "row 0, feature 'plan': is missing",
            ],
            id="names",
        ),
        pytest.param({"age": [1], "plan": "red"}, ["columns must be lists of one length"], id="no-column"),
        pytest.param({"age": [1], "plan": []}, ["columns must be lists of one length"], id="lengths"),
        pytest.param({}, ["columns must be lists of one length"], id="no-columns"),
        pytest.param(
            {"age": [1], "z": [1]},
            ["feature 'z': is no feature of this model", "feature 'plan': is missing"],
            id="names-of-columns",
        ),
        pytest.param(
            [[1, "red", None], ["x", "blue", None], [None, "red", 1]],
            [
                "row 1, feature 'age': 'x' is no integer",
                "row 1, feature 'plan': 'blue' is none of red, green, 7",
                "row 2, feature 'age': is null",
            ],
            id="values-in-row-order",
        ),
    ],
)
def test_what_does_not_fit_is_named(instances, problems):
    """Every problem has its row and feature, in the order of the rows."""
    with pytest.raises(InvalidInput) as refused:
        SCHEMA.columns(instances)

    assert [describe(problem) for problem in refused.value.problems] == problems


@pytest.mark.parametrize(
    "instances",
    [
        pytest.param([["x"]] * 50, id="values"),
        pytest.param([[1, 2]] * 50, id="widths"),
        pytest.param([{"b": 1, "a": 1}] * 50, id="names"),
        pytest.param({f"x{number}": [1] for number in range(50)}, id="columns"),
    ],
)
def test_problems_beyond_some_are_not_said(instances):
    """A body that is wrong everywhere costs no more than one that is wrong here and there."""
    with pytest.raises(InvalidInput) as refused:
        Schema({"a": NUMBER}).columns(instances)

    assert len(refused.value.problems) == MAX_PROBLEMS


def test_the_first_problems_are_said_whatever_their_feature():
    """The last feature's problem in the first row comes before the first one's in later rows."""
    rows = [[1, "x"], *[["x", 1]] * 50]

    with pytest.raises(InvalidInput) as refused:
        Schema({"a": NUMBER, "b": NUMBER}).columns(rows)

    assert [(problem.row, problem.feature) for problem in refused.value.problems][:2] == [(0, "b"), (1, "a")]


@pytest.mark.parametrize(
    ("datatype", "kind"), [("FP32", "number"), ("FP64", "number"), ("INT8", "integer"), ("UINT64", "integer"),
                           ("BOOL", "boolean"), ("BYTES", "string")]
)  # fmt: skip
def test_a_model_without_features_takes_what_its_input_holds(datatype, kind):
    """So many unnamed columns of the kind that its datatype can hold."""
    schema = Schema.unnamed(2, TensorSpec("x", datatype, (-1, 2)))

    assert schema.names == ("f0", "f1")
    assert {feature.type for feature in schema.features.values()} == {kind}
    assert schema.numeric == (kind == "number")


def test_a_model_without_features_or_inputs_takes_32_bit_floats():
    """What frameworks that tell nothing of their input work with."""
    schema = Schema.unnamed(2)

    assert schema.columns([[1, LARGEST]]) == {"f0": [1], "f1": [LARGEST]}
    with pytest.raises(InvalidInput, match=r"feature 'f1': .* is too large"):
        schema.columns([[1, LARGEST * 1.001]])


def test_a_model_that_takes_each_column_by_itself_takes_what_each_input_holds():
    """By the inputs' names, in their order."""
    schema = Schema.of_inputs([TensorSpec("b", "INT8", (-1,)), TensorSpec("a", "BYTES", (-1,))])

    assert schema.names == ("b", "a")
    assert schema.columns({"a": ["x"], "b": [127]}) == {"a": ["x"], "b": [127]}
    with pytest.raises(
        InvalidInput, match="row 0, feature 'b': 128 does not fit INT8; row 0, feature 'a': 1 is no string"
    ):
        schema.columns({"a": [1], "b": [128]})


def test_an_integer_in_a_table_of_objects_is_one_of_64_bits():
    """Objects of any size go in there; numpy has no wider integer to make of them later."""
    schema = Schema({"a": INTEGER}, {"a": TensorSpec("x", "BYTES", (-1, 1))})

    assert schema.columns([[2**63 - 1]]) == {"a": [2**63 - 1]}
    with pytest.raises(InvalidInput, match="is too large"):
        schema.columns([[2**63]])


# Tables that came as tensors


def table(*rows, dtype=np.float64):
    """A table."""
    return np.array(rows, dtype)


WHOLES = Schema({"a": Feature("integer", min=0, max=5), "b": NUMBER})
PLACES = Schema({"plan": COLOUR, "on": BOOLEAN})


@pytest.mark.parametrize(
    ("schema", "matrix", "problem"),
    [
        pytest.param(WHOLES, table([0, 1], [5, 1], dtype=np.int64), None, id="whole-numbers"),
        pytest.param(WHOLES, table([0, 1.5], [5, 1]), None, id="floats"),
        pytest.param(WHOLES, table([6, 1], dtype=np.int64), "row 0, feature 'a': 6 is above 5", id="above"),
        pytest.param(WHOLES, table([1, 1], [-1, 1], dtype=np.int8), "row 1, feature 'a': -1 is below 0", id="below"),
        pytest.param(WHOLES, table([1.5, 1]), "row 0, feature 'a': 1.5 is no integer", id="fraction"),
        pytest.param(WHOLES, table([1, np.nan]), "row 0, feature 'b': nan is not finite", id="not-a-number"),
        pytest.param(WHOLES, table([1, -np.inf]), "row 0, feature 'b': -inf is not finite", id="infinity"),
        pytest.param(Schema({"a": NULLABLE}), table([np.nan], [1]), None, id="nothing"),
        pytest.param(Schema({"a": BOUNDED}), table([-1], [10]), None, id="at-the-ends"),
        pytest.param(Schema({"a": BOUNDED}), table([10.5]), "row 0, feature 'a': 10.5 is above 10", id="bounded"),
        pytest.param(PLACES, table([0, 1], [2, 0]), None, id="places"),
        pytest.param(PLACES, table([0, 1], [2, 0], dtype=np.int64), None, id="whole-places"),
        pytest.param(
            Schema({"a": INTEGER, "plan": COLOUR}),
            table([1, 9], dtype=np.int64),
            "row 0, feature 'plan': 9 is none of red, green, 7",
            id="a-number-among-places",
        ),
        pytest.param(PLACES, table([3, 1]), "row 0, feature 'plan': 3.0 is no category", id="no-place"),
        pytest.param(PLACES, table([0, 2]), "row 0, feature 'on': 2.0 is no boolean", id="no-boolean"),
        pytest.param(Schema({"a": STRING}), table(["x"], dtype=object), None, id="text"),
        pytest.param(
            Schema({"a": Feature("string", nullable=True)}), table(["x"], [None], dtype=object), None, id="no-text"
        ),
        pytest.param(
            Schema({"a": NUMBER}), table(["x"], dtype=object), "row 0, feature 'a': 'x' is no number", id="no"
        ),
    ],
)
def test_a_table_is_held_to_the_schema(schema, matrix, problem):
    """What came as a tensor is checked like JSON; a category is its place in `values`, a boolean 0 or 1."""
    layout = Layout(schema, (TensorSpec("x", "FP64", (-1, matrix.shape[1])),))
    if problem is None:
        layout.check({"x": matrix})
        return
    with pytest.raises(InvalidInput) as refused:
        layout.check({"x": matrix})
    assert describe(refused.value.problems[0]) == problem


def test_an_input_per_feature_is_held_to_it():
    """By name; an input of several values per row is no feature, and is not looked at."""
    inputs = (TensorSpec("a", "FP64", (-1, 1)), TensorSpec("b", "FP64", (-1, 1)))
    layout = Layout(Schema({"a": BOUNDED, "b": NULLABLE}), inputs)

    layout.check({"a": table([10]), "b": table([np.nan])})
    layout.check({"a": table([99, 99]), "b": table([1])})
    with pytest.raises(InvalidInput, match="row 1, feature 'a': 99"):
        layout.check({"a": table([1], [99]), "b": table([1], [1])})


# Arrays for the model


def test_features_stand_side_by_side_in_one_table():
    """In the schema's order, as the model's type; null is NaN, a category its place."""
    layout = Layout(SCHEMA, (TensorSpec("x", "FP32", (-1, 3)),))

    found = layout.arrays(SCHEMA.columns([[1, "7", None], [2, "red", 0.5]]))

    assert list(found) == ["x"]
    assert found["x"].dtype == np.float32
    np.testing.assert_array_equal(found["x"], [[1, 2, np.nan], [2, 0, 0.5]])


def test_a_table_without_features_has_no_values():
    """It is a table all the same."""
    found = Layout(Schema({}), (TensorSpec("x", "FP32", (-1, 0)),)).arrays({})

    assert (found["x"].shape, found["x"].dtype) == ((0, 0), np.float32)


def test_features_are_inputs_of_their_own():
    """Each in the shape and type of its input: text stays text, whatever category it is."""
    inputs = (
        TensorSpec("age", "INT64", (-1, 1)),
        TensorSpec("plan", "BYTES", (-1,)),
        TensorSpec("spend", "FP64", (-1, 1, 1)),
    )
    layout = Layout(SCHEMA, inputs)
    assert layout.matrix_input is None

    found = layout.arrays(SCHEMA.columns([[1, 7, None]]))

    assert found["age"].tolist() == [[1]]
    assert (found["plan"].dtype, found["plan"].tolist()) == (object, ["7"])
    assert found["spend"].shape == (1, 1, 1)
    assert np.isnan(found["spend"]).all()


def test_null_text_is_none():
    """Python has a word for it; a column of text that is no category is not turned into text."""
    schema = Schema({"a": Feature("string", nullable=True), "b": Feature("category", nullable=True)})
    layout = Layout(schema, (TensorSpec("a", "BYTES", (-1,)), TensorSpec("b", "BYTES", (-1,))))

    found = layout.arrays(schema.columns([["x", 1], [None, None]]))

    assert found["a"].tolist() == ["x", None]
    assert found["b"].tolist() == ["1", None]


@pytest.mark.parametrize(
    ("datatype", "value", "fits"),
    [
        pytest.param("INT8", -128, True, id="smallest"),
        pytest.param("INT8", 127, True, id="largest"),
        pytest.param("INT8", -129, False, id="too-small"),
        pytest.param("INT8", 128, False, id="too-large"),
        pytest.param("UINT8", -1, False, id="below-zero"),
        pytest.param("INT64", 1.5, False, id="fraction"),
        pytest.param("INT64", 3.0, True, id="whole"),
    ],
)
def test_numbers_fit_the_models_integers_or_are_refused(datatype, value, fits):
    """Nothing is cut off without a word."""
    schema = Schema({"a": NUMBER})
    layout = Layout(schema, (TensorSpec("x", datatype, (-1, 1)),))
    if fits:
        assert layout.arrays({"a": [value]})["x"].tolist() == [[int(value)]]
        return
    with pytest.raises(InvalidInput, match=rf"row 1, feature 'a': {value} does not fit {datatype}"):
        layout.arrays({"a": [0, value]})
