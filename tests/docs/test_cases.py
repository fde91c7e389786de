"""The table of what happens when names tests: each is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "retraining-cases.md"
ROW = re.compile(r"^\| (?!When |-)(?P<when>[^|]+) \| [^|]+ \| (?P<tests>[^|]+) \|$", re.MULTILINE)
ROWS = {found["when"]: re.findall(r"`([^`]+)`", found["tests"]) for found in ROW.finditer(PAGE.read_text())}


@cache
def named_in(file):
    """Names of the tests in a file."""
    return {each.name for each in ast.parse((ROOT / file).read_text()).body if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize("when", ROWS)
def test_each_case_names_tests_that_exist(when):
    """A test that was renamed or removed takes its row along."""
    named = [name.partition("::") for name in ROWS[when]]

    assert named
    assert [f"{file}::{test}" for file, _, test in named if test not in named_in(file)] == []


def test_no_row_was_skipped():
    """Rows are found by a pattern; one that it misses would be checked by nobody."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "tests/" in line]

    assert len(lines) == len(ROWS)
