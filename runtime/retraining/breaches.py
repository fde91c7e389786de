"""What monitors find becomes events: an alert policy's notification, or a message of ours about a monitor's window.

A notification of Cloud Monitoring names no trigger of ours, but carries the labels of its policy: `mlservice-service`
and `mlservice-region` say whose it is, `mlservice-breach` what was found (`skew`, `drift`, `prediction-drift`, `slo`;
labels have no capitals). Where the function looks at monitors itself, alerts on what these find start nothing. A
message of ours says the same in its attributes: `service`, `region`, `breach`, the window as `key`, and `state`:
`open`, or `closed` where the monitor looked and found nothing.

Source: https://cloud.google.com/monitoring/support/notification-options (Pub/Sub: the incident as JSON);
    fields as public receivers read them: `incident_id`, `state` (`open`, `closed`), `started_at` and `ended_at` in
    seconds, `policy_name`, `policy_user_labels`, `summary`; `version` is `test` of one that somebody tries out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SERVICE, REGION, BREACH = "mlservice-service", "mlservice-region", "mlservice-breach"
OPEN, CLOSED = "open", "closed"
MONITOR = "aiplatform.googleapis.com/ModelMonitor"
"""Resource of what Model Monitoring logs."""
LOOKED_AT = frozenset({"skew", "drift", "predictiondrift", "performance"})
"""What the function finds itself: alerts on it are for people, where it looks."""
_LONGEST = 500


class NoBreach(ValueError):
    """A notification that makes no sense. The text says why."""


@dataclass(frozen=True, slots=True)
class Breach:
    """What a monitor found, or finds no longer.

    Args:
        monitor: What is watched, as the spec calls it, lower case and without hyphens: `predictiondrift`.
        key: The same for every notification of the same finding.
        at: When it began; when it ended, where it is over.
        over: Whether it is.
        about: What it is, for people.
        service: Whose, where that is told.
        region: Where, where that is told.
    """

    monitor: str
    key: str
    at: datetime
    over: bool = False
    about: str = ""
    service: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """A trigger that fires for what monitors find.

    Args:
        trigger: Its name.
        monitors: What it fires for, spelled as `Breach.monitor`.
        consecutive: How many findings in a row it takes.
    """

    trigger: str
    monitors: frozenset[str]
    consecutive: int = 1

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Watch:
        """Read what the reconciler wrote."""
        return cls(told["trigger"], frozenset(map(plain, told["of"])), int(told["consecutive"]))


def plain(name: str) -> str:
    """Give a monitor's name as it is compared: `predictionDrift` and `prediction-drift` are one."""
    return name.lower().replace("-", "").replace("_", "")


def watching(watches: Sequence[Watch], monitor: str) -> Watch | None:
    """Give the trigger that fires for a finding: of several the one that takes the fewest in a row."""
    found = [watch for watch in watches if monitor in watch.monitors]
    return min(found, key=lambda watch: watch.consecutive) if found else None


def logged(data: bytes) -> bool:
    """Tell whether a message is a log entry of a monitor, by its resource alone: nothing else of it is documented.

    Source:
        https://cloud.google.com/logging/docs/api/v2/resource-list; entries come as sinks write them:
        https://cloud.google.com/logging/docs/export/pubsub
    """
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return False
    resource = told.get("resource") if isinstance(told, Mapping) else None
    return isinstance(resource, Mapping) and resource.get("type") == MONITOR


def incident(data: bytes, published: datetime) -> Breach | None:
    """Read the notification of an alert policy.

    Args:
        data: Of the message.
        published: For an incident that does not say when it began.

    Returns:
        The breach, of no monitor where somebody only tries notifications out; None for data that is no notification.

    Raises:
        NoBreach: It is a notification, and nobody can tell of what.
    """
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, Mapping) or not isinstance(told.get("incident"), Mapping):
        return None
    if told.get("version") == "test":
        return Breach("", "test", published)
    found = told["incident"]
    labels = found.get("policy_user_labels")
    if not isinstance(labels, Mapping) or not labels.get(BREACH):
        raise NoBreach(f"the policy of the incident has no label {BREACH}")
    if not found.get("incident_id") or found.get("state") not in {OPEN, CLOSED}:
        raise NoBreach("the incident has no id, or a state that is neither open nor closed")
    over = found["state"] == CLOSED
    about = str(found.get("summary") or found.get("policy_name") or "")
    return Breach(
        plain(str(labels[BREACH])),
        str(found["incident_id"]),
        # Not ahead of the message: what is said in it is not the clock of anything.
        min(_moment(found.get("ended_at" if over else "started_at"), published), published),
        over,
        about[:_LONGEST],
        str(labels.get(SERVICE, "")),
        str(labels.get(REGION, "")),
    )


def told(attributes: Mapping[str, str], number: str, at: datetime) -> Breach | None:
    """Read a message of ours about a monitor's window; None where it is about something else.

    Raises:
        NoBreach: Its state is none.
    """
    if not attributes.get("breach"):
        return None
    state = attributes.get("state", OPEN)
    if state not in {OPEN, CLOSED}:
        raise NoBreach(f"the state of a breach is {OPEN} or {CLOSED}")
    return Breach(
        plain(attributes["breach"]),
        attributes.get("key") or number,
        at,
        state == CLOSED,
        attributes.get("about", "")[:_LONGEST],
        attributes.get("service", ""),
        attributes.get("region", ""),
    )


def _moment(seconds: Any, otherwise: datetime) -> datetime:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return otherwise
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise
