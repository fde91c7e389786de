"""The samples that pages are tested with are documents as the bucket has them."""

import json

import jsonschema
import pytest

from schemas.kept import HistoryEntry, PassReport, Standings
from schemas.kept.published import schema_text
from tests.page.samples import OPERATOR, STATES, fleet, write


@pytest.mark.parametrize("hostile", [False, True])
def test_samples_fit_the_published_schemas(hostile, tmp_path):
    """Written under the names of the bucket and read again they are the same; every state is among them."""
    made = fleet(len(STATES), seed=3, hostile=hostile)
    write(made, tmp_path)

    of_pass = tmp_path / "operators" / OPERATOR
    kept = {"report": (PassReport, "latest/0.json", made.report)}
    kept["standings"] = (Standings, "standings/0.json", made.standings)
    for name, (document, place, told) in kept.items():
        said = json.loads((of_pass / place).read_text("utf-8"))
        jsonschema.validate(said, json.loads(schema_text(name)))
        assert document.read(said) == told
    files = sorted(tmp_path.glob("history/*/*/*.json"))
    entries = [HistoryEntry.read(json.loads(each.read_text("utf-8"))) for each in files]
    assert {(each.service, each.ended) for each in entries} == {(each.service, each.ended) for each in made.history}
    assert set(made.states.values()) == set(STATES)


def test_a_seed_always_makes_the_same_fleet():
    """So a page that is made of it can be compared with the one before."""
    assert fleet(30, seed=5) == fleet(30, seed=5)
    assert fleet(30, seed=5) != fleet(30, seed=6)
