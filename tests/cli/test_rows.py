"""Rows that `mlservice predict` reads out of files."""

import io
import json

import httpx
import pytest

from reconciler.cli.commands.predict import _said, read_rows
from reconciler.core.errors import UsageError


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


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_json_lines_are_rows(tmp_path, name):
    """An object or a list a line, whatever the file is called; empty lines are none."""
    file = tmp_path / name
    file.write_text('{"age": 3, "note": "a\u2028b"}\n\n[4]\r\n', encoding="utf-8")

    assert read_rows(str(file)) == [{"age": 3, "note": "a\u2028b"}, [4]]


def test_a_single_json_line_is_a_row(tmp_path):
    """Of a file that is called so."""
    (tmp_path / "rows.jsonl").write_text('{"age": 3}\n')

    assert read_rows(str(tmp_path / "rows.jsonl")) == [{"age": 3}]


@pytest.mark.parametrize(
    ("text", "said"), [('{"age": 3}\n{"age"\n', "line 2 is no JSON"), ("[3]\n4\n", "line 2 is no row")]
)
def test_a_line_that_is_no_row_is_named(tmp_path, text, said):
    """With its number."""
    (tmp_path / "rows.jsonl").write_text(text)

    with pytest.raises(UsageError, match=said):
        read_rows(str(tmp_path / "rows.jsonl"))


TABLE = "id,code,flag,x\n9007199254740993,00123,true,\n"
ROWS = [{"id": 9007199254740993, "code": "00123", "flag": True, "x": None}]


@pytest.mark.parametrize("text", [TABLE, f"\ufeff{TABLE}", f"\n{json.dumps(ROWS)}\n", json.dumps({"instances": ROWS})])
def test_rows_on_standard_input_are_what_they_are_in_a_file(monkeypatch, text):
    """JSON, JSON Lines and CSV: nobody need say which."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    monkeypatch.setattr("reconciler.cli.commands.predict.someone_is_there", lambda: False)

    assert read_rows("-") == ROWS


@pytest.mark.parametrize("text", ["", "5", "churn", '"a"'])
def test_a_word_on_standard_input_is_neither(monkeypatch, text):
    """A table has a header and rows below it."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))

    with pytest.raises(UsageError, match="cannot read rows from -"):
        read_rows("-")


def test_json_lines_on_standard_input_are_rows(monkeypatch):
    """They begin with a brace, as no header does."""
    monkeypatch.setattr("sys.stdin", io.StringIO('{"age": 3}\n{"age": 4}\n'))

    assert read_rows("-") == [{"age": 3}, {"age": 4}]


def test_every_problem_that_the_server_names_is_said():
    """With its row and feature; a sentence of the server's stands as it is."""
    many = [{"row": n, "feature": "age", "message": "is missing"} for n in range(11)]

    told = said_of({"error": "row 0, feature 'age': is missing; and 10 more", "problems": many})
    assert told.splitlines() == ["11 problems", *(f"  row {n}, feature 'age': is missing" for n in range(11))]
    assert said_of({"error": "no", "problems": [{"row": None, "feature": None, "message": "no"}]}) == "no"
    assert said_of({"error": "busy"}) == "busy"
    assert said_of(["odd"]) == '["odd"]'


def said_of(body):
    """What `predict` says of an answer of an error."""
    return _said(httpx.Response(422, text=json.dumps(body)))
