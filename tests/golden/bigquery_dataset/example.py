"""A dataset that somebody else describes."""

from reconciler.core.address import Address
from reconciler.core.naming import MANAGED_BY, MANAGER
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.kinds.bigquery_dataset import BigqueryDataset
from tests.conformance.example import Example


def path(operator):
    return f"projects/{operator.at.project}/datasets/{operator.at.role('ml_logs')}"


def api(operator):
    return operator.connection.rest(HOST, VERSION)


def read(operator):
    return api(operator).get(path(operator))


def add_label(operator, key):
    api(operator).patch(path(operator), {"labels": {key: "theirs"}})


def examples(at):
    """Give the examples of a place."""
    ours = {MANAGED_BY: MANAGER, **at.labels}
    example = Example(
        address=Address("bigquery_dataset", "global", at.role("ml_logs")),
        fields=BigqueryDataset(at.region, ours),
        edits=({"labels": {**ours, "team": "growth"}},),
        read=read,
        places={"location": ["location"], "labels": ["labels"]},
        written_by_google=frozenset({"lastModifiedTime"}),
        owner=at.name("churn"),
        unmarked={"labels": {}},
        meddle=lambda operator: api(operator).patch(path(operator), {"description": "theirs"}),
        theirs=lambda operator: read(operator).get("description") == "theirs",
        add_key={"labels": add_label},
        by_hand={
            name: lambda operator, name=name: api(operator).patch(path(operator), {name: "3600000"})
            for name in ("defaultTableExpirationMs", "defaultPartitionExpirationMs")
        },
    )
    return (example,)
