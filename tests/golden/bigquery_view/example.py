"""A view that somebody else describes."""

from reconciler.core.address import Address
from reconciler.core.naming import MANAGED_BY, MANAGER
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.kinds.bigquery_view import BigqueryView
from tests.conformance.example import Example


def api(operator):
    return operator.connection.rest(HOST, VERSION)


def datasets(operator):
    return f"projects/{operator.at.project}/datasets"


def path(operator):
    return f"{datasets(operator)}/{operator.at.role('ml_bill')}/tables/{operator.at.role('by_service')}"


def prepare(operator):
    reference = {"datasetId": operator.at.role("ml_bill")}
    made = {"datasetReference": reference, "location": operator.at.region, "labels": dict(operator.at.labels)}
    api(operator).post(datasets(operator), made)


def read(operator):
    return api(operator).get(path(operator))


def add_label(operator, key):
    api(operator).patch(path(operator), {"labels": {key: "theirs"}})


def examples(at):
    """Give the examples of a place."""
    ours = {MANAGED_BY: MANAGER, **at.labels}
    example = Example(
        address=Address("bigquery_view", "global", f"{at.role('ml_bill')}.{at.role('by_service')}"),
        fields=BigqueryView("SELECT '202611' AS month, 12.5 AS cost", ours),
        edits=(
            {"query": "SELECT '202611' AS month, 12.5 AS cost, 'EUR' AS currency"},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        places={"query": ["view", "schema"], "labels": ["labels"]},
        written_by_google=frozenset({"lastModifiedTime"}),
        prepare=prepare,
        owner=at.name("churn"),
        unmarked={"labels": {}},
        meddle=lambda operator: api(operator).patch(path(operator), {"description": "theirs"}),
        theirs=lambda operator: read(operator).get("description") == "theirs",
        add_key={"labels": add_label},
    )
    return (example,)
