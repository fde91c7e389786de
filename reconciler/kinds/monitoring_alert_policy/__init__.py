"""Cloud Monitoring's alert policies: when somebody is told that something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from reconciler.core import paid
from reconciler.core.flow import Each, Flow, Group
from reconciler.core.kind import Kind, Permissions, Roles, by_project
from reconciler.core.reference import Ref
from reconciler.kinds import monitoring_notification_channel as channels
from reconciler.kinds.monitoring_alert_policy.client import AlertPolicyClient
from reconciler.kinds.monitoring_alert_policy.distances import distances
from reconciler.kinds.monitoring_alert_policy.downtime import downtime
from reconciler.kinds.monitoring_alert_policy.measures import measures
from reconciler.kinds.monitoring_alert_policy.promises import SLO, promises
from reconciler.kinds.monitoring_alert_policy.record import (
    BREACH_LABEL,
    NAME,
    WHICH_LABEL,
    AlertPolicy,
    Condition,
    Step,
    refine,
)
from reconciler.kinds.monitoring_alert_policy.wanted import OF_OPERATORS, SILENT, Alert, address_of, policy
from reconciler.lookups.model_version import MODEL_VERSION
from schemas.sections.notifications import Event

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from reconciler.core.objects import Desired
    from schemas import MLService, Operator

__all__ = ["KIND", "NAME", "SILENT", "WHICH_LABEL", "Alert", "AlertPolicy", "Condition", "Step", "address_of", "policy"]


OF_SERVICES: tuple[Callable[[MLService, Facts], Iterator[Alert]], ...] = (distances, measures, downtime, promises)
"""What people should hear of a service."""
TOLD = {
    Event.DRIFT_DETECTED: "no limit in monitoring.skew, drift, predictionDrift or performance",
    Event.SLO_BREACHED: "no monitoring.slo",
    Event.SERVICE_DOWN: "no monitoring.uptime",
    Event.BUDGET_EXCEEDED: "no budget",
}
"""Events that somebody tells of, budgets one of them, and what a spec lacks that has none."""


def desired(service: MLService, facts: Facts) -> Iterator[Desired[AlertPolicy]]:
    """Want a policy per alert that anybody asks for."""
    for rule in OF_SERVICES:
        for alert in rule(service, facts):
            told = [
                channels.address_of(service, entry)
                for entry in service.spec.notifications
                if alert.event in {str(event) for event in entry.events}
            ]
            if alert.labels.get(BREACH_LABEL) == SLO:
                told += [channels.address_of(service, entry) for entry in channels.function_of(service)]
            if told:
                yield policy(service.name, service, alert, set(told))


def notes(service: MLService, facts: Facts) -> Iterable[tuple[str, str]]:
    """Name the events that somebody asks for and will not hear of: nobody tells of them yet, or there is no alert."""
    there = {alert.event for rule in OF_SERVICES for alert in rule(service, facts)}
    there |= {str(Event.BUDGET_EXCEEDED)} if service.spec.budget else set()
    for index, entry in enumerate(service.spec.notifications):
        if "events" not in entry.model_fields_set:
            continue
        field = f"notifications[{index}].events"
        if untold := [str(event) for event in entry.events if event not in TOLD]:
            yield f"not acted on yet: {', '.join(untold)}", field
        if silent := [f"{event} ({TOLD[event]})" for event in entry.events if event in TOLD and event not in there]:
            yield f"nothing to tell of: {', '.join(silent)}", field


def operates(operator: Operator, facts: Facts) -> Iterator[Desired[AlertPolicy]]:
    """Want a policy per alert, which tells the receivers that ask for it."""
    for rule in OF_OPERATORS:
        for alert in rule(operator, facts):
            told = [
                channels.channel_of(operator.owner, entry)
                for entry in operator.spec.notifications
                if alert.event in {str(event) for event in entry.events}
            ]
            yield policy(operator.owner, operator, alert, told)


_LOOKED_AT = {
    "vertex_schedule": "distances",
    "monitoring_slo": "how fast its budget burns",
    "monitoring_uptime_check": "answers",
}
"""What a policy's conditions are about, by the kind they refer to; a window's measures the function writes."""


def flows(want: Desired[AlertPolicy], service: MLService, project: str) -> Iterator[Flow]:
    """Say what is looked at, and who is told."""
    del service, project
    sources = [each for each in want.dependencies if each.kind in _LOOKED_AT]
    for source in sources:
        yield Flow(source, want.address, _LOOKED_AT[source.kind])
    if not sources:
        yield Flow(Each("functions_function"), want.address, "measures")
    for channel in want.fields.channels:
        if isinstance(channel, Ref):
            yield Flow(want.address, channel.address, "incidents")


KIND = Kind(
    name=NAME,
    title="alert policy",
    fields=AlertPolicy,
    desired=desired,
    operates=operates,
    connect=AlertPolicyClient,
    paid=paid.NOTHING,
    group=Group.MONITORING,
    flows=flows,
    acts_on=frozenset({"notifications.events"}),
    permissions=Permissions(
        read=("monitoring.alertPolicies.list",),
        write=(
            "monitoring.alertPolicies.create",
            "monitoring.alertPolicies.update",
            "monitoring.alertPolicies.delete",
        ),
    ),
    apis=("monitoring.googleapis.com",),
    roles=Roles(read=("roles/monitoring.viewer",), write=("roles/monitoring.alertPolicyEditor",)),
    lookups=(MODEL_VERSION,),
    notes=notes,
    read_together=by_project,
    lane=channels.in_turn,
    server_named=True,
    # Policies have no etag (kinds.md 2.2), and a mask of conditions or labels writes all of them.
    fenced=False,
    keyed=frozenset({"labels"}),
    refine=refine,
    uses=frozenset({"monitoring_notification_channel", "monitoring_slo", "monitoring_uptime_check"}),
    # Nobody is to be called because a service is destroyed.
    before=frozenset({"functions_function", "run_job", "run_service", "vertex_schedule"}),
)
