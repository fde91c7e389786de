"""Rows that `mlservice predict` reads out of files."""

import json

import pytest

from reconciler.cli.commands.predict import read_rows


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        pytest.param("9007199254740993", 9007199254740993, id="an-id-beyond-2**53"),
        pytest.param("-12", -12, id="integer"),
        pytest.param("1.5", 1.5, id="number"),
        pytest.param("1e-3", 0.001, id="exponent"),
        pytest.param(".5", 0.5, id="without-a-zero"),
        pytest.param("0", 0, id="zero"),
        pytest.param("0.25", 0.25, id="below-one"),
        pytest.param(" 7 ", 7, id="blanks-around"),
        pytest.param("00123", "00123", id="a-code-with-zeros"),
        pytest.param("-00123", "-00123", id="a-code-below-zero"),
        pytest.param("1_000", "1_000", id="no-number-but-to-python"),
        pytest.param("inf", "inf", id="infinity"),
        pytest.param("1e999", "1e999", id="beyond-a-float"),
        pytest.param("9" * 301, "9" * 301, id="beyond-any-number"),
        pytest.param("true", True, id="true"),
        pytest.param("False", False, id="false-of-a-data-frame"),
        pytest.param("", None, id="nothing"),
        pytest.param("Zürich ", "Zürich ", id="text-as-it-is"),
    ],
)
def test_cells_of_csv_are_what_they_would_be_in_json(tmp_path, cell, value):
    """No digit is lost on the way, and an empty cell is null: what a file says is what a row in JSON says."""
    (tmp_path / "rows.csv").write_text(f"a,b\n{cell},x\n", encoding="utf-8")

    (row,) = read_rows(str(tmp_path / "rows.csv"))

    assert json.dumps(row) == json.dumps({"a": value, "b": "x"})
