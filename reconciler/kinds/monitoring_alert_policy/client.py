"""Google's client of alert policies, between our record and its messages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.by_hand import Beyond, heads
from reconciler.core.diff import FieldChange, gone_keys
from reconciler.core.metrics import METRICS
from reconciler.core.naming import SERVICE_LABEL, fingerprint, mark_of
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.durations import seconds
from reconciler.gcp.light import types_module
from reconciler.gcp.messages import as_json
from reconciler.kinds.monitoring_alert_policy.record import NAME, WHICH_LABEL, AlertPolicy, Condition, Step

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PACKAGE = "google.cloud.monitoring_v3"
_KNOWN_WITHIN_S = 600.0
"""How long a metric may take to be known (words of Google's refusal)."""
_ASK_EVERY_S = 10.0
_UNKNOWN = "Cannot find metric"
_BEYOND = Beyond(
    theirs=frozenset(
        {"name", "conditions.name", "user_labels", "creation_record", "mutation_record", "validity", "enabled"}
    ),
    defaults={
        "conditions.condition_threshold.trigger.count": (1,),
        "conditions.condition_absent.trigger.count": (1,),
        "documentation.mime_type": ("text/markdown",),
        "alert_strategy.notification_prompts": (["OPENED", "CLOSED"], ["CLOSED", "OPENED"]),
    },
)
"""What Google fills in of a policy.

Source:
    kinds.md 9.1; comments of `Trigger` (one series is enough) and `NotificationPrompt` in google-cloud-monitoring.
"""


class AlertPolicyClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._stopped = connection.stopped
        self._patience_s = min(connection.patience_s, _KNOWN_WITHIN_S)
        self._api = connection.client(_PACKAGE, "alert_policy_service", "AlertPolicyService")
        self._metrics = connection.client(_PACKAGE, "metric_service", "MetricService")
        self._types = types_module(_PACKAGE, "alert")

    def find(self, addresses: Sequence[Address], names: Mapping[Address, str]) -> Iterable[Observed[AlertPolicy]]:
        """List the project's policies, and pick ours by name and by mark, the oldest first."""
        by_name = {name: address for address, name in names.items()}
        by_mark = {tuple(address.name.split("/", 1)): address for address in addresses}
        with calling("list", f"{NAME}/{GLOBAL}"):
            request = {"name": f"projects/{self._project}", "page_size": 1000}
            found = list(self._api.list_alert_policies(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in sorted(found, key=lambda one: (one.creation_record.mutate_time, one.name)):
            marked = (live.user_labels.get(SERVICE_LABEL, ""), live.user_labels.get(WHICH_LABEL, ""))
            address = by_name.get(live.name) or by_mark.get(marked)
            if address:
                yield _observed(address, live)

    def create(self, want: Desired[AlertPolicy]) -> str:
        """Create it; synchronous. Our metrics are described first: Google refuses alerts on what it does not know."""
        policy = _written(self._types.AlertPolicy, want.fields)
        for type_, describe in METRICS.items():
            if any(f'"{type_}"' in str(condition.filter) for condition in want.fields.conditions):
                self._describe(want.address, describe())
        until = time.monotonic() + self._patience_s
        while True:
            try:
                with calling("create", want.address):
                    request = {"name": f"projects/{self._project}", "alert_policy": policy}
                    return str(self._api.create_alert_policy(request=request, timeout=CALL_TIMEOUT_S).name)
            except errors.NotFoundError as error:
                if _UNKNOWN not in error.why or time.monotonic() > until or self._stopped.wait(_ASK_EVERY_S):
                    raise

    def _describe(self, address: Address, descriptor: Mapping[str, Any]) -> None:
        """Make a metric known before its first point; one that is known stays as it is."""
        with calling("describe the metric of", address):
            request = {"name": f"projects/{self._project}", "metric_descriptor": descriptor}
            self._metrics.create_metric_descriptor(request=request, timeout=CALL_TIMEOUT_S)

    def update(self, want: Desired[AlertPolicy], seen: Observed[AlertPolicy], changes: tuple[FieldChange, ...]) -> None:
        """Write the changed fields. Conditions that look at the same as before keep names, and so incidents.

        One that looks at something else is another one to Cloud Monitoring: incidents of what nobody looks at any more
        end, and do not wait until they close by themselves.
        """
        policy = _written(type(seen.live), want.fields, seen.live)
        for key in gone_keys(changes, "labels"):
            policy.user_labels.pop(key, None)
        places = {"labels": "user_labels", "channels": "notification_channels", "auto_close_s": "alert_strategy"}
        ours = {places.get(change.field, change.field) for change in changes if change.field != "by_hand"}
        paths = sorted(ours | heads(changes))
        with calling("update", want.address):
            request = {"alert_policy": policy, "update_mask": {"paths": paths}}
            self._api.update_alert_policy(request=request, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[AlertPolicy]) -> None:
        """Delete it, with its incidents."""
        try:
            with calling("delete", seen.address):
                self._api.delete_alert_policy(request={"name": seen.server_name}, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return


def from_api(live: Any) -> AlertPolicy:
    """Turn a live policy into our record; the server's defaults end here."""
    fields = AlertPolicy(
        display_name=live.display_name,
        enabled=live.enabled,
        severity=live.severity.name.replace("SEVERITY_UNSPECIFIED", ""),
        documentation=live.documentation.content,
        combiner=live.combiner.name,
        conditions=tuple(_condition(each) for each in live.conditions),
        channels=tuple(live.notification_channels),
        auto_close_s=seconds(live.alert_strategy.auto_close),
        labels=dict(live.user_labels),
    )
    return replace(fields, by_hand=_BEYOND.of(as_json(live), as_json(_written(type(live), fields, live))))


def _condition(live: Any) -> Condition:
    """Read a condition; of a sort that we never write only its name, so that it differs."""
    if live.condition_absent:
        found = live.condition_absent
        steps = tuple(_step(each) for each in found.aggregations)
        return Condition(live.display_name, found.filter, "", 0.0, seconds(found.duration), "", steps)
    if not live.condition_threshold:
        return Condition(live.display_name, "", "", 0.0, 0)
    found = live.condition_threshold
    missing = found.evaluation_missing_data.name.removeprefix("EVALUATION_MISSING_DATA_").replace("UNSPECIFIED", "")
    return Condition(
        live.display_name,
        found.filter,
        found.comparison.name.removeprefix("COMPARISON_"),
        found.threshold_value,
        seconds(found.duration),
        missing,
        tuple(_step(each) for each in found.aggregations),
    )


def _step(live: Any) -> Step:
    return Step(
        seconds(live.alignment_period),
        live.per_series_aligner.name.removeprefix("ALIGN_"),
        live.cross_series_reducer.name.removeprefix("REDUCE_").replace("NONE", ""),
        tuple(live.group_by_fields),
    )


def _observed(address: Address, live: Any) -> Observed[AlertPolicy]:
    said = {k: v for k, v in type(live).to_dict(live).items() if k not in {"mutation_record", "validity"}}
    return Observed(
        address,
        from_api(live),
        uid=live.name,
        version=fingerprint(said),
        mark=mark_of(live.user_labels),
        problem=f"Cloud Monitoring cannot evaluate it: {live.validity.message}" if live.validity.code else "",
        output={"name": live.name},
        server_name=live.name,
        live=live,
    )


def _written(message: Any, fields: AlertPolicy, live: Any = None) -> Any:
    """Give a policy that holds our fields and nothing else.

    Args:
        message: Its class.
        fields: Ours.
        live: The policy it is about: whose names and others' labels it keeps.
    """
    names = {(each.display_name, _looks_at(each)): each.name for each in live.conditions} if live else {}
    policy = message(name=live.name if live else "", user_labels=dict(live.user_labels) if live else {})
    policy.display_name = fields.display_name
    policy.enabled = fields.enabled
    policy.severity = fields.severity or 0
    policy.documentation.content = fields.documentation
    policy.combiner = fields.combiner
    policy.conditions = [
        _condition_message(each, names.get((each.name, str(each.filter)), "")) for each in fields.conditions
    ]
    policy.notification_channels = list(fields.channels)
    policy.alert_strategy.auto_close = {"seconds": fields.auto_close_s} if fields.auto_close_s else None
    policy.user_labels.update(fields.labels)
    return policy


def _looks_at(condition: Any) -> str:
    return str(condition.condition_threshold.filter or condition.condition_absent.filter)


def _condition_message(condition: Condition, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "filter": condition.filter,
        "duration": {"seconds": condition.duration_s},
        "aggregations": [_step_message(each) for each in condition.steps],
    }
    about = {"name": name, "display_name": condition.name}
    if not condition.comparison:
        return {**about, "condition_absent": made}
    made |= {"comparison": f"COMPARISON_{condition.comparison}", "threshold_value": condition.threshold}
    if condition.missing:
        made["evaluation_missing_data"] = f"EVALUATION_MISSING_DATA_{condition.missing}"
    return {**about, "condition_threshold": made}


def _step_message(step: Step) -> dict[str, Any]:
    return {
        "alignment_period": {"seconds": step.period_s},
        "per_series_aligner": f"ALIGN_{step.aligner}",
        "cross_series_reducer": f"REDUCE_{step.reducer or 'NONE'}",
        "group_by_fields": list(step.groups),
    }
