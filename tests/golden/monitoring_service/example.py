"""A service that somebody else links to what it is."""

from google.cloud.monitoring_v3.types import service

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.monitoring_service import MonitoringService
from tests.conformance.example import Example


def api(operator):
    return operator.api("google.cloud.monitoring_v3", "service_monitoring_service", "ServiceMonitoringService")


def name(operator):
    return operator.at.of_project("services", "churn-here")


def read(operator):
    return api(operator).get_service(request={"name": name(operator)})


def update(operator, paths, **fields):
    made = service.Service(name=name(operator), **fields)
    api(operator).update_service(request={"service": made, "update_mask": {"paths": paths}})


def link(operator):
    update(operator, ["telemetry"], telemetry={"resource_name": "//run.googleapis.com/churn"})


def examples(at):
    """Give the examples of a place."""
    churn = at.name("churn")
    ours = {**mark_labels(churn), **at.labels}
    example = Example(
        address=Address("monitoring_service", "global", at.name("churn-here")),
        fields=MonitoringService("churn", ours),
        edits=({"display_name": "churn, again"}, {"labels": {**ours, "team": "growth"}}),
        read=read,
        message=service.Service,
        places={"display_name": ["display_name"], "labels": ["user_labels"]},
        owner=churn,
        unmarked={"labels": {**ours, "managed-by": "somebody"}},
        meddle=link,
        theirs=lambda operator: bool(read(operator).telemetry.resource_name),
        add_key={
            "labels": lambda operator, key: update(
                operator, ["user_labels"], user_labels={**read(operator).user_labels, key: "theirs"}
            )
        },
    )
    return (example,)
