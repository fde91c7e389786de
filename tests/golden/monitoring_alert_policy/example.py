"""A policy with both sorts of conditions."""

from dataclasses import replace

from google.cloud.monitoring_v3.types import alert

from reconciler.core import heartbeat
from reconciler.core.address import Address
from reconciler.core.naming import SERVICE_LABEL, mark_labels
from reconciler.kinds.monitoring_alert_policy import WHICH_LABEL, AlertPolicy, Condition, Step
from tests.conformance.example import Example

WHICH = "pass-missing"
SILENT = Condition("no pass", heartbeat.selected("churn", "europe-west1", 2), "", 0.0, 1200, "", (Step(60, "COUNT"),))
FAILING = Condition(
    "failed",
    heartbeat.selected("churn", "europe-west1", 2, ("failed",)),
    "GT",
    0.5,
    60,
    "INACTIVE",
    (Step(900, "MAX", "MAX", ("metric.label.outcome",)),),
)


def api(operator):
    return operator.api("google.cloud.monitoring_v3", "alert_policy_service", "AlertPolicyService")


def read(operator):
    which = f'user_labels.{SERVICE_LABEL}="{operator.at.name("churn")}"'
    request = {"name": operator.at.top, "filter": which}
    [policy] = api(operator).list_alert_policies(request=request)
    return policy


def update(operator, paths, **fields):
    policy = alert.AlertPolicy(name=read(operator).name, **fields)
    api(operator).update_alert_policy(request={"alert_policy": policy, "update_mask": {"paths": paths}})


def add_label(operator, key):
    update(operator, ["user_labels"], user_labels={**read(operator).user_labels, key: "theirs"})


def fewer_series(operator):
    """Only many series together are told of."""
    conditions = read(operator).conditions
    conditions[1].condition_threshold.trigger.count = 1000
    update(operator, ["conditions"], conditions=conditions)


def examples(at):
    """Give the examples of a place."""
    churn = at.name("churn")
    ours = {**mark_labels(churn), WHICH_LABEL: WHICH, **at.labels}
    example = Example(
        address=Address("monitoring_alert_policy", "global", f"{churn}/{WHICH}"),
        fields=AlertPolicy(
            "churn: silent",
            enabled=True,
            severity="CRITICAL",
            documentation="Look.",
            combiner="OR",
            conditions=(SILENT, FAILING),
            channels=(),
            auto_close_s=1800,
            labels=ours,
        ),
        edits=(
            {"display_name": "churn: quiet"},
            {"enabled": False},
            {"severity": "ERROR"},
            {"severity": ""},
            {"documentation": "Look again."},
            {"combiner": "AND"},
            {"conditions": (replace(SILENT, duration_s=1800), FAILING)},
            {"conditions": (replace(FAILING, threshold=2.0, comparison="LT", missing="", steps=(Step(60, "SUM"),)),)},
            {"channels": ()},
            {"auto_close_s": 3600},
            {"auto_close_s": 0},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=alert.AlertPolicy,
        places={
            "display_name": ["display_name"],
            "enabled": ["enabled"],
            "severity": ["severity"],
            "documentation": ["documentation"],
            "combiner": ["combiner"],
            "conditions": ["conditions"],
            "channels": ["notification_channels"],
            "auto_close_s": ["alert_strategy"],
            "labels": ["user_labels"],
        },
        written_by_google=frozenset({"creation_record", "mutation_record"}),
        owner=churn,
        # Somebody else's policy of our mark: a copy, whose label for the service says another.
        unmarked={"labels": {**ours, "managed-by": "somebody"}},
        add_key={"labels": add_label},
        by_hand={
            "alert_strategy.notification_prompts": lambda operator: update(
                operator, ["alert_strategy.notification_prompts"], alert_strategy={"notification_prompts": ["OPENED"]}
            ),
            "conditions[1].condition_threshold.trigger.count": fewer_series,
            "documentation.subject": lambda operator: update(
                operator, ["documentation.subject"], documentation={"subject": "nothing to see"}
            ),
        },
    )
    return (example,)
