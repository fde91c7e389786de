"""An entry without files, to which somebody gives a description."""

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.gcp.vertex import host
from reconciler.kinds.vertex_model import VertexModel
from tests.conformance.example import Example


def name(operator):
    return operator.at.of_region("models", "churn_monitored")


def api(operator):
    return operator.connection.rest(host(operator.at.region), "v1")


def read(operator):
    return api(operator).get(name(operator))


def add_label(operator, key):
    api(operator).patch(name(operator), {"labels": {**read(operator)["labels"], key: "theirs"}}, mask="labels")


def examples(at):
    """Give the examples of a place."""
    ours = {**mark_labels(at.name("churn")), **at.labels}
    example = Example(
        address=Address("vertex_model", at.region, at.name("churn_monitored")),
        fields=VertexModel("churn, for its monitor", ours),
        edits=({"display_name": "churn, watched"}, {"labels": {**ours, "team": "growth"}}),
        read=read,
        places={"display_name": ["displayName"], "labels": ["labels"]},
        written_by_google=frozenset({"updateTime", "versionUpdateTime", "etag"}),
        owner=at.name("churn"),
        unmarked={"labels": {**ours, "managed-by": "somebody"}},
        meddle=lambda operator: api(operator).patch(name(operator), {"description": "theirs"}, mask="description"),
        theirs=lambda operator: read(operator).get("description") == "theirs",
        add_key={"labels": add_label},
    )
    return (example,)
