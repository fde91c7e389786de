"""Everything that is refused: one row per case in refusals.txt, with its exact place, words and hint."""

import re
from pathlib import Path

import pytest

from schemas import SpecError, load

HEAD = """\
apiVersion: mlservice/v1
metadata: {name: churn}
spec:
  region: europe-west1
  image: gcr.io/acme/app:1
"""
CASE = re.compile(
    r"^\[(?P<name>[^\n\]]+)\]\n(?P<lines>.*?)^=> (?P<said>[^\n]*)\n(?:   (?P<hint>[^\n]*)\n)?", re.MULTILINE | re.DOTALL
)
CASES = [match.groupdict("") for match in CASE.finditer(Path(__file__).with_name("refusals.txt").read_text("utf-8"))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_wrong_spec_is_refused(tmp_path, case):
    """One mistake gives one problem, which points at it and says what to do."""
    file = tmp_path / "mlservice.yaml"
    file.write_text(HEAD + "".join(f"  {line}\n" for line in case["lines"].splitlines()), encoding="utf-8")

    with pytest.raises(SpecError) as refused:
        load(file)

    (problem,) = refused.value.problems
    assert str(problem) == f"{file}:{case['said']}"
    assert problem.hint == case["hint"]


def test_no_case_was_skipped():
    """The rows are read by a pattern; a row it misses would never fail."""
    text = Path(__file__).with_name("refusals.txt").read_text("utf-8")

    assert len(CASES) == text.count("\n=> ") == len(re.findall(r"^\[[a-z0-9.-]+\]$", text, re.MULTILINE))
