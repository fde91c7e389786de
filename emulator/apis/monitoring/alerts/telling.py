"""Who is told of an incident, and what came of it.

Webhooks and topics are called as Google would; whoever would be told beyond this machine (e-mail, SMS, Slack,
PagerDuty) is not. What was sent, or would have been, is kept: `/_emulator/notifications` shows it.
"""

import json
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from google.cloud.monitoring_v3.types import alert

from emulator.apis.monitoring.alerts import keeping, notices
from emulator.apis.monitoring.alerts.incidents import Incident
from emulator.apis.monitoring.channels import CHANNELS
from emulator.apis.monitoring.series import metrics
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.world import World

SENT = "monitoring.notification"
SENT_MOST = 1000
WITHIN_S = 10.0
PUBLISH = "google.pubsub.v1.Publisher/Publish"
GOOD = range(200, 300)
Prompt = alert.AlertPolicy.AlertStrategy.NotificationPrompt
PROMPTS = {"open": Prompt.OPENED, "closed": Prompt.CLOSED}


def told(world: World, policy: Any, incident: Incident) -> None:
    """Write an incident down, and have every channel of its policy told; in a transaction of the caller's."""
    project = policy.name.partition("/alertPolicies/")[0]
    descriptor = metrics.find(world, project, incident.held.metric)
    shown = descriptor.display_name if descriptor is not None else ""
    notice = notices.notice(policy, incident, world.project_number(project.split("/")[1]), shown)
    keeping.save_incident(world, incident, notice["incident"])
    prompts = policy.alert_strategy.notification_prompts
    if prompts and PROMPTS[notice["incident"]["state"]] not in prompts:
        return
    for channel in policy.notification_channels:
        payload = {"channel": channel, "notice": notice, "key": uuid.uuid4().hex}
        world.clock.call_at(world.clock.now() + timedelta(0), tell, payload)


def tell(world: World, payload: dict[str, Any]) -> None:
    """Tell one channel, unless it is gone or switched off; what came of it is written down."""
    channel = CHANNELS.find(world, payload["channel"])
    if channel is None or not channel.enabled.value:
        return
    found = {**about(channel), **shown(world, payload["notice"])}
    try:
        send(world, channel, payload["notice"])
    except ApiFailure as failure:
        found["error"] = str(failure)
    with world.store.transaction():
        name = f"{world.clock.now().isoformat(timespec='microseconds')}/{payload['key']}"
        world.store.put(SENT, name, json.dumps(found).encode())
        old = world.store.names(SENT)[:-SENT_MOST]
        world.store.delete_all(SENT, old)


def about(channel: Any) -> dict[str, str]:
    """Which channel it is. Of an address only the host is shown, since a path is often a secret."""
    labels = dict(channel.labels)
    to = labels.get("email_address") or labels.get("topic") or labels.get("number") or labels.get("channel_name", "")
    host = urlsplit(labels.get("url", "")).hostname or ""
    return {"channel": channel.name, "type": channel.type_, "to": to or host}


def shown(world: World, notice: dict[str, Any]) -> dict[str, str]:
    """What is kept of what was said."""
    incident = notice["incident"]
    said = {"at": world.clock.now().isoformat(), "state": incident["state"], "incident": incident["incident_id"]}
    return {**said, "policy": incident["policy_name"], **notices.mail(notice)}


def send(world: World, channel: Any, notice: dict[str, Any]) -> None:
    """Send a notice where it can be sent on this machine.

    Raises:
        ApiFailure: It was refused, or nobody was there.
    """
    if channel.type_ == "pubsub":
        publish(world, channel, json.dumps(notice).encode())
    elif channel.type_.startswith("webhook_"):
        from emulator.apis import outgoing  # noqa: PLC0415 - most emulators never send one

        headers = {"Content-Type": "application/json", "User-Agent": "Google-Alerts"}
        body = json.dumps(notice).encode()
        code = outgoing.send(world, "POST", channel.labels["url"], headers, body=body, timeout_s=WITHIN_S)
        if code not in GOOD:
            raise ApiFailure("UNAVAILABLE", f"The webhook answered {code}.")


def publish(world: World, channel: Any, data: bytes) -> None:
    """Publish as the agent of Cloud Monitoring, which needs a permission for it.

    Raises:
        ApiFailure: The topic is gone, or the agent may not publish to it.
    """
    from google.pubsub_v1.types import pubsub  # noqa: PLC0415 - only channels of this type need it

    from emulator.wire.dispatch import perform  # noqa: PLC0415 - as a client would

    project = channel.name.split("/")[1]
    agent = f"service-{world.project_number(project)}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
    message = pubsub.PubsubMessage.pb()(data=data)
    request = pubsub.PublishRequest.pb()(topic=channel.labels["topic"], messages=[message])
    perform(world, Call(PUBLISH, mutating=True, caller=agent), request)


def sent(world: World) -> list[dict[str, Any]]:
    """What was told to whom, the oldest first."""
    return [json.loads(body) for _, body in world.store.list(SENT)]
