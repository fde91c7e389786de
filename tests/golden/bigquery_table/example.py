"""A table that is widened, and that somebody else describes."""

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.kinds.bigquery_table import BigqueryTable
from tests.conformance.example import Example

COLUMNS = {"logging_time": "TIMESTAMP", "model_version": "STRING", "revision": "STRING", "spend": "FLOAT64"}


def api(operator):
    return operator.connection.rest(HOST, VERSION)


def datasets(operator):
    return f"projects/{operator.at.project}/datasets"


def path(operator):
    return f"{datasets(operator)}/{operator.at.role('ml_logs')}/tables/{operator.at.role('churn')}"


def prepare(operator):
    reference = {"datasetId": operator.at.role("ml_logs")}
    made = {"datasetReference": reference, "location": operator.at.region, "labels": dict(operator.at.labels)}
    api(operator).post(datasets(operator), made)


FAR = "4102444800000"
"""The year 2100, in milliseconds."""


def read(operator):
    return api(operator).get(path(operator))


def add_label(operator, key):
    api(operator).patch(path(operator), {"labels": {key: "theirs"}})


def examples(at):
    """Give the examples of a place."""
    ours = {**mark_labels(at.name("churn")), **at.labels}
    example = Example(
        address=Address("bigquery_table", "global", f"{at.role('ml_logs')}.{at.role('churn')}"),
        fields=BigqueryTable(COLUMNS, "DAY of logging_time", 90 * 86400, ("model_version", "revision"), ours),
        edits=(
            {"columns": {**COLUMNS, "age": "INT64"}},
            {"expiration_s": 86400},
            {"expiration_s": 0},
            {"clustering": ("revision",)},
            {"clustering": ()},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        places={
            "columns": ["schema"],
            "partitioning": ["timePartitioning"],
            "expiration_s": ["timePartitioning"],
            "clustering": ["clustering"],
            "labels": ["labels"],
        },
        written_by_google=frozenset({"lastModifiedTime"}),
        prepare=prepare,
        owner=at.name("churn"),
        unmarked={"labels": {}},
        meddle=lambda operator: api(operator).patch(path(operator), {"description": "theirs"}),
        theirs=lambda operator: read(operator).get("description") == "theirs",
        add_key={"labels": add_label},
        by_hand={
            "expirationTime": lambda operator: api(operator).patch(path(operator), {"expirationTime": FAR}),
            "requirePartitionFilter": lambda operator: api(operator).patch(
                path(operator), {"requirePartitionFilter": True}
            ),
        },
    )
    return (example,)
