"""What a table of labels lacks for a spec, from what BigQuery tells of it."""

import pytest

from reconciler.core.labels import lacks, of_table
from schemas.sections.monitoring import Labels

WANTED = Labels.model_validate(
    {"table": "ml.outcomes", "requestId": "id", "value": "churned", "rowIndex": "row", "time": "at"}
)
COLUMNS = {"id": "STRING", "churned": "BOOL", "ROW": "INTEGER", "at": "TIMESTAMP"}


def told(columns=COLUMNS, modes=None, **live):
    fields = [{"name": name, "type": kind, "mode": (modes or {}).get(name)} for name, kind in columns.items()]
    found = of_table("T", {"location": "europe-west1", "schema": {"fields": fields}, **live})
    return [(key, summary) for key, summary, _ in lacks(found, WANTED, "europe-west1")]


def test_what_has_every_column_lacks_nothing():
    """To BigQuery case is nothing; a view whose columns nobody tells is not judged."""
    assert told() == told({}) == []


WRONG = {
    "elsewhere": (told(location="US"), ("table", "T is in US, the prediction log in europe-west1")),
    "condition": (told(requirePartitionFilter=True), ("table", "T is read with a condition on its partitions alone")),
    "condition-as-before": (
        told(timePartitioning={"requirePartitionFilter": True}),
        ("table", "T is read with a condition on its partitions alone"),
    ),
    "no-column": (told({"id": "STRING", "row": "INT64", "at": "DATE"}), ("value", 'T has no column "churned"')),
    "record": (told({**COLUMNS, "churned": "RECORD"}), ("value", 'T has STRUCT in column "churned"')),
    "list": (told(modes={"id": "REPEATED"}), ("requestId", 'T has lists of STRING in column "id"')),
    "no-order": (told({**COLUMNS, "at": "JSON"}), ("time", 'T has JSON in column "at"')),
    "no-place": (
        told({**COLUMNS, "ROW": "TIMESTAMP"}),
        ("rowIndex", 'T has TIMESTAMP in column "row", which is to be a number from 0'),
    ),
}


@pytest.mark.parametrize(("found", "problem"), WRONG.values(), ids=WRONG)
def test_what_would_fail_every_question_is_told_before(found, problem):
    """With the key that it is about."""
    assert found == [problem]
