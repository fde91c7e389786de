"""What an operator may change of itself, and what of itself it leaves as a person set it."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.diff import FieldChange
from reconciler.core.heartbeat import SILENT
from reconciler.core.orders import ORDERS_ENV, Orders
from reconciler.core.plan import Action, Change
from reconciler.core.planned import Planned
from schemas import MLServiceError

_ORDERS = f"env.{ORDERS_ENV}"
_ITS_OWN = {
    "run_job": frozenset({"image", "cpu_millis", "memory_mib", "tasks", "labels", _ORDERS}),
    "scheduler_job": frozenset({"schedule", "time_zone", "paused", "description"}),
    "monitoring_alert_policy": frozenset({"conditions", "documentation", "enabled"}),
    "run_service": frozenset(
        {
            *("image", "env", "secrets", "container", "mounts", "sidecars", "template", "service", "labels", "traffic"),
            *("cpu_millis", "memory_mib", "concurrency", "timeout_s", "min_instances", "max_instances", "service_max"),
            *("ingress", "invoker_check"),
        }
    ),
}
"""Fields of an operator that it may change itself, by kind. What it runs as, what it starts, how long it may take and
where its specs come from are a person's, as are its accounts and roles, and who is told of its passes. Its alerts
follow its schedule: who may pause it by its document may as well say that nobody waits for it. Its page it brings back
to what the document says, but for what that runs as: somebody may have opened it."""


def may_change(change: Change, orders: Orders) -> bool:
    """Tell whether an operator may do this to itself. Access that its document rules out it takes away, and gives none.

    Args:
        change: What is to be done.
        orders: What it obeys now.
    """
    if change.contradicts and change.action is Action.DELETE:
        return True
    fields = _ITS_OWN.get(change.address.kind, frozenset())
    return change.action is Action.UPDATE and all(
        each.field in fields or (each.path in fields and not _weakens(each, orders)) for each in change.changes
    )


def _weakens(change: FieldChange, orders: Orders) -> bool:
    """Tell whether the job would be told to be less careful than it is or was told to be. In doubt it would."""
    try:
        wanted, told = Orders.read(str(change.after)), Orders.read(str(change.before))
    except MLServiceError:
        return True
    return wanted.weaker_than(told) or wanted.weaker_than(orders)


def left_paused(planned: Planned) -> Planned:
    """Leave what a person paused as it is: the schedule, and the alert on passes that are missing, which follows it."""
    updates = [change for change in planned.plan.changes if change.action is Action.UPDATE]
    if not any(change.address.kind == "scheduler_job" and _differing(change, "paused") for change in updates):
        return planned
    for change in updates:
        silent = change.address.name.endswith(f"/{SILENT}")
        switch = {"scheduler_job": "paused"}.get(change.address.kind) or ("enabled" if silent else "")
        if _differing(change, switch):
            planned = _kept(planned, change, switch)
    return planned


def _differing(change: Change, switch: str) -> list[FieldChange]:
    """Give what would resume a schedule, or switch an alert on."""
    return [each for each in change.changes if each.path == switch and each.after is (switch == "enabled")]


def _kept(planned: Planned, change: Change, switch: str) -> Planned:
    """Want a field to be as it is; where that was all of the change there is nothing to do."""
    before, want = {switch: switch == "paused"}, planned.wants[change.address]
    changes = tuple(each for each in change.changes if each.path != switch)
    left = replace(change, changes=changes, desired={**(change.desired or {}), **before})
    if not changes:
        left = replace(left, action=Action.NO_OP, reason="", consequence="")
    plan = replace(planned.plan, changes=tuple(left if each is change else each for each in planned.plan.changes))
    wants = {**planned.wants, change.address: replace(want, fields=replace(want.fields, **before))}
    return replace(planned, plan=plan, wants=wants)
