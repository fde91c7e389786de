"""Documents that others read in the bucket: what is published of them, older versions, newer ones, damaged ones."""

import json
from pathlib import Path

import jsonschema
import pytest

from schemas.kept import HistoryEntry, KeptError, PassReport
from schemas.kept.published import DOCUMENTS, file_of, schema_text

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-26T10:00:00+00:00"
CHANGE = {"address": "run_service/us-east1/churn", "action": "update", "outcome": "done", "reason": "config drift"}
OLDEST = {
    "format": "mlservice/report/v1",
    "operator": "mlservice",
    "project": "acme",
    "execution": "e",
    "run": "run-1",
    "shard": {"index": 0, "count": 1},
    "started": NOW,
    "ended": NOW,
    "seconds": 1.5,
    "drift": "Correct",
    "bundle": None,
    "problems": [],
    "services": {
        "churn": {
            "region": "us-east1",
            "state": "changed",
            "problems": [],
            "changes": [CHANGE | {"fields": ["concurrency"], "seconds": 0.1, "error": ""}],
        }
    },
    "orphaned": [],
    "changed": 1,
    "exitCode": 0,
}
"""As version 0.9 wrote it."""
ENTRY = {
    "format": "mlservice/history/v1",
    "service": "churn",
    "region": "us-east1",
    "started": NOW,
    "ended": NOW,
    "outcome": "changed",
    "changes": [CHANGE | {"fields": [{"path": "concurrency", "before": 7, "after": 80}]}],
    "by": {"kind": "person"},
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_committed_schemas_are_current(name):
    """`python -m schemas.kept.published` writes them; programs read them."""
    assert (ROOT / file_of(name)).read_text("utf-8") == schema_text(name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_key_of_a_published_document_is_described(name):
    """The descriptions are all that a reader of the bucket has."""
    schema = json.loads(schema_text(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    parts = [schema, *schema["$defs"].values()]

    assert [key for part in parts for key, each in part["properties"].items() if not each.get("description")] == []


@pytest.mark.parametrize(("document", "said"), [(PassReport, OLDEST), (HistoryEntry, ENTRY)])
def test_what_is_read_fits_the_published_schema(document, said):
    """Read and written again, a document is one of the current version."""
    written = document.read(said).to_json()

    jsonschema.validate(written, json.loads(schema_text(document.family.rpartition("/")[2])))
    assert document.read(written).to_json() == written


def test_a_report_of_the_first_version_is_read_as_one_of_the_current():
    """Its fields have no values, and everything else is what it was."""
    report = PassReport.read(OLDEST)

    [change] = report.services["churn"].changes
    assert [(each.path, each.before, each.after) for each in change.fields] == [("concurrency", None, None)]
    assert (report.format, report.program, report.changed) == (PassReport.form(), "", 1)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (ENTRY | {"format": "mlservice/history/v2"}, r"a newer mlservice wrote it .*upgrade mlservice"),
        (ENTRY | {"format": "mlservice/history/v0"}, "there never was"),
        (ENTRY | {"format": "mlservice/report/v1"}, "no mlservice/history of ours"),
        (ENTRY | {"format": 7}, "no mlservice/history of ours"),
        (ENTRY | {"format": "mlservice/history/v" + "9" * 5000}, "no mlservice/history of ours"),
        (ENTRY | {"started": "yesterday"}, "it is damaged: started"),
        (ENTRY | {"ended": "2026-11-26T10:00:00"}, "it is damaged: ended: .* time zone"),
        (ENTRY | {"by": {"kind": "ghost"}}, "it is damaged: by.kind"),
        ([], "no JSON object"),
        ({}, "no mlservice/history of ours"),
    ],
)
def test_what_cannot_be_believed_is_refused_with_a_sentence(said, why):
    """A newer version, another document, damage: each says what it is."""
    with pytest.raises(KeptError, match=why):
        HistoryEntry.read(said)


def test_values_nested_without_end_are_refused():
    """Whoever may write into the bucket must not make its readers fail."""
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    fields = [{"path": "a", "before": deep}]

    with pytest.raises(KeptError, match="nested more than 20 levels"):
        HistoryEntry.read(ENTRY | {"changes": [CHANGE | {"fields": fields}]})


@pytest.mark.parametrize("broken", [{"churn": {}}, {"churn": []}, []])
def test_a_damaged_report_of_an_older_version_is_refused_too(broken):
    """What it is made of is looked at with as much care."""
    said = {**OLDEST, "services": broken}
    with pytest.raises(KeptError, match="damaged"):
        PassReport.read(said)
