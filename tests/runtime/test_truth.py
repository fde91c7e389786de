"""The truth table: each model, through each protocol, gets the library's own answer or a refusal that says why.

`python -m tests.runtime.truth` prints it. Models are functions of `tests/runtime/truth`.
"""

from __future__ import annotations

import pytest

from tests.late import needed
from tests.runtime.truth.doors import DOORS
from tests.runtime.truth.table import MODELS, judged

pytestmark = pytest.mark.slow
LEAST = 60
LIBRARIES = {"lightgbm": "lightgbm", "torch": "torch"}


@pytest.mark.parametrize("name", MODELS)
def test_the_librarys_own_answer_or_a_reason(tmp_path, request, name):
    """One row, several, null, what is unknown or extreme: nothing is wrong, and ordinary rows are answered."""
    for prefix, library in LIBRARIES.items():
        if name.startswith(prefix):
            needed(library)

    found = judged(name, tmp_path, every=request.config.getoption("--long"))

    assert found.wrong == []
    for situation in ("one", "batch"):
        counts = found.of(situation)
        assert counts["refused"] == 0
        assert all(found.counts[situation, door]["equal"] == 1 for door in list(DOORS)[:4]), (
            "plain JSON says everything"
        )
    assert found.of("null")["refused"] + found.of("null")["equal"] > 0


def test_the_table_has_enough_rows():
    """It is what we claim of the server, so a model that is taken out is missed."""
    assert len(MODELS) >= LEAST
