"""A table that Parquet files are loaded into, and that somebody else describes."""

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.kinds.bigquery_baseline import BigqueryBaseline
from tests.conformance.example import Example
from tests.operating_tables import parquet


def api(operator):
    return operator.connection.rest(HOST, VERSION)


def datasets(operator):
    return f"projects/{operator.at.project}/datasets"


def path(operator):
    return f"{datasets(operator)}/{operator.at.role('ml_logs')}/tables/{operator.at.role('churn_baseline')}"


def files(at, name):
    return f"gs://{at.bucket}/baseline/{name}.parquet"


def prepare(operator):
    reference = {"datasetId": operator.at.role("ml_logs")}
    made = {"datasetReference": reference, "location": operator.at.region, "labels": dict(operator.at.labels)}
    api(operator).post(datasets(operator), made)
    operator.connection.state.make()
    for name, columns in {"one": {"spend": [1.5, 2.5]}, "two": {"age": [40], "plan": ["basic"]}}.items():
        bucket = operator.connection.storage.bucket(operator.at.bucket)
        bucket.blob(f"baseline/{name}.parquet").upload_from_string(parquet(columns))


def read(operator):
    return api(operator).get(path(operator))


def add_label(operator, key):
    api(operator).patch(path(operator), {"labels": {key: "theirs"}})


def examples(at):
    """Give the examples of a place."""
    ours = {**mark_labels(at.name("churn")), **at.labels}
    rows = ["numRows", "numBytes", "numTotalLogicalBytes", "numActiveLogicalBytes"]
    example = Example(
        address=Address("bigquery_baseline", "global", f"{at.role('ml_logs')}.{at.role('churn_baseline')}"),
        fields=BigqueryBaseline(files(at, "one"), "1700000000000001", ours),
        edits=(
            {"labels": {**ours, "team": "growth"}},
            {"source": files(at, "two")},
            {"generation": "1700000000000002"},
        ),
        read=read,
        places={
            "source": ["description", "schema", *rows],
            "generation": ["labels.mlservice-generation"],
            "labels": ["labels"],
        },
        written_by_google=frozenset({"lastModifiedTime"}),
        prepare=prepare,
        owner=at.name("churn"),
        unmarked={"labels": {}},
        meddle=lambda operator: api(operator).patch(path(operator), {"friendlyName": "theirs"}),
        theirs=lambda operator: read(operator).get("friendlyName") == "theirs",
        add_key={"labels": add_label},
    )
    return (example,)
