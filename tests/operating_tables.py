"""Tables of BigQuery, made and filled as people do who train models."""

import io

import pyarrow as pa
from pyarrow import parquet as written

from tests.conftest import HTTP
from tests.operating import REGION


def _datasets(operator):
    return f"{operator.emulator.http}/bigquery/v2/projects/local/datasets"


def table(operator, name, columns, rows=()):
    """Make a table with rows, in a dataset that may be there."""
    dataset, _, name = name.partition(".")
    base = _datasets(operator)
    HTTP.post(base, json={"datasetReference": {"datasetId": dataset}, "location": REGION})
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


def upload(operator, name, content):
    """Put an object into the bucket of training data, `acme-data`."""
    storage = operator.connection.storage
    if not storage.lookup_bucket("acme-data"):
        storage.create_bucket("acme-data", project="local")
    storage.bucket("acme-data").blob(name).upload_from_string(content)


def parquet(columns, **how):
    """A Parquet file.

    Args:
        columns: Values by name, or a table of pyarrow's.
        how: As pyarrow writes it.
    """
    content = io.BytesIO()
    written.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), content, **how)
    return content.getvalue()
