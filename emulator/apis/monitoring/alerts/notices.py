"""What is said of an incident: the JSON, version 1.2, that webhooks and topics get, and the e-mail. Pure.

Source: https://cloud.google.com/monitoring/support/notification-options, "Schema example"; samples that users keep
(cloudforet-io/plugin-google-monitoring-mon-webhook, Agilicus/stackdriver-google-chat). `summary` is in their style.
"""

from typing import Any

from google.cloud.monitoring_v3.types import alert, common
from google.protobuf.json_format import MessageToDict

from emulator.apis.monitoring.alerts.incidents import Incident
from emulator.apis.monitoring.series.resources import SHOWN
from emulator.apis.monitoring.series.values import SECOND

VERSION = "1.2"
GT = common.ComparisonType.COMPARISON_GT


def notice(policy: Any, incident: Incident, number: str, shown: str = "") -> dict[str, Any]:
    """The whole of what is sent.

    Args:
        policy: The policy's message.
        incident: As it is now.
        number: Of the project.
        shown: What people call the metric; empty: its type.
    """
    project = policy.name.split("/")[1]
    condition = next((each for each in policy.conditions if each.name == incident.condition), None)
    held = incident.held
    labels = dict(held.labels)
    of_resource = part(labels, "resource.labels.")
    found: dict[str, Any] = {
        "incident_id": incident.id,
        "scoping_project_id": project,
        "scoping_project_number": int(number),
        "url": f"https://console.cloud.google.com/monitoring/alerting/alerts/{incident.id}?project={project}",
        "started_at": incident.opened // SECOND,
        "ended_at": incident.closed // SECOND if incident.closed else None,
        "state": "closed" if incident.closed else "open",
        "severity": severity(policy),
        "observed_value": held.value,
        "resource": {"type": held.resource, "labels": of_resource},
        "resource_id": "",
        "resource_name": named(project, held.resource, of_resource),
        "resource_type_display_name": SHOWN.get(held.resource, held.resource),
        "metric": {
            "type": held.metric,
            "displayName": shown or held.metric,
            "labels": part(labels, "metric.labels."),
        },
        "metadata": {"system_labels": {}, "user_labels": {}},
        "policy_name": policy.display_name,
        "policy_user_labels": dict(policy.user_labels),
        "condition_name": condition.display_name if condition is not None else "",
        "condition": MessageToDict(condition) if condition is not None else {},
        "threshold_value": threshold_of(condition),
    }
    if policy.documentation.content:
        about = {"content": policy.documentation.content, "mime_type": policy.documentation.mime_type}
        found["documentation"] = about | (
            {"subject": policy.documentation.subject} if policy.documentation.subject else {}
        )
    found["summary"] = summary(found, condition)
    return {"incident": found, "version": VERSION}


def part(labels: dict[str, str], prefix: str) -> dict[str, str]:
    """The labels of one side, by their own names."""
    return {name.removeprefix(prefix): value for name, value in labels.items() if name.startswith(prefix)}


def severity(policy: Any) -> str:
    """How bad it is, as the policy says."""
    named = alert.AlertPolicy.Severity(policy.severity).name
    return "No severity" if named == "SEVERITY_UNSPECIFIED" else named


def named(project: str, resource: str, labels: dict[str, str]) -> str:
    """What people call a resource."""
    told = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return f"{project} {SHOWN.get(resource, resource)} labels {{{told}}}"


def threshold_of(condition: Any) -> str | None:
    """What a value is compared with, as text; nothing for an absence."""
    if condition is None or condition.WhichOneof("condition") != "condition_threshold":
        return None
    return f"{condition.condition_threshold.threshold_value:g}"


def summary(found: dict[str, Any], condition: Any) -> str:
    """One sentence."""
    what = f"{found['metric']['displayName']} for {found['resource_name']} with metric labels"
    told = ", ".join(f"{key}={value}" for key, value in sorted(found["metric"]["labels"].items()))
    about = f"{what} {{{told}}}"
    if found["threshold_value"] is None:
        seconds = condition.condition_absent.duration.seconds if condition is not None else 0
        return f"{about} is reporting again." if found["ended_at"] else f"{about} has not reported for {seconds}s."
    if found["ended_at"]:
        return f"{about} returned to normal with a value of {found['observed_value']}."
    side = "above" if condition.condition_threshold.comparison == GT else "below"
    limit, value = condition.condition_threshold.threshold_value, found["observed_value"]
    return f"{about} is {side} the threshold of {limit:.3f} with a value of {value}."


def mail(told: dict[str, Any]) -> dict[str, str]:
    """The subject and the text of an e-mail."""
    incident = told["incident"]
    documented = incident.get("documentation", {})
    word = "ALERT" if incident["state"] == "open" else "RESOLVED"
    subject = documented.get("subject") or f"{incident['condition_name']} on {incident['resource_name']}"
    lines = [incident["summary"], documented.get("content", ""), incident["url"]]
    return {"subject": f"[{word}] {subject}", "text": "\n\n".join(filter(None, lines))}
