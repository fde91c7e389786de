"""Which alert policies documents want: a list of rules, each of which says of a document what people should hear of.

A new alert is a new rule. What all of them have in common (names, marks, channels) is put on here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.core import heartbeat
from reconciler.core.address import GLOBAL, Address
from reconciler.core.naming import mark_labels
from reconciler.core.objects import Desired
from reconciler.core.reference import Ref
from reconciler.kinds.monitoring_alert_policy.record import NAME, WHICH_LABEL, AlertPolicy, Condition, Step
from schemas.cron import parse_cron
from schemas.operator import OperatorEvent

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService, Operator

SILENT, FAILING = heartbeat.SILENT, "pass-failed"
_SHARD, _OUTCOME = "metric.label.shard", "metric.label.outcome"


@dataclass(frozen=True, slots=True)
class Alert:
    """What people should hear of.

    Args:
        which: Tells it from the others of its document; a label can hold it.
        title: Of the policy, after the document's name.
        event: Word of the document for it: receivers who ask for it are told.
        severity: `CRITICAL`, `ERROR`, `WARNING`.
        help: What to do, in Markdown.
        conditions: When.
        enabled: Whether it is looked at.
        combiner: How conditions are joined.
        auto_close_s: How long an incident stays open without points; 0 for Google's default.
        labels: Of its policy, beside those that say whose it is.
        needs: Objects that must be there first, beside those that conditions refer to.
    """

    which: str
    title: str
    event: str
    severity: str
    help: str
    conditions: tuple[Condition, ...]
    enabled: bool = True
    combiner: str = "OR"
    auto_close_s: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[Address] = frozenset()


def address_of(owner: str, which: str) -> Address:
    """Give the address of a document's policy. Its name is ours: the server picks another."""
    return Address(NAME, GLOBAL, f"{owner}/{which}")


def policy(
    owner: str, document: MLService | Operator, alert: Alert, channels: Iterable[Address]
) -> Desired[AlertPolicy]:
    """Want the policy of an alert.

    Args:
        owner: As inventories and marks know the document.
        document: Its name is for people, and its labels are on everything of it.
        alert: What people should hear of.
        channels: Who is told.
    """
    fields = AlertPolicy(
        display_name=f"{document.name}: {alert.title}",
        enabled=alert.enabled,
        severity=alert.severity,
        documentation=alert.help,
        combiner=alert.combiner,
        conditions=alert.conditions,
        channels=tuple(Ref(channel, "name") for channel in sorted(channels)),
        auto_close_s=alert.auto_close_s,
        labels={**document.labels, **alert.labels, **mark_labels(owner), WHICH_LABEL: alert.which},
    )
    return Desired(address_of(owner, alert.which), fields, owner, needs=alert.needs)


def silence(operator: Operator, facts: Facts) -> Iterator[Alert]:
    """Tell when a shard has ended no pass for too long, whatever the reason: nothing else would say so.

    Where passes are too far apart for Google to notice that one is missing there is no such policy.
    """
    del facts
    spec = operator.spec
    wait_s = heartbeat.silence_s(parse_cron(spec.schedule).longest_gap_s)
    if wait_s is None:
        return
    shape = Condition(
        name=f"no pass of a shard has ended for {wait_s // 60} minutes",
        filter=heartbeat.selected(operator.name, spec.region, spec.shards),
        comparison="",
        threshold=0.0,
        duration_s=wait_s,
        steps=(Step(60, "COUNT", "SUM", (_SHARD,)),),
    )
    text = (
        f"The operator `{operator.name}` in {spec.region} is to run at `{spec.schedule}` ({spec.time_zone}), and has"
        " ended no pass: nothing is reconciled.\n\nLook with `mlservice operator status`, at the executions of the job"
        f" `{operator.name}-operator`, and at its schedule. Start a pass with `mlservice operator run`."
    )
    event = str(OperatorEvent.SILENT)
    yield Alert(SILENT, "no pass ends", event, "CRITICAL", text, (shape,), enabled=not spec.paused)


def failures(operator: Operator, facts: Facts) -> Iterator[Alert]:
    """Tell when a pass could not do all it should; over with the first passes of all shards that can."""
    del facts
    spec = operator.spec
    window_s = heartbeat.window_s(parse_cron(spec.schedule).longest_gap_s)
    shape = Condition(
        name="a pass did not end well",
        filter=heartbeat.selected(operator.name, spec.region, spec.shards, (heartbeat.FAILED, heartbeat.BLOCKED)),
        comparison="GT",
        threshold=0.0,
        duration_s=0,
        steps=(Step(window_s, "MAX", "MAX", (_OUTCOME,)),),
    )
    text = (
        f"A pass of the operator `{operator.name}` in {spec.region} failed, or was blocked, since it would have"
        " destroyed what a spec protects. The other services were reconciled.\n\n`mlservice operator status` says what"
        " is wrong, `mlservice operator logs` what was done."
    )
    yield Alert(FAILING, "passes fail", str(OperatorEvent.FAILED), "ERROR", text, (shape,))


OF_OPERATORS: tuple[Callable[[Operator, Facts], Iterator[Alert]], ...] = (silence, failures)
"""What people should hear of an operator."""
