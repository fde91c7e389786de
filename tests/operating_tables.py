"""Tables of BigQuery, made and filled as people do who train models."""

from tests.conftest import HTTP


def _datasets(operator):
    return f"{operator.emulator.http}/bigquery/v2/projects/local/datasets"


def table(operator, name, columns, rows=()):
    """Make a table with rows, in a dataset that may be there."""
    dataset, _, name = name.partition(".")
    base = _datasets(operator)
    HTTP.post(base, json={"datasetReference": {"datasetId": dataset}})
    fields = [{"name": each, "type": kind} for each, kind in columns.items()]
    made = {"tableReference": {"tableId": name}, "schema": {"fields": fields}}
    HTTP.post(f"{base}/{dataset}/tables", json=made).raise_for_status()
    if rows:
        fill(operator, f"{dataset}.{name}", rows)


def fill(operator, name, rows):
    """Put rows into a table."""
    dataset, _, name = name.partition(".")
    sent = {"rows": [{"json": row} for row in rows]}
    answer = HTTP.post(f"{_datasets(operator)}/{dataset}/tables/{name}/insertAll", json=sent).raise_for_status().json()
    assert not answer.get("insertErrors"), answer
