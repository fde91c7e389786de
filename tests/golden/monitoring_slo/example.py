"""An objective of each sort: of counts, and of latencies."""

from google.cloud.monitoring_v3.types import service

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.monitoring_slo import COUNT, LATENCIES, Slo
from tests.conformance.example import Example

WHICH = "promise"


def api(operator):
    return operator.api("google.cloud.monitoring_v3", "service_monitoring_service", "ServiceMonitoringService")


def parent(operator):
    return operator.at.of_project("services", "churn-slo")


def read(operator):
    return api(operator).get_service_level_objective(
        request={"name": f"{parent(operator)}/serviceLevelObjectives/{WHICH}"}
    )


def prepare(operator):
    made = {"custom": {}, "user_labels": dict(operator.at.labels)}
    top, _, own = parent(operator).partition("/services/")
    api(operator).create_service(request={"parent": top, "service_id": own, "service": made})


def add_label(operator, key):
    found = read(operator)
    found.user_labels[key] = "theirs"
    request = {"service_level_objective": found, "update_mask": {"paths": ["user_labels"]}}
    api(operator).update_service_level_objective(request=request)


def of(metric, more=""):
    return f'metric.type = "{metric}" AND resource.type = "cloud_run_revision"{more}'


def examples(at):
    """Give the examples of a place."""
    churn = at.name("churn")
    ours = {**mark_labels(churn), **at.labels}
    here = f' AND resource.labels.location = "{at.region}"'
    failed = f'{here} AND metric.labels.response_code_class = "5xx"'
    counts = Slo("churn: answers", 0.995, 30, of(COUNT, failed), of(COUNT, here), "", 0.0, ours)
    indicator = "service_level_indicator.request_based"
    example = Example(
        address=Address("monitoring_slo", "global", f"{at.name('churn-slo')}/{WHICH}"),
        fields=counts,
        edits=(
            {"display_name": "churn: other words"},
            {"goal": 0.9},
            {"days": 28},
            {"bad": of(COUNT, failed.replace("5xx", "4xx"))},
            {"total": of(COUNT)},
            {"bad": "", "total": "", "latencies": of(LATENCIES), "fast_ms": 300.0},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=service.ServiceLevelObjective,
        places={
            "display_name": ["display_name"],
            "goal": ["goal"],
            "days": ["rolling_period"],
            "bad": [f"{indicator}.good_total_ratio.bad_service_filter"],
            "total": [f"{indicator}.good_total_ratio.total_service_filter"],
            "latencies": [f"{indicator}.distribution_cut.distribution_filter"],
            "fast_ms": [f"{indicator}.distribution_cut.range_.max_"],
            "labels": ["user_labels"],
        },
        prepare=prepare,
        owner=churn,
        unmarked={"labels": {**ours, "managed-by": "somebody"}},
        add_key={"labels": add_label},
    )
    return (example,)
