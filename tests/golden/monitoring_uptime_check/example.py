"""A check that somebody else adds a header to."""

from google.cloud.monitoring_v3.types import uptime

from reconciler.core.address import Address
from reconciler.core.naming import SERVICE_LABEL, mark_labels
from reconciler.kinds.monitoring_uptime_check import WHICH_LABEL, UptimeCheck
from tests.conformance.example import Example


def api(operator):
    return operator.api("google.cloud.monitoring_v3", "uptime_check_service", "UptimeCheckService")


def read(operator):
    which = f'user_labels.{SERVICE_LABEL}="{operator.at.name("churn")}"'
    [check] = api(operator).list_uptime_check_configs(request={"parent": operator.at.top, "filter": which})
    return check


def update(operator, paths, **fields):
    check = uptime.UptimeCheckConfig(name=read(operator).name, **fields)
    api(operator).update_uptime_check_config(request={"uptime_check_config": check, "update_mask": {"paths": paths}})


def add_label(operator, key):
    update(operator, ["user_labels"], user_labels={**read(operator).user_labels, key: "theirs"})


def asks(operator, **http):
    update(operator, [f"http_check.{name}" for name in http], http_check=http)


def examples(at):
    """Give the examples of a place."""
    churn = at.name("churn")
    ours = {**mark_labels(churn), WHICH_LABEL: at.region, **at.labels}
    example = Example(
        address=Address("monitoring_uptime_check", "global", f"{churn}/{at.region}"),
        fields=UptimeCheck(
            "churn in europe",
            location=at.region,
            service=churn,
            path="/health/ready",
            as_agent=False,
            period_s=300,
            timeout_s=10,
            regions=(),
            labels=ours,
        ),
        edits=(
            {"display_name": "churn"},
            {"path": "/"},
            {"as_agent": True},
            {"as_agent": True, "path": "/health/live"},
            {"period_s": 900},
            {"timeout_s": 20},
            {"regions": ("EUROPE", "USA")},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=uptime.UptimeCheckConfig,
        places={
            "display_name": ["display_name"],
            "location": ["monitored_resource"],
            "service": ["monitored_resource"],
            "path": ["http_check.path"],
            "as_agent": ["http_check.service_agent_authentication"],
            "period_s": ["period"],
            "timeout_s": ["timeout"],
            "regions": ["selected_regions"],
            "labels": ["user_labels"],
        },
        owner=churn,
        unmarked={"labels": {**ours, "managed-by": "somebody"}},
        add_key={"labels": add_label},
        by_hand={
            "http_check.headers.x-theirs": lambda operator: asks(operator, headers={"x-theirs": "secret"}),
            "http_check.accepted_response_status_codes": lambda operator: asks(
                operator, accepted_response_status_codes=[]
            ),
            "http_check.port": lambda operator: asks(operator, port=80),
            "http_check.validate_ssl": lambda operator: asks(operator, validate_ssl=True),
        },
    )
    return (example,)
